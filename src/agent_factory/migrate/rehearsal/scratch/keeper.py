"""The keeper of a throwaway PostgreSQL: a program of its own, from the standard library alone.

It reads one line of JSON that says what is wanted, makes a cluster in a folder of its own, starts the server,
prints one line that says where it is, and removes both when its standard input closes. Whoever wanted the
server holds the other end of that pipe, so the server goes with it however it ends, ``kill -9`` included.

A keeper that is itself killed leaves its folder, and maybe the server. ``remove_abandoned`` finds those: each
keeper locks a file in its folder, and the kernel releases that lock when the keeper ends. Unlike a recorded
process id, a lock cannot mean another process by now, nor one of another container that shares the folder.
"""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

PREFIX = "af-db-pg-"
LOCK = "keeper.lock"
PORT = "5432"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
NEW_S = 60.0
"""A folder without a lock that was changed this recently may be one whose keeper is about to lock it."""

_SOCKET_PATH_MAX = 103
"""Bytes that the path of a socket may have: macOS allows 103, Linux 107 (``sun_path`` of unix(7))."""

SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    # Nothing here outlives the server, so nothing has to reach the disk.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "checkpoint_timeout": "1h",
    # Only what a revision does takes locks and changes statistics.
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "30",
    # A schema of thousands of tables may be touched in one transaction; a slot takes some 300 bytes.
    "max_locks_per_transaction": "1024",
    "max_prepared_transactions": "5",
    # Whatever production has, a revision that makes a publication or a replication slot can run.
    "wal_level": "logical",
}


class Owner(TypedDict, total=False):
    """As whom a server is run: arguments of ``subprocess``."""

    user: str
    group: int
    extra_groups: list[int]


class NotStartedError(Exception):
    """There is no server; the message says why."""


def main() -> None:
    """Serve what the first line of standard input asks for, until standard input ends."""
    for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))
    wanted = sys.stdin.readline()
    if not wanted:
        return
    try:
        with contextlib.suppress(BrokenPipeError):
            _keep(json.loads(wanted))
    except (NotStartedError, OSError, subprocess.SubprocessError, LookupError) as error:
        _say({"error": str(error) or type(error).__name__})


def remove_abandoned() -> None:
    """Remove folders and servers of this user's whose keepers were killed."""
    for place in {Path(tempfile.gettempdir()), Path("/tmp")}:  # noqa: S108 - read only, nothing is made here
        for folder in place.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                remove_if_abandoned(folder)


def remove_if_abandoned(folder: Path) -> None:
    """Remove this folder and its server, unless its keeper lives or it is another user's.

    The lock file says whose it is: as root the folder itself belongs to the user that the server runs as.
    Raises BlockingIOError while its keeper lives, another OSError when it cannot be read.
    """
    if folder.is_symlink():
        return
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        found = folder.lstat()
        if found.st_uid == os.geteuid() and time.time() - found.st_mtime > NEW_S:
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            return
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its keeper lives
        _end_abandoned_server(folder / "data")
        _remove(folder)
    finally:
        os.close(lock)


def _keep(wanted: dict[str, Any]) -> None:
    """Make a cluster, serve it until standard input ends, and remove it.

    ``wanted``: ``bin_dir`` of PostgreSQL's programs, the name of the ``superuser``, ``settings`` that the
    server gets besides SETTINGS, and ``access``: the lines of pg_hba.conf.
    """
    owner = _find_owner()
    folder = _make_folder()
    lock: int | None = None
    server: subprocess.Popen[bytes] | None = None
    try:
        lock = _lock(folder)
        bin_dir = Path(wanted["bin_dir"])
        if owner and not _may_run(bin_dir / "postgres", owner):
            bin_dir = _copy_installation(bin_dir, folder)
        _write_access(folder, wanted["access"], wanted["superuser"])
        with (folder / "log").open("w+b") as log:
            if owner:
                # From here on root writes nothing by name: in this folder the name may be another's link.
                shutil.chown(folder, owner["user"])
            _make_cluster(bin_dir, folder, owner, log, wanted["superuser"])
            server = _start(bin_dir, folder, owner, log, wanted["settings"])
        _say({"folder": str(folder), "bin_dir": str(bin_dir)})
        sys.stdin.read()
    finally:
        for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(ending, signal.SIG_IGN)
        if server is not None:
            _stop(server)
        _remove(folder)
        if lock is not None:
            os.close(lock)


def _find_owner() -> Owner:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise NotStartedError(
            "PostgreSQL does not run as root, and there is no user nobody to run it as"
        ) from None
    return {"user": nobody.pw_name, "group": nobody.pw_gid, "extra_groups": []}


