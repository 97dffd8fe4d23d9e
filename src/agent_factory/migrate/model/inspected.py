"""What ``status``, ``show`` and ``redo`` return: values that most commands never load."""

from dataclasses import dataclass

from agent_factory.migrate.model.errors import ExitCode
from agent_factory.migrate.model.origin import AppliedBy
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.model.results import CurrentHead, HistoryEntry, RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The revision that ran last, of those that the journal has, and who ran it."""

    revision: str
    direction: Direction
    by: AppliedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusResult:
    """Where a database is and what of it a person should know; ``next_step`` is the command for that.

    ``pending`` has the oldest first. ``environment``, ``edited``, ``unfinished`` and
    ``last`` are the journal's; ``has_journal`` says that there is one, and that it may be read.
    """

    database: str
    environment: str | None
    current: tuple[CurrentHead, ...]
    heads: tuple[str, ...]
    pending: tuple[Revision, ...]
    has_journal: bool
    edited: tuple[str, ...]
    unfinished: tuple[str, ...]
    last: LastRun | None
    next_step: str

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedSql:
    """The statements of one direction of a revision; None, and ``why_not``, where they need a database."""

    statements: tuple[str, ...] | None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowResult:
    """A revision: its file, what it says of itself, its SQL, and what the database has of it."""

    database: str
    entry: HistoryEntry
    text: str
    upgrade: RenderedSql
    downgrade: RenderedSql

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RedoResult:
    """The last revision, undone and done again."""

    revision: str
    down: RunResult
    up: RunResult

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE
