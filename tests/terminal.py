"""A terminal for a command, so that it asks; and a person's answers to its questions."""

import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path

from tests.commands import INSTALLED, Outcome, bare_environment, the_warm_server
from tests.warm import WarmProcess, can_be_warm

TIMEOUT_S = 60
PATIENCE_S = 5


def run_on_terminal(
    *arguments: str,
    cwd: Path,
    url: str | None = None,
    answers: Mapping[str, str] | None = None,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
    typed_ahead: str = "",
) -> Outcome:
    """Run ``af-db`` on a pseudo-terminal; type each answer when its question has appeared.

    ``typed_ahead`` is typed before the command starts. Everything the terminal showed is ``out``.
    """
    waiting = dict(answers or {})
    controller, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    os.write(controller, typed_ahead.encode())
    whole = bare_environment(url) | {"TERM": "xterm-256color"} | dict(environment or {})
    process: subprocess.Popen[bytes] | WarmProcess
    if can_be_warm(environment or {}):
        streams = (terminal, terminal, terminal)
        process = the_warm_server().start_on(streams, "af-db", *arguments, cwd=cwd, environment=whole)
    else:
        process = subprocess.Popen(
            [str(INSTALLED), *arguments],
            cwd=cwd,
            env=whole,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=_own_the_terminal,  # else Ctrl-C is only a character
        )
    os.close(terminal)
    shown = b""
    typed = b""
    typed_at = 0.0
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while time.monotonic() < deadline:
            if not select.select([controller], [], [], 0.1)[0]:
                if typed and time.monotonic() - typed_at > PATIENCE_S:
                    # Python can miss a Ctrl-C that comes just before it reads: a person types it again.
                    os.write(controller, typed)
                    typed_at = time.monotonic()
                continue
            try:
                read = os.read(controller, 65536)
            except OSError:  # Linux says so when the last writer has closed the terminal
                break
            if not read:
                break
            shown += read
            for question in [question for question in waiting if question in shown.decode()]:
                typed = waiting.pop(question).encode()
                typed_at = time.monotonic()
                os.write(controller, typed)
        code = process.wait(timeout=max(deadline - time.monotonic(), 1))
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    return Outcome(code=code, out=shown.decode().replace("\r\n", "\n"), err="")


def _own_the_terminal() -> None:
    ioctl(0, termios.TIOCSCTTY, 0)
