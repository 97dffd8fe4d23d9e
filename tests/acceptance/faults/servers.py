"""Servers of a test's own: PgBouncer, a standby, and a PostgreSQL that may be killed.

Like tests/postgres.py, they run as ``nobody`` when the tests run as root, since they refuse to be root.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import psycopg2
import pytest

from agent_factory.migrate.rehearsal.scratch.own_server import ServerNotStartedError
from agent_factory.url import parse_url
from tests.acceptance.faults.waiting import until
from tests.certificates import OPENSSL, KeyPair, self_signed
from tests.postgres import SETTINGS, Server, server_folders, throwaway_server
from tests.temporary import short_folder

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


class _Owner(TypedDict):
    user: str | None
    group: int | None


def _owner() -> _Owner:
    """As whom a server is run: as those of tests/postgres.py are, so that one may limit the other."""
    if os.geteuid() != 0:
        return {"user": None, "group": None}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid}


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"af-db-{prefix}-", dir=short_folder()))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _serving(arguments: list[str], folder: Path, log: Path, *, end: signal.Signals) -> Iterator[None]:
    with log.open("wb") as said:
        process = subprocess.Popen(
            arguments,
            **_owner(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    where = parse_url(url)
    try:
        psycopg2.connect(
            host=where.host,
            port=where.port,
            user=where.user,
            password=where.password,
            dbname=where.database,
            connect_timeout=2,
        ).close()
    except psycopg2.OperationalError:
        return False
    return True


@contextlib.contextmanager
def pgbouncer(url: str, *, pool_size: int, mode: str = "transaction") -> Iterator[str]:
    """Pool a database's connections by ``mode``; the block gets the pooled URL."""
    assert PGBOUNCER is not None
    where = parse_url(url)
    with _folder("pgbouncer") as folder:
        port = _free_port()
        users = folder / "users.txt"
        users.write_text(f'"{where.user}" "{where.password}"\n')
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={where.host} port={where.port or 5432}\n"
            f"[pgbouncer]\npool_mode = {mode}\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nauth_type = scram-sha-256\nauth_file = {users}\n"
            f"unix_socket_dir =\ndefault_pool_size = {pool_size}\n"
        )
        for path in (users, settings):
            path.chmod(0o644)  # the folder is 0700
        with _serving([PGBOUNCER, str(settings)], folder, folder / "log", end=signal.SIGINT):
            pooled = url.replace(f"@{where.host}:{where.port or 5432}/", f"@127.0.0.1:{port}/")
            until(lambda: _answers(pooled), "PgBouncer's first answer")
            yield pooled


@contextlib.contextmanager
def standby(primary: Server) -> Iterator[Server]:
    """Copy a server that ``throwaway_server()`` started, and let the copy follow it."""
    programs = primary.bin_dir
    with _folder("standby") as folder:
        data = folder / "data"
        made = subprocess.run(
            [
                *(str(programs / "pg_basebackup"), "-h", primary.socket_dir, "-p", str(primary.port)),
                *("-U", primary.user, "-D", str(data), "-R", "--checkpoint=fast", "--wal-method=stream"),
                *("--no-sync", "--no-manifest"),
            ],
            **_owner(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=folder,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        port = _free_port()
        server = Server(
            host="127.0.0.1",
            port=port,
            socket_dir=str(folder),
            user=primary.user,
            password=primary.password,
            bin_dir=programs,
        )
        arguments = [
            *(str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-p", str(port)),
            # What is shared by all sessions must not be smaller than on the primary.
            *("-c", f"hba_file={primary.socket_dir}/pg_hba.conf", "-c", "listen_addresses=127.0.0.1"),
            *("-c", "max_connections=200", "-c", "fsync=off"),
            *("-c", "max_prepared_transactions=5", "-c", "shared_buffers=64MB"),
        ]
        with _serving(arguments, folder, folder / "log", end=signal.SIGINT):
            until(lambda: _answers(server.url("postgres")), "the standby's first answer")
            yield server


@contextlib.contextmanager
def tls_server(name: str, *, ends: str = "21200101") -> Iterator[tuple[Server, KeyPair]]:
    """Start a server with a self-signed certificate for this name; skips where none here speaks TLS."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    with _folder("tls") as folder:
        pair = self_signed(folder / "pair", name, ends=ends)
        pair.key.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(pair.key.parent, "nobody")
            shutil.chown(pair.key, "nobody")
        named = {"ssl_cert_file": str(pair.certificate), "ssl_key_file": str(pair.key)}
        for major in sorted(server_folders()):
            with contextlib.ExitStack() as stack:
                try:
                    server = stack.enter_context(
                        throwaway_server(major, settings={**SETTINGS, "ssl": "on", **named})
                    )
                except ServerNotStartedError as error:
                    if "SSL is not supported" not in str(error):
                        raise
                    continue
                yield server, pair
                return
        pytest.skip("no PostgreSQL of this machine speaks TLS (apt-get install postgresql)")


def limit_file_size(pid: int, size: int) -> None:
    """Let one session of a server write no file beyond this size, as if its disk were full there."""
    # Only a process's own user may limit it; root without CAP_SYS_RESOURCE may not.
    limiter = (
        "import resource, sys\n"
        "pid, size = map(int, sys.argv[1:])\n"
        "resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))\n"
    )
    subprocess.run(
        [_system_python(), "-I", "-S", "-c", limiter, str(pid), str(size)],
        **_owner(),
        stdin=subprocess.DEVNULL,
        env={"PATH": os.defpath},
        cwd="/",
        timeout=20,
        check=True,
    )


def _system_python() -> str:
    """A Python that another user may run: the tests' own may be in a closed folder."""
    if os.geteuid() != 0:
        return sys.executable
    return shutil.which("python3", path=os.defpath) or os.path.realpath(sys.executable)
