"""Commands in processes of their own that do not begin by importing: they are forked from one that has.

Importing takes ``af-db`` half a second, most of what a test of a process would wait for. Here a server has
imported everything; each command is a fork of it that gets arguments, folder, environment and streams, calls
the console script's function, and exits as Python does. It has its own process id and session: it can be
signalled and killed like any other. What an interpreter decides when it starts is not its own: hash seed,
``sys.path``, ``PYTHON*`` variables. ``AF_DB_TEST_PROCESSES=new`` has every process begin anew.

As a program this file is the server; tests use ``warm_server`` and ``WarmServer.start``.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from typing import IO, Any

PROGRAMS = {
    "af-db": ("agent_factory.migrate.__main__", "main"),
    "alembic": ("alembic.config", "main"),
}
IMPORTED = ("agent_factory", "alembic.config", "psycopg2.extras", "sqlalchemy.dialects.postgresql.psycopg2")
PROCESSES = os.environ.get("AF_DB_TEST_PROCESSES", "warm")
DECIDED_AT_START = ("PYTHON", "LD_", "LC_", "TZ")
START_TIMEOUT_S = 60.0
STAND_IN = """#!{python} -IS
# {program} for a shell: a fork of the warm process with this one's streams.
import json, os, socket, struct, sys

request = {{"program": "{program}", "arguments": sys.argv[1:], "cwd": os.getcwd()}}
message = json.dumps({{**request, "environment": dict(os.environ)}}).encode()
answers = socket.socket(socket.AF_UNIX)
answers.connect("{address}")
socket.send_fds(answers, [struct.pack("!i", len(message))], [0, 1, 2])
answers.sendall(message)
_pid, code = struct.unpack("!ii", answers.recv(8, socket.MSG_WAITALL))
sys.exit(code)
"""
NUMBER = struct.Struct("!i")


@dataclass(slots=True, kw_only=True)
class WarmProcess:
    """A command that runs: what tests use of ``subprocess.Popen[str]``."""

    pid: int
    arguments: tuple[str, ...]
    stdout: IO[str] | None = None
    stderr: IO[str] | None = None
    returncode: int | None = None
    _end: socket.socket = field(repr=False)
    """Where its exit code arrives."""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            # A socket without time is "non-blocking", and says so with another exception.
            self._end.settimeout(max(timeout, 0.000_001) if timeout is not None else None)
            try:
                self.returncode = _read_number(self._end)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0) from None
            self._end.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmServer:
    """A server that answers at ``address``."""

    address: str

    def write_stand_in(self, path: Path) -> None:
        """Write a script that does what the console script of this file's name does, for a shell's PATH."""
        path.write_text(STAND_IN.format(python=sys.executable, program=path.name, address=self.address))
        path.chmod(0o755)

    def start(self, program: str, *arguments: str, cwd: Path, environment: Mapping[str, str]) -> WarmProcess:
        """Start a program of PROGRAMS without input; both its streams are to be read."""
        with Path(os.devnull).open("rb") as nothing:
            out, out_of_it = os.pipe()
            err, err_of_it = os.pipe()
            try:
                process = self.start_on(
                    (nothing.fileno(), out_of_it, err_of_it),
                    program,
                    *arguments,
                    cwd=cwd,
                    environment=environment,
                )
            finally:
                os.close(out_of_it)
                os.close(err_of_it)
        process.stdout = os.fdopen(out, encoding="utf-8")
        process.stderr = os.fdopen(err, encoding="utf-8")
        return process

    def start_on(
        self,
        streams: tuple[int, int, int],
        program: str,
        *arguments: str,
        cwd: Path,
        environment: Mapping[str, str],
    ) -> WarmProcess:
        """Start a program of PROGRAMS with these streams; a terminal becomes the one that controls it."""
        request = {
            "program": program,
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": dict(environment),
        }
        end = ask(self.address, request, streams)
        return WarmProcess(pid=_read_number(end), arguments=(program, *arguments), _end=end)


def ask(address: str, request: Mapping[str, object], streams: tuple[int, int, int]) -> socket.socket:
    """Ask for a process with these streams; its id and its exit code arrive on the socket."""
    answers = socket.socket(socket.AF_UNIX)
    answers.connect(address)
    message = json.dumps(request).encode()
    socket.send_fds(answers, [NUMBER.pack(len(message))], streams)
    answers.sendall(message)
    return answers


def can_be_warm(environment: Mapping[str, str]) -> bool:
    """Whether a fork can stand for a process with this environment, on this system."""
    is_wanted = hasattr(os, "pidfd_open") and PROCESSES != "new"
    return is_wanted and not any(name.startswith(DECIDED_AT_START) for name in environment)


@contextlib.contextmanager
def warm_server() -> Iterator[WarmServer]:
    """Start a server, which ends with this block or with this process."""
    with tempfile.TemporaryDirectory(prefix="af-db-warm-", ignore_cleanup_errors=True) as folder:
        address = str(Path(folder) / "socket")
        process = subprocess.Popen(
            [sys.executable, __file__, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests
        )
        assert process.stdin is not None
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not Path(address).exists():
                assert process.poll() is None, "the server of warm processes did not start"
                assert time.monotonic() < deadline, "the server of warm processes does not answer"
                time.sleep(0.01)
            yield WarmServer(address=address)
        finally:
            process.stdin.close()
            process.wait(START_TIMEOUT_S)


def _read_number(answers: socket.socket) -> int:
    read = answers.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(read) < NUMBER.size:
        raise ConnectionError("the server of warm processes is gone")
    number: int = NUMBER.unpack(read)[0]
    return number


def _serve(address: str) -> None:
    """Fork for each request until standard input closes; in the fork this returns."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{address}.new")
    listening.listen(64)
    Path(f"{address}.new").rename(address)  # it answers as soon as it has this name
    waiting: dict[int, tuple[int, socket.socket]] = {}  # the process and who asked for it, by its pidfd
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while True:
            for key, _events in selector.select():
                if key.fd == sys.stdin.fileno():
                    shutil.rmtree(Path(address).parent, ignore_errors=True)  # the tests may have been killed
                    os._exit(0)
                if key.fd != listening.fileno():
                    selector.unregister(key.fd)
                    pid, answers = waiting.pop(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    with contextlib.suppress(OSError), answers:
                        answers.sendall(NUMBER.pack(code))
                    continue
                answers, _address = listening.accept()
                size, streams, _flags, _from = socket.recv_fds(answers, NUMBER.size, 3)
                request = json.loads(answers.recv(NUMBER.unpack(size)[0], socket.MSG_WAITALL))
                pid = os.fork()
                if pid == 0:
                    for end in (listening, answers, *(answers for _pid, answers in waiting.values())):
                        end.close()
                    for pidfd in waiting:
                        os.close(pidfd)
                    _become(request, streams)
                    return
                for stream in streams:
                    os.close(stream)
                with contextlib.suppress(OSError):  # who asked may be gone
                    answers.sendall(NUMBER.pack(pid))
                pidfd = os.pidfd_open(pid)
                waiting[pidfd] = (pid, answers)
                selector.register(pidfd, selectors.EVENT_READ)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Have this fork look as the console script would when it has just been started."""
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(0):
        ioctl(0, termios.TIOCSCTTY, 0)  # else Ctrl-C is only a character
    program = Path(sys.executable).with_name(request["program"])
    sys.argv = [str(program), *request["arguments"]]
    sys.path[0] = str(program.parent)


def _import_all() -> None:
    for name in IMPORTED:
        package = importlib.import_module(name)
        if name == "agent_factory":
            for module in pkgutil.walk_packages(package.__path__, f"{name}."):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # else each fork copies what its collector touches


if __name__ == "__main__":
    _import_all()
    _serve(sys.argv[1])
    module, function = PROGRAMS[Path(sys.argv[0]).name]
    sys.exit(getattr(sys.modules[module], function)())
