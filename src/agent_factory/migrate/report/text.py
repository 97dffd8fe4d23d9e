"""Text for people. This is the only module that imports Rich."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.progress import Progress as LiveProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm, Prompt
from rich.table import Column, Table
from rich.text import Text

from agent_factory.migrate.durations import show_duration
from agent_factory.migrate.errors import MigrationError
from agent_factory.migrate.events import (
    Event,
    LockWait,
    Progress,
    Retrying,
    RevisionApplied,
    RevisionStarted,
    RunStarted,
    StatementStarted,
    WaitingForRun,
    Warned,
)
from agent_factory.migrate.plan import Plan
from agent_factory.migrate.results import (
    CreateResult,
    CurrentHead,
    CurrentResult,
    EnvironmentResult,
    HistoryEntry,
    HistoryResult,
    MergeResult,
    Result,
    RunResult,
)
from agent_factory.migrate.target import Target
from agent_factory.redaction import redact

PIPED_WIDTH = 10_000
"""Columns when nobody watches: a table in a log or a pipe is never cut to fit a terminal."""


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LOOKS = re.compile(r"\bpg_catalog\.|\bsqlite_master\b|^\s*PRAGMA\b", re.IGNORECASE)
"""What SQLAlchemy asks before it acts; it would bury what changes something."""

SHOWN_SQL = 120
WIDE = 120
"""Columns from which a terminal has room for all that the journal knows."""

UNWRAPPED = frozenset({"", "#", "revision", "follows", "state"})


class Report:
    """Two streams: results go to ``out``, everything on the way there, and questions, to ``err``."""

    def __init__(self, *, paths_from: Path, live: bool = True) -> None:
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)
        self._paths_from = paths_from
        self._live = live and self._err.is_terminal
        self._revision = ""
        self._progress: LiveProgress | None = None

    def result(self, result: Result) -> None:
        """Print what a command found or did."""
        match result:
            case CurrentResult():
                self._current(result)
            case HistoryResult():
                self._history(result)
            case EnvironmentResult():
                self._environment(result)
            case RunResult():
                self._run(result)
            case CreateResult() | MergeResult():
                self._written(result)

    def error(self, error: MigrationError) -> None:
        """Print what happened, which state the database is in, and what to type next."""
        self.stop()
        first, *rest = error.message.splitlines()
        self._err.print(_line(("error: ", "bold red"), (first, "")))
        for line in rest:
            self._err.print(_line((f"  {line}", "")))
        rows = [("  database", error.state)] if error.state else []
        rows += [("  next" if number == 0 else "", step) for number, step in enumerate(error.next_steps)]
        _show_facts(self._err, rows)

    def plan(self, plan: Plan, target: Target, warnings: Iterable[str]) -> None:
        """Print what would run, on what, before anything does."""
        _show_facts(
            self._err,
            [
                ("database", str(target)),
                ("current", _revisions(plan.before)),
                (f"{plan.direction} to", _revisions(plan.after)),
            ],
        )
        self._err.print()
        _show_table(
            self._err,
            (("#", "dim"), ("revision", "bold"), ("message", ""), ("file", "dim")),
            [
                ((str(number), step.id, step.message, step.path.name), "")
                for number, step in enumerate(plan.steps, start=1)
            ],
        )
        self._err.print()
        for warning in warnings:
            self._err.print(_line(("warning: ", "bold yellow"), (warning, "")))

    def ask(self, question: str) -> bool:
        """Ask yes or no; the end of the input is a no."""
        try:
            return _YesOrNo.ask(Text(_safe(question)), console=self._err, default=False)
        except EOFError:
            self._err.print()
            return False

    def ask_for(self, question: str) -> str:
        """Ask for a word; the end of the input is an empty one."""
        try:
            return Prompt.ask(Text(_safe(question)), console=self._err, default="", show_default=False)
        except EOFError:
            self._err.print()
            return ""

    def event(self, event: Event) -> None:
        """Print what is running: a moving line on a terminal, one plain line per event elsewhere."""
        if isinstance(event, StatementStarted) and _LOOKS.search(event.sql):
            return
        text = _event_text(event)
        if not self._live:
            # Rich takes longer for a line than a small revision for its statement.
            self._err.file.write(_safe(f"{_now()} {text}\n"))
            self._err.file.flush()
        elif isinstance(event, Warned):
            self._interrupt_status(_line(("warning: ", "bold yellow"), (event.message, "")))
        elif isinstance(event, RevisionApplied):
            self.stop()
            seconds = show_duration(event.seconds)
            self._err.print(_line(("done ", "green"), (_counted(event), ""), (f"  {seconds}", "dim")))
        elif isinstance(event, Retrying):
            self._interrupt_status(_line((text, "yellow")))
        elif isinstance(event, RevisionStarted):
            self._revision = _counted(event)
            self._move(self._revision)
        elif not isinstance(event, RunStarted):
            self._move(f"{self._revision}  {text}" if self._revision else text)

    def _move(self, text: str) -> None:
        """Show a line that moves while something takes its time, with the seconds it has taken."""
        self.stop()
        self._progress = LiveProgress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            TimeElapsedColumn(),
            console=self._err,
            transient=True,
        )
        self._progress.add_task(" ".join(_safe(text).split()), total=None)
        self._progress.start()

    def _interrupt_status(self, line: Text) -> None:
        console = self._progress.console if self._progress is not None else self._err
        console.print(line)

    def stop(self) -> None:
        """End the moving line."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def note(self, text: str) -> None:
        """Print a remark that is no part of the result."""
        self._err.print(_line((text, "")))

    def _current(self, result: CurrentResult) -> None:
        for head in result.current or (None,):
            self._out.print(_line((_describe(head), "")))
        if result.check_heads and not result.at_head:
            self.note(
                f"not at head: the database is at {_revisions(tuple(h.revision for h in result.current))}, "
                f"this checkout's {_heads(result.heads)}"
            )
        self._several_heads(result.heads)

    def _history(self, result: HistoryResult) -> None:
        columns = [
            ("", "bold green"),
            ("revision", "bold"),
            ("follows", "dim"),
            ("message", ""),
            ("state", ""),
        ]
        narrow = self._out.is_terminal and self._out.width < WIDE
        has_journal = any(entry.by or entry.is_outside for entry in result.entries)
        if has_journal:
            columns.append(("when, by whom" if narrow else "when, how long, by whom", "dim"))
        rows = []
        for entry in result.entries:
            revision = entry.revision
            labels = f" ({', '.join(revision.branch_labels)})" if revision.branch_labels else ""
            marks = ["applied" if entry.is_applied else "pending"]
            marks += ["edited since"] if entry.is_edited else []
            marks += ["current"] if entry.is_current else []
            marks += ["head"] if revision.is_head else []
            cells = [
                *("->" if entry.is_current else "", revision.id, ", ".join(revision.parents) or "base"),
                *(revision.message + labels, ", ".join(marks)),
                *([_applied_by(entry, narrow=narrow)] if has_journal else []),
            ]
            rows.append((cells, "" if entry.is_applied else "yellow"))
        if rows:
            _show_table(self._out, columns, rows)
        else:
            self._out.print("no revisions")
        for entry in result.entries:
            if entry.difference is not None:
                self._out.print(Text(_safe(entry.difference)))
        for unknown in result.unknown:
            self.note(f"the database is at {unknown}, which no file of this checkout has")
        self._several_heads(result.heads)

    def _environment(self, result: EnvironmentResult) -> None:
        self._out.print(_line((result.name or "(no environment name)", "bold")))
        if result.before != result.name:
            self.note(f"was: {result.before or '(no environment name)'}")

    def _run(self, result: RunResult) -> None:
        self.stop()
        before = ", ".join(_describe(head) for head in result.before or (None,))
        after = ", ".join(_describe(head) for head in result.after or (None,))
        if not result.applied:
            self._out.print(_line((f"nothing to do: {_safe(result.database)} is at {after}", "")))
            return
        self._out.print(_line((f"{before} -> ", ""), (after, "bold green")))

    def _written(self, result: CreateResult | MergeResult) -> None:
        for note in result.notes if isinstance(result, CreateResult) else ():
            self.note(f"not compared: {note}")
        if result.revision is None or result.path is None:
            why = (
                f"nothing to merge: the history has one head, {_revisions(result.heads)}"
                if isinstance(result, MergeResult)
                else "nothing to create: the database has what the models have"
            )
            self._out.print(_line((why, "")))
            return
        self._out.print(_line((self._shown(result.path), "bold")))
        self.note("review it, then: af-db local upgrade")

    def _several_heads(self, heads: tuple[str, ...]) -> None:
        if len(heads) > 1:
            self.note(f"{_heads(heads)}; join them: af-db local merge")

    def _shown(self, path: Path) -> str:
        """A path as a person would type it where the command was started."""
        shown = os.path.relpath(path, self._paths_from)
        return str(path) if shown.startswith("..") else shown


