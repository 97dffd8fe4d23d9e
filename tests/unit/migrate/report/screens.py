"""What a terminal of some width shows of a plan, and a pipe."""

import io
import os
import re
from collections.abc import Callable, Sequence
from unittest import mock

from agent_factory.migrate.report.plan_text import show_plan, show_question
from agent_factory.migrate.report.screen import Screen, open_screen
from agent_factory.migrate.review.build import PlanResult

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown_plan(result: PlanResult, columns: int, *, full: bool = False) -> str:
    """Return what a terminal shows of the plan, without its styles."""
    return without_styles(on_terminal(lambda screen: show_plan(screen, result, full=full), columns))


def shown_question(result: PlanResult, columns: int, warnings: Sequence[str] = ()) -> str:
    """Return what a terminal shows of the plan before the question, without its styles."""
    return without_styles(on_terminal(lambda screen: show_question(screen, result, warnings), columns))


def on_terminal(show: Callable[[Screen], None], columns: int) -> str:
    """Return what is written on a terminal, styles and all."""
    stream = Terminal()
    size = {"COLUMNS": str(columns), "LINES": "40", "TERM": "xterm-256color"}
    with mock.patch.dict(os.environ, size):
        show(open_screen(stream))
    return stream.getvalue()


def shown_plain(result: PlanResult, *, full: bool = False) -> str:
    """Return what a pipe gets of the plan."""
    stream = io.StringIO()
    show_plan(open_screen(stream), result, full=full)
    return stream.getvalue()


def asked_plain(result: PlanResult) -> str:
    """Return what a pipe gets of the plan before the question."""
    stream = io.StringIO()
    show_question(open_screen(stream), result)
    return stream.getvalue()


def without_styles(text: str) -> str:
    """Return the text that is left for the eye; a line's end is where its last word is."""
    return "".join(f"{line.rstrip()}\n" for line in _STYLE.sub("", text).splitlines())
