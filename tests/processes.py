"""The processes of this machine, as anybody may list them."""

import contextlib
import subprocess
from pathlib import Path

HAS_PROC = Path("/proc/self/cmdline").exists()


def command_lines() -> dict[int, str]:
    """The command line of each process by its id."""
    if not HAS_PROC:
        listed = subprocess.run(
            ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
        )
        lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
        return {int(line[0]): line[-1] for line in lines}
    return {pid: text for pid, text in _files("cmdline").items() if text}


def environments() -> dict[int, str]:
    """The environment of each process that this user may look into, where the system shows it."""
    return _files("environ")


def _files(name: str) -> dict[int, str]:
    found = {}
    for path in Path("/proc").glob(f"[0-9]*/{name}"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            found[int(path.parent.name)] = path.read_bytes().decode(errors="replace").replace("\0", " ")
    return found