class _YesOrNo(Confirm):
    def process_response(self, value: str) -> bool:
        return super().process_response({"yes": "y", "no": "n"}.get(value.strip().lower(), value))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # Rich would end the process, whatever runs


def _console(stream: TextIO) -> Console:
    # Rich answers FORCE_COLOR and NO_COLOR itself. Markup would eat [brackets] of names and messages.
    width = None if stream.isatty() else PIPED_WIDTH
    return _Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def _show_facts(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values under each other."""
    if not console.is_terminal:
        width = max((len(name) for name, _value in rows), default=0)
        _write(console, [f"{name:<{width}}  {value}" for name, value in rows])
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, Text(_safe(value)))
    console.print(grid)


def _show_table(
    console: Console,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[tuple[Sequence[str], str]],
) -> None:
    """Print a table: columns are names and styles, rows are cells and the row's style.

    Off a terminal nothing is cut or wrapped, and Rich, which takes half a millisecond for a row, is left out.
    """
    names = [name for name, _style in columns]
    if not console.is_terminal:
        table = [names, *(cells for cells, _style in rows)]
        widths = [max(len(row[index]) for row in table) for index in range(len(names))]
        lines = [
            "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in table
        ]
        _write(console, [lines[0], "\u2500" * (sum(widths) + 3 * (len(widths) - 1)), *lines[1:]])
        return
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for name, style in columns:
        grid.add_column(name, style=style, overflow="fold", no_wrap=name in UNWRAPPED)
    for cells, style in rows:
        grid.add_row(*(Text(_safe(cell)) for cell in cells), style=style)
    console.print(grid)


def _write(console: Console, lines: Iterable[str]) -> None:
    console.file.write("".join(f"{_safe(line).rstrip()}\n" for line in lines))
    console.file.flush()


def _safe(text: str) -> str:
    """The text without secrets, and without what moves the cursor: a message could hide lines of a plan."""
    return _CONTROL.sub("", redact(text))


def _line(*parts: tuple[str, str]) -> Text:
    return Text.assemble(*((_safe(text), style) for text, style in parts))


def _describe(head: CurrentHead | None) -> str:
    if head is None:
        return "(no revision)"
    if not head.known:
        return f"{head.revision} (not in this checkout)"
    return f"{head.revision} (head)" if head.is_head else head.revision


def _revisions(revisions: tuple[str, ...]) -> str:
    return ", ".join(revisions) or "(no revision)"


def _heads(heads: tuple[str, ...]) -> str:
    return f"head is {heads[0]}" if len(heads) == 1 else f"heads are {', '.join(heads)}"


def _applied_by(entry: HistoryEntry, *, narrow: bool) -> str:
    if entry.by is None:
        return "not by af-db" if entry.is_outside else ""
    by = entry.by
    if narrow:
        return f"{by.at:%Y-%m-%d %H:%M}, {by.os_user}"
    when = f"{by.at:%Y-%m-%d %H:%M:%S %Z}"
    took = f", {show_duration(by.duration_s)}" if by.duration_s is not None else ""
    return f"{when}{took}, {by.os_user}@{by.host} as {by.db_role}"


def _event_text(event: Event) -> str:
    match event:
        case RunStarted():
            return f"run      {event.run_id}" + (f", server process {event.pid}" if event.pid else "")
        case WaitingForRun():
            return f"waiting  another migration is running: {event.holder or 'it does not say who it is'}"
        case RevisionStarted():
            return f"running  {_counted(event)}"
        case StatementStarted():
            return f"sql      {_shortened(event.sql)}"
        case LockWait():
            return "blocked  by " + "; ".join(str(session) for session in event.blockers)
        case Retrying():
            pause = show_duration(event.pause_s)
            return f"retrying {event.revision} in {pause}, try {event.attempt}: {event.cause}"
        case Progress():
            return f"progress {event.phase} {event.percent:.0f} %"
        case RevisionApplied():
            return f"done     {_counted(event)} ({event.seconds:.2f} s)"
        case Warned():
            return f"warning  {event.message}"


def _shortened(sql: str) -> str:
    """A statement as a line of a log; ``--progress json`` has all of it."""
    line = " ".join(sql.split())
    return line if len(line) <= SHOWN_SQL else f"{line[: SHOWN_SQL - 3]}..."


def _counted(event: RevisionStarted | RevisionApplied) -> str:
    revision = event.revision
    return f"[{event.number}/{event.total}] {revision.id} {revision.message}".rstrip()


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")
