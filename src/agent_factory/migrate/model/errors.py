"""Exit codes, and the errors that end a command.

A result is what a command found; an error is why it could not do its job. Every error says what happened,
which state the database is in, and what to type next.
"""

import signal
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from agent_factory.plain_text import without_nul


class ExitCode(IntEnum):
    """How ``af-db`` ends. The README, the help and the tests read this table."""

    DONE = 0
    BUG = 1
    USAGE = 2
    CHECK_FAILED = 3
    REFUSED = 4
    CANNOT_CONNECT = 5
    ALREADY_RUNNING = 6
    ROLLED_BACK = 7
    PARTIALLY_APPLIED = 8


NOT_TOUCHED = "not touched"
UNCHANGED = "unchanged"
"""How a database was left by a command that did not read it, and by one that did."""

INTERRUPTED = 128 + signal.SIGINT
"""A command that a signal ends exits with 128 plus the signal's number."""

MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done, or nothing to do",
    ExitCode.BUG: "a bug in af-db; a traceback follows",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.CHECK_FAILED: "a check found something (behind, drift, findings)",
    ExitCode.REFUSED: "refused or declined; nothing changed",
    ExitCode.CANNOT_CONNECT: "cannot connect to the database",
    ExitCode.ALREADY_RUNNING: "another migration is running",
    ExitCode.ROLLED_BACK: "failed and rolled back",
    ExitCode.PARTIALLY_APPLIED: "failed and partially applied, or in an unknown state",
}


class Outcome(StrEnum):
    """How a planned revision ended."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    PARTLY_COMMITTED = "partly committed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionOutcome:
    """A planned revision and how it ended; in a downgrade "applied" means that its downgrade was."""

    revision: str
    outcome: Outcome


class MigrationError(Exception):
    """A command cannot do its job.

    ``code`` names the cause for machines and never changes; ``state`` says how the database was left;
    ``next_steps`` are sentences or commands, most likely first; ``revisions`` say of each revision of a
    plan how it ended, where a run had begun. ``file`` and ``line`` are the place in the project's files that
    is to blame, where one is.
    """

    exit_code: int

    def __init__(
        self,
        code: str,
        message: str,
        *,
        state: str = "",
        next_steps: tuple[str, ...] = (),
        revisions: tuple[RevisionOutcome, ...] = (),
        file: Path | None = None,
        line: int | None = None,
    ) -> None:
        message = without_nul(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.state = state
        self.next_steps = next_steps
        self.revisions = revisions
        self.file = file
        self.line = line

    def __reduce__(self) -> tuple[Any, ...]:
        """Be handed to another process whole: an exception would be made again from its message alone."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[MigrationError], arguments: tuple[object, ...], facts: dict[str, object]) -> Any:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(facts)
    return error


class UsageError(MigrationError):
    """The command line, the settings, or the project's files ask for something that cannot be."""

    exit_code = ExitCode.USAGE


class RefusedError(MigrationError):
    """It could be done, and is not: it was declined, or would not be safe."""

    exit_code = ExitCode.REFUSED


class CannotConnectError(MigrationError):
    """The database was not reached."""

    exit_code = ExitCode.CANNOT_CONNECT


class RolledBackError(MigrationError):
    """A revision failed and nothing of it is applied; the ones before it stay applied."""

    exit_code = ExitCode.ROLLED_BACK


class PartiallyAppliedError(MigrationError):
    """A revision failed and is partially applied, or it is not known how it ended."""

    exit_code = ExitCode.PARTIALLY_APPLIED


class AlreadyRunningError(MigrationError):
    """Another migration holds the run lock, or still builds what this one needs."""

    exit_code = ExitCode.ALREADY_RUNNING


class InterruptedRunError(MigrationError):
    """A signal stopped the command: Ctrl-C, or an orchestrator's SIGTERM."""

    def __init__(
        self,
        signal_number: int,
        *,
        state: str,
        during: str = "",
        next_steps: tuple[str, ...] = (),
        revisions: tuple[RevisionOutcome, ...] = (),
    ) -> None:
        message = f"interrupted by {signal.Signals(signal_number).name}{during}"
        super().__init__("interrupted", message, state=state, next_steps=next_steps, revisions=revisions)
        self.exit_code = 128 + signal_number
