"""A terminal with a person before it. This is the only module that imports Rich."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm, Prompt
from rich.table import Column, Table
from rich.text import Text

from agent_factory.migrate.report.screen import Part, Screen, clean


class TerminalScreen(Screen):
    """A terminal: colours, tables that fit, questions, and a line that moves."""

    is_terminal = True

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        # Rich answers NO_COLOR itself. Markup would eat [brackets] of names and messages.
        self._console = _Console(file=stream, markup=False, highlight=False, emoji=False)
        self.width = self._console.width
        # Rich draws boxes that the terminal's encoding has, but not spinners.
        self._spinner = "line" if self._console.options.ascii_only else "dots"
        self._progress: Progress | None = None
        self._redrawn: Live | None = None

    def _clean(self, text: str) -> str:
        return clean(text, values=self.shows_values)

    def line(self, *parts: Part) -> None:
        console = self._progress.console if self._progress is not None else self._console
        console.print(Text.assemble(*((self._clean(text), style) for text, style in parts)))

    def lines(self, lines: Iterable[Sequence[Part]]) -> None:
        texts = [Text.assemble(*((self._clean(text), style) for text, style in parts)) for parts in lines]
        if texts:
            self._console.print(Text("\n").join(texts), soft_wrap=True)

    def whole(self, text: str) -> None:
        self.lines([[(line, "")] for line in text.splitlines()])

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(name, Text(self._clean(value)))
        self._console.print(grid)

    def table(
        self,
        columns: Sequence[Part],
        rows: Sequence[tuple[Sequence[str], str]],
        *,
        unwrapped: frozenset[str] = frozenset(),
    ) -> None:
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
        for name, style in columns:
            grid.add_column(name, style=style, overflow="fold", no_wrap=name in unwrapped)
        for cells, style in rows:
            grid.add_row(*(Text(self._clean(cell)) for cell in cells), style=style)
        self._console.print(grid)

    def move(self, text: str) -> None:
        """Show a line that moves while something takes its time, with the seconds it has taken."""
        self.stop()
        self._progress = Progress(
            SpinnerColumn(self._spinner),
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            # Rich would print what project code prints past ``RedactedStream``.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.add_task(" ".join(self._clean(text).split()), total=None)
        self._progress.start()

    def redraw(self, lines: Iterable[Sequence[Part]]) -> None:
        texts = [Text.assemble(*((self._clean(text), style) for text, style in parts)) for parts in lines]
        for text in texts:
            text.no_wrap, text.overflow = True, "ellipsis"
        if self._redrawn is None:
            self._redrawn = Live(
                console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            )
            self._redrawn.start()
        self._redrawn.update(Group(*texts), refresh=True)

    def stop(self) -> None:
        if self._redrawn is not None:
            self._redrawn.stop()
            self._redrawn = None
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def ask(self, question: str) -> bool:
        """Ask yes or no; the end of the input is a no."""
        self.stop()  # what is left of a moving line would stand beside the question
        try:
            return _YesOrNo.ask(Text(self._clean(question)), console=self._console, default=False)
        except EOFError:
            self._console.print()
            return False

    def ask_for(self, question: str) -> str:
        """Ask for a word; the end of the input is an empty one."""
        self.stop()
        try:
            return _Word.ask(
                Text(self._clean(question)), console=self._console, default="", show_default=False
            )
        except EOFError:
            self._console.print()
            return ""


class _Unanswered:
    """A prompt that no key answers which was pressed before it was shown, nor before it is shown again.

    It is shown again where the command was stopped (Ctrl-Z) and goes on: the shell has written since.
    """

    @classmethod
    def get_input(cls, console: Console, prompt: Any, *arguments: Any, **options: Any) -> str:
        _forget_keys()
        with console.capture() as shown:
            console.print(prompt, end="")
        with _when_it_goes_on(lambda: _write_at_once(console, shown.get())):
            answer: str = super().get_input(console, prompt, *arguments, **options)  # type: ignore[misc] # of the prompt beside it
        return answer


@contextlib.contextmanager
def _when_it_goes_on(show: Callable[[], None]) -> Iterator[None]:
    """Have this be called in the block when the process goes on after it was stopped."""
    number = getattr(signal, "SIGCONT", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def go_on(_number: int, _frame: object) -> None:
        _forget_keys()
        with contextlib.suppress(OSError, ValueError, AttributeError):  # of what was closed meanwhile
            show()

    before = signal.signal(number, go_on)
    try:
        yield
    finally:
        signal.signal(number, before)


def _write_at_once(console: Console, text: str) -> None:
    """Write without a buffer: a signal may come in the middle of a print, which cannot be entered twice."""
    os.write(console.file.fileno(), text.encode(console.encoding, "replace"))


def _forget_keys() -> None:
    """Drop what was typed and not read yet: whoever typed it has not seen what is asked now."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


class _Word(_Unanswered, Prompt):
    pass


class _YesOrNo(_Unanswered, Confirm):
    def process_response(self, value: str) -> bool:
        return super().process_response({"yes": "y", "no": "n"}.get(value.strip().lower(), value))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # Rich would end the process, whatever runs
