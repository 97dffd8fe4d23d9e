"""What commands return. Text and JSON are two views of these values."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from agent_factory.migrate.model.errors import ExitCode
from agent_factory.migrate.model.plan import Plan, Revision

if TYPE_CHECKING:
    from agent_factory.migrate.model.checklist import Checklist, PreflightResult
    from agent_factory.migrate.model.diagnosis import DoctorResult, WaitResult
    from agent_factory.migrate.model.events import Warned
    from agent_factory.migrate.model.findings import CheckResult
    from agent_factory.migrate.model.inspected import RedoResult, ShowResult, StatusResult
    from agent_factory.migrate.model.origin import AppliedBy
    from agent_factory.migrate.model.watched import RunWatched, WatchResult
    from agent_factory.migrate.model.written import (
        AdoptResult,
        CreateResult,
        EnvironmentResult,
        MergeResult,
        RebaseResult,
        SchemaResult,
        StopResult,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentHead:
    """A revision that the database is at. ``known`` is False when no file in this checkout has it."""

    revision: str
    is_head: bool
    known: bool


def describe_current(
    current: Iterable[str], *, heads: Container[str], known: Container[str]
) -> tuple[CurrentHead, ...]:
    """Say of each revision that a database is at what this checkout, with these heads, knows of it."""
    return tuple(
        CurrentHead(revision=revision, is_head=revision in heads, known=revision in known)
        for revision in current
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentResult:
    """Where the database is. ``heads`` are the newest revisions of this checkout.

    ``branches`` are their labels, where each head has one of its own: branches that are meant to stay apart.
    """

    database: str
    current: tuple[CurrentHead, ...]
    heads: tuple[str, ...]
    at_head: bool
    check_heads: bool
    branches: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.CHECK_FAILED if self.check_heads and not self.at_head else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One revision, newest first. ``is_current`` says that ``alembic_version`` holds it.

    ``by`` is None when the database keeps no journal, and when something other than af-db applied the
    revision, which ``is_outside`` says; and when the journal's rows of it are of an unknown version table,
    which ``is_of_unknown_table`` says. ``is_edited`` says that the file changed since; ``difference`` is
    how, when it was asked for.
    """

    revision: Revision
    is_applied: bool
    is_current: bool
    by: "AppliedBy | None"
    is_outside: bool
    is_edited: bool
    difference: str | None
    is_of_unknown_table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryResult:
    """The whole history. ``unknown`` are revisions of the database that this checkout lacks.

    ``of_unknown_table`` are revisions that rows of the journal name without saying of which version table
    they are: rows of an af-db up to 0.2, in a database that has several.
    ``branches`` are the labels of the heads, where each has one of its own.
    """

    database: str
    entries: tuple[HistoryEntry, ...]
    heads: tuple[str, ...]
    unknown: tuple[str, ...]
    of_unknown_table: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherStatements:
    """How many statements a revision sent in its run and at its rehearsal, where they were not the same."""

    sent: int
    rehearsed: int

    def __str__(self) -> str:
        count = f"{self.sent} statement{'s' if self.sent != 1 else ''}"
        if self.sent == self.rehearsed:
            return f"sent {count} as at the rehearsal, but not the same"
        return f"sent {count}, and {self.rehearsed} at the rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRevision:
    """A revision that ran, and how long it took by this machine's clock.

    ``other_statements`` is None where it sent what was rehearsed, and where nothing was.
    """

    revision: str
    message: str
    seconds: float
    other_statements: OtherStatements | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """An upgrade or downgrade that was done; ``applied`` is empty when there was nothing to do.

    ``checklist`` is what was known before; None where nothing was to be known, as on a developer's database.
    ``watched`` is how the database was afterwards; None where that was not asked for. ``warnings`` and
    ``next_steps`` are what a person should know of a run that had nothing to do.
    """

    database: str
    plan: Plan
    before: tuple[CurrentHead, ...]
    after: tuple[CurrentHead, ...]
    applied: tuple[AppliedRevision, ...]
    checklist: "Checklist | None" = None
    watched: "RunWatched | None" = None
    warnings: "tuple[Warned, ...]" = ()
    next_steps: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


Result = Union[
    CurrentResult,
    HistoryResult,
    RunResult,
    "EnvironmentResult",
    "CreateResult",
    "MergeResult",
    "RebaseResult",
    "SchemaResult",
    "AdoptResult",
    "CheckResult",
    "PreflightResult",
    "DoctorResult",
    "WaitResult",
    "WatchResult",
    "StatusResult",
    "ShowResult",
    "RedoResult",
    "StopResult",
]
