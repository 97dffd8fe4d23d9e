"""What project code and Alembic print: it goes to stderr, without secrets."""

import codecs
import contextlib
import io
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from agent_factory.redaction import may_go_on, redact

_LAST_WORDS_S = 1.0
"""How long what was printed below Python is waited for, at the end of a block: a program that was started in
it may go on, and hold its output open."""
_CHATTERING = ("alembic.runtime.migration", "alembic.runtime.plugins")
_OVER_A_MOVING_LINE = "\r\x1b[2K"
"""The beginning of the line, and what clears it: on a terminal it may show what is running."""
_BEGINS_LINE = re.compile(r"(?<![^\r\n])(?=[^\r\n])")
_LONGEST = 65_536
"""Characters that are kept until a line ends."""


class RedactedStream(io.TextIOBase):
    """A text stream that hands on each line once it is whole, without secrets.

    So a secret that is printed in two writes is found. What is printed without a line's end goes on with
    ``finish``, or when it is very long. It closes nothing, and what cannot be written is lost. ``label``
    stands before each line.
    """

    def __init__(self, to: TextIO | None, label: str = "") -> None:
        super().__init__()
        self._label = label
        self._to = to or io.StringIO()  # where there is no stream, nobody reads
        self._rest = ""
        self._bytes = _Bytes(self)
        self._printing = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override] # a plain attribute there
        return self._to.encoding or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._to.errors

    @property
    def buffer(self) -> "_Bytes":
        """What takes bytes, as the buffer of a standard stream."""
        return self._bytes

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        with contextlib.suppress(ValueError):
            return self._to.isatty()
        return False

    def fileno(self) -> int:
        return self._to.fileno()

    def write(self, text: str) -> int:
        with self._printing:
            printed = self._rest + text
            end = _at_last_end(printed) if len(printed) < _LONGEST else len(printed)
            self._rest = printed[end:]
            self._hand_on(printed[:end])
        return len(text)

    def finish(self) -> None:
        """Hand on what has no line's end."""
        with self._printing:
            rest, self._rest = self._rest, ""
            self._hand_on(rest)

    def close(self) -> None:
        """Stay open: af-db's own words follow."""

    def _hand_on(self, text: str) -> None:
        if text:
            with contextlib.suppress(OSError, ValueError):  # its reader has left, or a revision has closed it
                shown = _BEGINS_LINE.sub(self._label, redact(text)) if self._label else redact(text)
                self._to.write((_OVER_A_MOVING_LINE if self.isatty() else "") + shown)
                self._to.flush()


class _Bytes(io.RawIOBase):
    def __init__(self, to: RedactedStream) -> None:
        super().__init__()
        self._to = to
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._to.fileno()

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._to.write(self._decoder.decode(bytes(data)))
        return len(data)


def _at_last_end(text: str) -> int:
    """Return where the lines end that may leave: what the next line may turn into a secret waits for it."""
    # What a progress bar begins its line again with ends a line as well.
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    while end and may_go_on(text[:end].rstrip("\r\n")):
        end = max(text.rfind("\n", 0, end - 1), text.rfind("\r", 0, end - 1)) + 1
    return end


@contextlib.contextmanager
def stdout_kept_clean(label: str = "") -> Iterator[None]:
    """Send what Alembic, env.py, revisions and their subprocesses print to stderr, without secrets.

    ``label`` stands before each line of it. What is written to the descriptor of stderr itself, below Python,
    goes there as it is.
    """
    if isinstance(sys.stderr, RedactedStream):  # within another such block
        yield
        return
    with contextlib.ExitStack() as undo:
        stream = RedactedStream(sys.stderr, label)
        undo.callback(stream.finish)
        undo.enter_context(_descriptor_into(stream))
        undo.enter_context(contextlib.redirect_stdout(stream))
        undo.enter_context(contextlib.redirect_stderr(stream))
        yield


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Have nobody hear which step Alembic is at, where env.py has its loggers print: af-db says that itself.

    Warnings are heard.
    """
    loggers = [logging.getLogger(name) for name in _CHATTERING]

    def is_heard(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    for logger in loggers:
        logger.addFilter(is_heard)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_heard)


@contextlib.contextmanager
def _descriptor_into(stream: RedactedStream) -> Iterator[None]:
    """Have what is written to the descriptor of stdout come out of this stream."""
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # a descriptor may be closed
            sys.stdout.flush()
            kept = os.dup(1)
            undo.callback(os.close, kept)
            reading, writing = os.pipe()
            os.dup2(writing, 1)
            os.close(writing)
            reader = threading.Thread(target=_read_into, args=(reading, stream), daemon=True)
            reader.start()
            undo.callback(reader.join, _LAST_WORDS_S)
            undo.callback(os.dup2, kept, 1)  # which closes the pipe
        yield


def _read_into(reading: int, stream: RedactedStream) -> None:
    with open(reading, encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            stream.write(line)
    stream.finish()
