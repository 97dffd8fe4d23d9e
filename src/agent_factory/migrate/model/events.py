"""What happens while a plan runs, reported as it happens."""

from collections.abc import Callable
from dataclasses import dataclass

from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run lock is ours. ``pid`` is the server's process that does the work, None on SQLite."""

    run_id: str
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForRun:
    """Another run holds the lock; ``holder`` is None when it left in between."""

    holder: Session | None
    waited_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionStarted:
    """``number`` of ``total`` begins."""

    revision: Revision
    number: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStarted:
    """A revision's statement is sent to the database."""

    revision: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWait:
    """The running statement waits for the locks of these sessions."""

    blockers: tuple[Session, ...]
    waited_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A revision was rolled back and will be tried again after a pause."""

    revision: str
    attempt: int
    pause_s: float
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an index build is, as PostgreSQL reports it; ``percent`` of the phase."""

    phase: str
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionApplied:
    """``number`` of ``total`` is committed."""

    revision: Revision
    number: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that a person should know and that does not stop the run."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNotice:
    """What the server has said by the way of a revision's statement: a NOTICE or a WARNING, in its language.

    A ``message`` that may hold values of rows is marked as a value.
    """

    revision: str
    severity: str
    message: str


Event = (
    RunStarted
    | WaitingForRun
    | RevisionStarted
    | StatementStarted
    | LockWait
    | Retrying
    | Progress
    | RevisionApplied
    | Warned
    | ServerNotice
)
Emit = Callable[[Event], None]
ConfirmName = Callable[[str | None, str], None]
"""Asks whether a database is to change its environment name; raises RefusedError when the answer is no."""
