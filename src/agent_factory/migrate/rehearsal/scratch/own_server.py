"""A PostgreSQL of our own, behind a socket in a private folder, which goes with this process."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from agent_factory.migrate.rehearsal.scratch import keeper
from agent_factory.url import DatabaseURL

SUPERUSER = "af_db_scratch"
ONLY_THIS_USER = (f"local all {SUPERUSER} peer map=af_db",)
END_TIMEOUT_S = 60

_HANDED_ON = ("PATH", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the keeper gets of the environment; the rest may hold secrets."""


class ServerNotStartedError(Exception):
    """A server of our own did not start; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnServer:
    """A running server. ``folder`` holds its socket, ``bin_dir`` the programs that its user may run."""

    folder: Path
    bin_dir: Path
    superuser: str

    def url(self, database: str) -> DatabaseURL:
        """Return where a database of it is, over the socket."""
        return DatabaseURL(
            backend="postgresql",
            database=database,
            user=self.superuser,
            host=str(self.folder),
            port=int(keeper.PORT),
            options=(("channel_binding", "disable"),),  # PGCHANNELBINDING=require is about production
        )


def _start_keeper() -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            # Isolated: a module in the user's folder or in PYTHONPATH cannot take the place of the library's.
            [sys.executable, "-I", "-S", str(Path(keeper.__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            cwd="/",
            env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
            start_new_session=True,  # Ctrl-C in the terminal is for this process; the keeper ends by its pipe
        )
    except OSError as error:
        raise ServerNotStartedError(
            f"its keeper, {sys.executable}, cannot be started: {error.strerror}"
        ) from error


@contextlib.contextmanager
def own_server(
    bin_dir: Path,
    *,
    superuser: str = SUPERUSER,
    access: Sequence[str] = ONLY_THIS_USER,
    settings: Mapping[str, str] | None = None,
) -> Iterator[OwnServer]:
    """Start a server with the programs of this folder; it ends with the block, or with this process.

    ``access`` are the lines of its pg_hba.conf, ``settings`` what it gets besides ``keeper.SETTINGS``. What
    killed processes of this user have left over is removed first. Raises ServerNotStartedError.
    """
    keeper.remove_abandoned()
    wanted = {
        "bin_dir": str(bin_dir),
        "superuser": superuser,
        "access": list(access),
        "settings": dict(settings or {}),
    }
    process = _start_keeper()
    stdin, stdout, stderr = (
        cast("IO[str]", pipe) for pipe in (process.stdin, process.stdout, process.stderr)
    )
    folder: Path | None = None
    try:
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(wanted) + "\n")
            stdin.flush()
        answer = json.loads(stdout.readline() or "{}")
        if "folder" not in answer:
            said = answer.get("error") or (stderr.read().strip().splitlines() or ["its keeper ended"])[-1]
            raise ServerNotStartedError(said)
        folder = Path(answer["folder"])
        yield OwnServer(folder=folder, bin_dir=Path(answer["bin_dir"]), superuser=superuser)
    finally:
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        try:
            process.wait(timeout=END_TIMEOUT_S)
        finally:
            stdout.close()
            stderr.close()
        if folder is not None and folder.exists():  # the keeper was killed
            with contextlib.suppress(OSError):
                keeper.remove_if_abandoned(folder)
