"""The program of a project that prints the URL of its database: a secret manager, a token of a cloud."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.plain_text import text_of
from agent_factory.redaction import URL_PASSWORD, redact, register_secret
from agent_factory.url import MalformedURLError, parse_url

TIMEOUT_S = 30.0
_KEY = "database-url-command"
_LEAST_SECRET = 12
"""Characters of a line that may be a secret: a URL has more, and a word such as "error" is in any message."""


def run_url_command(words: Sequence[str], folder: Path, *, timeout_s: float = TIMEOUT_S) -> str:
    """Return the URL that this program prints; it runs in ``folder``, without a shell and without an input.

    All that it prints is a secret before anything is said of it, and what it says on stderr is shown without
    secrets. Raises UsageError where it cannot be started, fails, takes too long, or prints no URL.
    """
    try:
        process = subprocess.Popen(
            list(words),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or text_of(error)
        raise _failed(words, f"cannot be started: {why}") from None
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        raise _failed(words, f"did not end in {show_duration(timeout_s)}") from None
    except BaseException:  # Ctrl-C, and what asks this process to end
        _end(process)
        raise
    text = out.decode(errors="replace").strip()
    _keep_secret(text)
    said = [line for line in redact(err.decode(errors="replace")).splitlines() if line.strip()]
    for line in said:
        print(f"{_KEY}: {line}", file=sys.stderr)  # noqa: T201 - what it says is for the person who waits
    if process.returncode != 0:
        raise _failed(words, _how_ended(process.returncode) + (f": {said[-1]}" if said else ""))
    return _url_in(words, text)


def _keep_secret(text: str) -> None:
    """Have what is printed be a secret, and each password in it by itself: stderr may have that alone."""
    for line in (text, *text.splitlines()):
        if len(line) >= _LEAST_SECRET:
            register_secret(line.strip())
        try:
            parse_url(line)
        except MalformedURLError:
            for found in URL_PASSWORD.finditer(line):
                register_secret(found[2])
                register_secret(unquote(found[2]))


def _url_in(words: Sequence[str], text: str) -> str:
    if not text:
        raise _failed(words, "has printed nothing")
    if len(text.splitlines()) > 1:
        raise _failed(words, f"has printed {len(text.splitlines())} lines, and not one URL")
    try:
        parse_url(text)
    except MalformedURLError as error:
        raise _failed(words, f"has printed no URL of a database: {error}") from None
    return text


def _how_ended(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:  # one of the real-time signals
        return f"was ended by signal {-code}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Have it be gone, and what it has started and left in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _failed(words: Sequence[str], why: str) -> UsageError:
    typed = redact(shlex.join(words))
    return UsageError(
        _KEY,
        f"{_KEY} of [tool.af-db], {words[0]}, {why}",
        state=NOT_TOUCHED,
        next_steps=(
            f"run it in the folder of pyproject.toml, and see what it says: {typed}",
            "or set DATABASE_URL: where it is set, the command does not run",
        ),
    )
