"""Text for people: what is said of results, errors, plans and events."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.model.results import CurrentResult, HistoryResult, Result, RunResult
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.report.heads import describe, show_heads, show_revisions
from agent_factory.migrate.report.screen import Screen, clean, open_screen, warning_line

if TYPE_CHECKING:
    from agent_factory.migrate.db.health import Health
    from agent_factory.migrate.model.checklist import Checklist, PreflightResult
    from agent_factory.migrate.model.events import Event
    from agent_factory.migrate.model.findings import CheckResult
    from agent_factory.migrate.model.written import (
        AdoptResult,
        EnvironmentResult,
        RebaseResult,
        SchemaResult,
        StopResult,
    )
    from agent_factory.migrate.report.progress import ProgressLines
    from agent_factory.migrate.review.build import PlanResult

_UNWRAPPED = frozenset({"#", "revision"})


class Report:
    """Two streams: results go to ``out``, progress and questions to ``err``.

    ``values``: a terminal shows the values of rows that a database has quoted in an error.
    """

    def __init__(self, *, paths_from: Path, live: bool = True, values: bool = False) -> None:
        self._out = open_screen(sys.stdout)
        self._err = open_screen(sys.stderr)
        for screen in (self._out, self._err):
            screen.shows_values = values and screen.is_terminal
        self._paths_from = paths_from
        self._live = live and self._err.is_terminal
        self._short = live
        self._progress: ProgressLines | None = None
        self._watched: Screen | None = None

    def result(self, result: Result) -> None:
        """Print what a command found or did."""
        match result:
            case CurrentResult():
                self._current(result)
            case HistoryResult():
                self._history(result)
            case RunResult():
                self._run(result)
            case _:
                self._other(result)

    def _other(self, result: Result) -> None:
        # Each of these classes takes half a millisecond to make, and `current` has none of them.
        from agent_factory.migrate.model.written import (
            AdoptResult,
            CreateResult,
            EnvironmentResult,
            MergeResult,
            RebaseResult,
            SchemaResult,
            StopResult,
        )

        match result:
            case EnvironmentResult():
                self._environment(result)
            case CreateResult():
                notes = tuple(f"not compared: {note}" for note in result.notes)
                notes = (*notes, *result.remarks)
                self._written(result.path, notes, "nothing to create: the database matches the models")
            case MergeResult():
                heads = show_revisions(result.heads)
                self._written(
                    result.path, result.notes, f"nothing to merge: the history has one head, {heads}"
                )
            case RebaseResult():
                self._rebased(result)
            case SchemaResult():
                self._schema(result)
            case AdoptResult():
                self._adopted(result)
            case StopResult():
                self._stopped(result)
            case _:
                self._diagnosed(result)

    def _diagnosed(self, result: Result) -> None:
        from agent_factory.migrate.model.diagnosis import DoctorResult, WaitResult

        match result:
            case WaitResult():
                from agent_factory.migrate.report.wait_text import summary

                self._out.line((summary(result), ""))
            case DoctorResult():
                from agent_factory.migrate.report.doctor_text import show_examination

                show_examination(self._out, result)
            case _:
                self._inspected(result)

    def _inspected(self, result: Result) -> None:
        from agent_factory.migrate.model.inspected import RedoResult, ShowResult, StatusResult

        match result:
            case StatusResult():
                from agent_factory.migrate.report.inspected_text import show_status

                show_status(self._out, result)
            case ShowResult():
                from agent_factory.migrate.report.inspected_text import show_revision

                show_revision(self._out, result, self._shown(result.entry.revision.path))
            case RedoResult():
                self.stop()
                at = show_heads(result.up.after)
                self._out.line((f"{result.revision} down and up again: ", ""), (at, "bold green"))

    def error(self, error: MigrationError) -> None:
        """Print what happened, which state the database is in, and what to type next."""
        self.stop()
        # As a whole: what has to be hidden may stand on several lines.
        first, *rest = clean(error.message, values=self._err.shows_values).splitlines() or [""]
        self._err.line(("error: ", "bold red"), (first, ""))
        for line in rest:
            self._err.line((f"  {line}", ""))
        rows = [("  database", error.state)] if error.state else []
        rows += [("  next" if number == 0 else "", step) for number, step in enumerate(error.next_steps)]
        self._err.facts(rows)

    def waiting(self, text: str) -> None:
        """Show on a terminal what is waited for."""
        if self._live:
            self._err.move(text)

    def watching(self, database: str, *, is_result: bool) -> "Callable[[Health], None]":
        """Return what shows how a database is: a screen on a terminal, a line each time elsewhere."""
        from agent_factory.migrate.report.watch_text import WatchLines

        self._watched = self._out if is_result else self._err
        live = self._live and self._watched.is_terminal
        return WatchLines(self._watched, database, live=live).show

    def plan_result(self, result: "PlanResult", *, full: bool = False) -> None:
        """Print a plan that is not run."""
        from agent_factory.migrate.report.plan_text import show_plan

        show_plan(self._out, result, full=full)

    def preflight_result(self, result: "PreflightResult") -> None:
        """Print what is known before a run."""
        from agent_factory.migrate.report.checklist_text import show_checklist

        self._out.facts(
            [
                ("database", result.database),
                ("current", show_revisions(result.before)),
                ("plan to", show_revisions(result.after)),
            ]
        )
        self._out.line()
        if not result.revisions:
            self._out.line(("nothing to do", "bold"))
            self._out.line()
        show_checklist(self._out, result.checklist)

    def check_result(self, result: "CheckResult") -> None:
        """Print what a check has found, checked and left out."""
        from agent_factory.migrate.report.findings_text import show_findings

        show_findings(self._out, result, self._paths_from)

    def plan(
        self,
        plan: Plan,
        target: Target,
        warnings: Iterable[str],
        rehearsed: "PlanResult | None" = None,
        checklist: "Checklist | None" = None,
    ) -> None:
        """Print what would run, on what, before anything does, and the checklist of it."""
        self._plan(plan, target, warnings, rehearsed)
        if checklist is not None:
            from agent_factory.migrate.report.checklist_text import show_checklist

            show_checklist(self._err, checklist)

    def _plan(
        self, plan: Plan, target: Target, warnings: Iterable[str], rehearsed: "PlanResult | None"
    ) -> None:
        if rehearsed is not None:
            from agent_factory.migrate.report.plan_text import show_question

            show_question(self._err, rehearsed, warnings)
            return
        self._err.facts(
            [
                ("database", str(target)),
                ("current", show_revisions(plan.before)),
                (f"{plan.direction} to", show_revisions(plan.after)),
                *([("with", plan.typed)] if plan.arguments else []),
            ]
        )
        self._err.line()
        self._err.table(
            (("#", "dim"), ("revision", "bold"), ("message", ""), ("file", "dim")),
            [
                ((str(number), step.id, step.message, step.path.name), "")
                for number, step in enumerate(plan.steps, start=1)
            ],
            unwrapped=_UNWRAPPED,
        )
        self._err.line()
        for warning in warnings:
            self._err.line(*warning_line(warning))

    def rebase(self, result: "RebaseResult") -> None:
        """Print what would become of a branch's files, before any is changed."""
        from agent_factory.migrate.report.rebase_text import show_moves

        show_moves(self._err, result)

    def adoption(self, result: "AdoptResult") -> None:
        """Print where a database was found to be, before that is recorded."""
        from agent_factory.migrate.report.adopt_text import show_adoption

        show_adoption(self._err, result)

    def ask(self, question: str) -> bool:
        """Ask yes or no."""
        return self._err.ask(question)

    def ask_for(self, question: str) -> str:
        """Ask for a word."""
        return self._err.ask_for(question)

    def event(self, event: "Event") -> None:
        """Print what is running: a moving line on a terminal, one plain line per event elsewhere."""
        if self._progress is None:
            from agent_factory.migrate.report.progress import ProgressLines  # most commands have no events

            self._progress = ProgressLines(self._err, live=self._live, short=self._short)
        self._progress.show(event)

    def stop(self) -> None:
        """End the moving line, and what is drawn again and again."""
        self._err.stop()
        if self._watched is not None:
            self._watched.stop()

    def database(self, database: str) -> None:
        """Say which database is read."""
        self.note(f"database  {database}")

    def note(self, text: str) -> None:
        """Print a remark that is no part of the result."""
        self._err.line((text, ""))

    def _current(self, result: CurrentResult) -> None:
        for head in result.current or (None,):
            self._out.line((describe(head), ""))
        if result.check_heads and not result.at_head:
            at = show_revisions([head.revision for head in result.current])
            self.note(f"not at head: the database is at {at}, the checkout's {_heads(result.heads)}")
        self._several_heads(result.heads, result.branches)

    def _history(self, result: HistoryResult) -> None:
        from agent_factory.migrate.report.history_text import show_history

        show_history(self._out, result)
        for entry in result.entries:
            if entry.difference is not None:
                for line in entry.difference.splitlines():
                    self._out.line((line, ""))
        for unknown in result.unknown:
            self.note(f"the database is at {unknown}, which no file of this checkout has")
        if result.of_unknown_table:
            self.note(
                "rows of the journal are of an unknown version table, since an older af-db wrote them: "
                + show_revisions(result.of_unknown_table)
            )
        self._several_heads(result.heads, result.branches)

    def _environment(self, result: "EnvironmentResult") -> None:
        self._out.line((result.name or "(no environment name)", "bold"))
        if result.before != result.name:
            self.note(f"was: {result.before or '(no environment name)'}")

    def _stopped(self, result: "StopResult") -> None:
        at = show_heads(result.current)
        if result.stopped is None:
            self._out.line((f"no run to stop: {result.database} is at {at}", ""))
            return
        self._out.line(
            (f"stopped in {show_duration(result.seconds)}: ", ""),
            (result.database, "bold"),
            (f" is at {at}", ""),
        )

    def _run(self, result: RunResult) -> None:
        self.stop()
        before, after = show_heads(result.before), show_heads(result.after)
        if not result.applied:
            for warning in result.warnings:
                self._err.line(*warning_line(warning.message))
            self._out.line((f"nothing to do: {result.database} is at {after}", ""))
            for step in result.next_steps:
                self.note(f"  next      {step}")
            return
        self._out.line((f"{before} -> ", ""), (after, "bold green"))
        if (watched := result.watched) is not None:
            style = "" if watched.is_well else "yellow"
            self._out.line((f"watched for {show_duration(watched.seconds)}: {watched}", style))

    def _written(self, path: Path | None, notes: Iterable[str], why_none: str) -> None:
        for note in notes:
            self.note(note)
        if path is None:
            self._out.line((why_none, ""))
            return
        self._out.line((self._shown(path), "bold"))
        self.note("review it, then: af-db local upgrade")

    def _rebased(self, result: "RebaseResult") -> None:
        from agent_factory.migrate.report.rebase_text import show_moves, summary

        if result.files and not result.written:
            show_moves(self._out, result)
        self._out.line((summary(result), "bold" if result.written else ""))
        for note in result.notes:
            self.note(note)
        if result.written:
            self.note("check it: af-db check, then: af-db local upgrade")

    def _schema(self, result: "SchemaResult") -> None:
        if result.path is None:
            self._out.whole(result.sql or "")
        elif result.difference is None:
            self._out.line((self._shown(result.path), "bold"))
        elif not result.difference:
            self._out.line((f"{self._shown(result.path)} is the schema of {result.database}", ""))
        else:
            self._out.lines([[(line, "")] for line in result.difference.splitlines()])
            self.note(f"{self._shown(result.path)} differs from the schema of {result.database}")

    def _adopted(self, result: "AdoptResult") -> None:
        from agent_factory.migrate.report.adopt_text import show_adoption, summary

        if not result.written:
            show_adoption(self._out, result)
        self._out.line((summary(result), "bold" if result.written else ""))
        if result.differences and not result.written:
            if any(item.remedy for item in result.differences):
                self.note("make the database so by these statements and run it again; or: --allow drift")
            else:
                self.note("bring the database and the revisions together and run it again; or: --allow drift")

    def _several_heads(self, heads: tuple[str, ...], branches: tuple[str, ...]) -> None:
        if branches:
            named = (f"{head} ({label})" for head, label in zip(heads, branches, strict=True))
            self.note(f"{_heads(tuple(named))}: branches that stay apart")
        elif len(heads) > 1:
            self.note(f"{_heads(heads)}; join them: af-db local merge")

    def _shown(self, path: Path) -> str:
        """A path as a person would type it where the command was started."""
        shown = os.path.relpath(path, self._paths_from)
        return str(path) if shown.startswith("..") else shown


def _heads(heads: tuple[str, ...]) -> str:
    return f"head is {heads[0]}" if len(heads) == 1 else f"heads are {', '.join(heads)}"