def _make_folder() -> Path:
    """A folder that only its owner may enter.

    It is where the server's user can reach it, and where the path of a socket is not too long.
    """
    usual = Path(tempfile.gettempdir())
    fits = len(os.fsencode(usual / f"{PREFIX}12345678" / ".s.PGSQL.65535")) <= _SOCKET_PATH_MAX
    real = usual.resolve()
    reachable = os.geteuid() != 0 or all(place.stat().st_mode & 0o001 for place in (real, *real.parents))
    place = usual if fits and reachable else Path("/tmp")  # noqa: S108 - mkdtemp
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))


def _lock(folder: Path) -> int:
    """Lock the file by which a living keeper is known; it gets its name when it is locked."""
    lock = os.open(folder / "new.lock", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "new.lock").rename(folder / LOCK)
    return lock


def _may_run(program: Path, owner: Owner) -> bool:
    try:
        return _run([str(program), "--version"], Path("/"), owner, subprocess.DEVNULL) == 0
    except OSError:
        return False


def _copy_installation(bin_dir: Path, folder: Path) -> Path:
    """Copy the programs to where the server's user can read them; return their folder.

    They find their other files by relative paths, the wheel's own libraries beside its package included.
    """
    source = bin_dir.parent
    package, libraries = source.parent, source.parent.with_name(f"{source.parent.name}.libs")
    copy = folder / "programs" / package.name / source.name
    for part in ("bin", "lib", "share"):
        if (source / part).is_dir():
            shutil.copytree(source / part, copy / part)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "programs" / libraries.name)
    for path in (folder / "programs").rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755)
    return copy / "bin"


def _write_access(folder: Path, access: list[str], superuser: str) -> None:
    """Write who may log in. ``map=af_db`` in a line lets in the user of the operating system that this is."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name, lines in (("pg_hba.conf", access), ("pg_ident.conf", [f'af_db "{user}" "{superuser}"'])):
        path = folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        path.chmod(0o644)


def _make_cluster(bin_dir: Path, folder: Path, owner: Owner, log: BinaryIO, superuser: str) -> None:
    code = _run(
        [
            *(str(bin_dir / "initdb"), f"--pgdata={folder / 'data'}", f"--username={superuser}"),
            *("--encoding=UTF8", "--locale=C", "--auth=reject", "--no-sync"),
        ],
        folder,
        owner,
        log,
    )
    if code != 0:
        raise NotStartedError(f"initdb failed: {_last_words(log)}")


def _start(
    bin_dir: Path, folder: Path, owner: Owner, log: BinaryIO, wanted: dict[str, str]
) -> "subprocess.Popen[bytes]":
    settings = {
        **SETTINGS,
        "unix_socket_directories": str(folder),
        "hba_file": str(folder / "pg_hba.conf"),
        "ident_file": str(folder / "pg_ident.conf"),
        **wanted,
    }
    arguments = [str(bin_dir / "postgres"), "-D", str(folder / "data")]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    server = subprocess.Popen(
        arguments,
        **owner,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=_environment(),
        cwd=folder,
    )
    deadline = time.monotonic() + START_TIMEOUT_S
    try:
        while time.monotonic() < deadline and server.poll() is None:
            # The eighth line of the file says how far the server is (pidfile.h of PostgreSQL).
            with contextlib.suppress(OSError, IndexError):
                if (folder / "data" / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                    return server
            time.sleep(0.005)
    except BaseException:
        _stop(server)
        raise
    _stop(server)
    raise NotStartedError(f"the server did not start: {_last_words(log)}")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)  # "immediate": without a checkpoint, since nothing is kept
        try:
            server.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _end_abandoned_server(data: Path) -> None:
    """End the server of this folder, if it still runs; its other processes go with it."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    for ending in (signal.SIGQUIT, signal.SIGKILL):
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while f" {data} " in f"{_command_line(pid)} " and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, ending)
            time.sleep(0.02)


def _command_line(pid: int) -> str:
    """The command line of a process, "" when there is none. Only its own server names the folder."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            return ""
    found = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], stdout=subprocess.PIPE, text=True, check=False
    )
    return found.stdout.strip()


def _remove(folder: Path) -> None:
    """Remove the folder, and its lock last: without it nobody could tell whose the rest is."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _run(arguments: list[str], folder: Path, owner: Owner, said: BinaryIO | int) -> int:
    return subprocess.run(
        arguments,
        **owner,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        env=_environment(),
        cwd=folder,
        timeout=START_TIMEOUT_S,
        check=False,
    ).returncode


def _environment() -> dict[str, str]:
    """What PostgreSQL's programs need. With TZ, initdb does not compare the clock with every time zone."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}


def _last_words(log: BinaryIO) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "it said nothing"


def _say(answer: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
