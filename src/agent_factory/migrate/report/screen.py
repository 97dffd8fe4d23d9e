"""Where text goes. Off a terminal it is plain: nothing is cut, wrapped or coloured; Rich is not loaded."""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from agent_factory.redaction import redact

Part = tuple[str, str]
"""Words and their style."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What moves the cursor, starts another line, or turns the direction in which a line is read."""


class Screen:
    """A stream that nobody watches: a pipe, a file, the log of a CI job."""

    is_terminal = False
    width = 10_000
    shows_values = False
    """Whether the values of rows that a database has quoted are shown; only ever on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, *parts: Part) -> None:
        """Print one line."""
        self._write(["".join(text for text, _style in parts)])

    def lines(self, lines: Iterable[Sequence[Part]]) -> None:
        """Print lines that are laid out already: one that is too long goes on at the terminal's edge."""
        self._write("".join(text for text, _style in parts) for parts in lines)

    def whole(self, text: str) -> None:
        """Print a text that is for a file or another program as it is; on a terminal as any other."""
        self._stream.write(text)
        self._stream.flush()

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Print names and values under each other."""
        width = max((len(name) for name, _value in rows), default=0)
        self._write(f"{name:<{width}}  {value}" for name, value in rows)

    def table(
        self,
        columns: Sequence[Part],
        rows: Sequence[tuple[Sequence[str], str]],
        *,
        unwrapped: frozenset[str] = frozenset(),  # noqa: ARG002 - nothing is wrapped here
    ) -> None:
        """Print a table: columns are names and styles, rows are cells and the row's style.

        On a terminal the cells of ``unwrapped`` columns are kept on one line.
        """
        names = [name for name, _style in columns]
        table = [names, *(cells for cells, _style in rows)]
        widths = [max(len(row[index]) for row in table) for index in range(len(names))]
        lines = [
            "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in table
        ]
        ruled = _ruler(self._stream) * (sum(widths) + 3 * (len(widths) - 1))
        self._write([lines[0], ruled, *lines[1:]])

    def move(self, text: str) -> None:
        """Show a line that moves while something takes its time; not here."""

    def redraw(self, lines: Iterable[Sequence[Part]]) -> None:
        """Show these lines in place of those that were shown so last; here below each other."""
        self.lines(lines)

    def stop(self) -> None:
        """End the moving line."""

    def ask(self, question: str) -> bool:
        """Ask yes or no: nobody is here, and that is a no."""
        self.line((question, ""))
        return False

    def ask_for(self, question: str) -> str:
        """Ask for a word: nobody is here to say one."""
        self.line((question, ""))
        return ""

    def _write(self, lines: Iterable[str]) -> None:
        self._stream.write("".join(f"{clean(line).rstrip()}\n" for line in lines))
        self._stream.flush()


def _ruler(stream: TextIO) -> str:
    """Return what a line is drawn with: a box-drawing character, where the stream's encoding has it."""
    try:
        "\u2500".encode(stream.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return "-"
    return "\u2500"


def open_screen(stream: TextIO) -> Screen:
    """Return the screen of this stream; FORCE_COLOR makes a terminal of a pipe, as it does for Rich."""
    if not stream.isatty() and not os.environ.get("FORCE_COLOR"):
        return Screen(stream)
    from agent_factory.migrate.report.terminal import TerminalScreen

    return TerminalScreen(stream)


def warning_line(message: str) -> tuple[Part, Part]:
    """Return a warning as the parts of a line."""
    return ("warning: ", "bold yellow"), (message, "")


def clean(text: str, *, values: bool = False) -> str:
    """Return the text without secrets, and without what moves the cursor and could hide lines of a plan.

    Values of rows that a database has quoted are hidden too, unless ``values``.
    """
    return CONTROL.sub("", redact(text, values=values))


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def has_no_room(error: OSError) -> bool:
    """Say whether output could not be written whole since there is no room for it."""
    return error.errno in _NO_ROOM


def not_whole(error: OSError) -> str:
    """Return what is said of such output."""
    return f"the output is not whole: {error.strerror}"


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Take no offence when the reader of our output has left, as `head` does: the exit code is the same.

    Raises OSError where there is no room for output: what was to be kept is not whole.
    """
    try:
        yield
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except OSError as error:
        flush_output()
        if has_no_room(error):
            raise
    else:
        flush_output()


def flush_output() -> None:
    """Write what is buffered; where nobody reads it, drop it, or Python would exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:  # by a revision
            continue
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):  # a stream that a revision has put there has no descriptor
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
