"""From what went wrong to the error that reports it: the cause, where the database is, what to do."""

import traceback

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.connection import ReconnectedError
from agent_factory.migrate.db.failures import explain_statement_failure
from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.migrate.engine.database_state import DatabaseState, read_state_after_failure
from agent_factory.migrate.engine.place import place_in_revision, steps_in_revision
from agent_factory.migrate.engine.run_state import RunState, StoppedError
from agent_factory.migrate.engine.running_revision import RunningRevision, TransactionEndedError
from agent_factory.migrate.model.errors import (
    InterruptedRunError,
    MigrationError,
    Outcome,
    PartiallyAppliedError,
    RevisionOutcome,
    RolledBackError,
)
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.project.env_py_faults import line_in_env_py
from agent_factory.plain_text import text_of


class InvalidIndexError(Exception):
    """An index that a revision was to build is there and INVALID."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the index {name} is INVALID: PostgreSQL does not use it")
        self.name = name


class RunFailedError(Exception):
    """A run has ended before its plan: ``cause`` is why, ``running`` the revision that it ended in.

    ``lost_session`` is the application name of the session that was lost with its connection, None when it
    is still there; ``left_index`` an INVALID index that could not be dropped; ``role`` whose rights held,
    where that may be another than the login's.
    """

    def __init__(
        self,
        cause: BaseException,
        *,
        running: RunningRevision | None,
        lost_session: str | None = None,
        left_index: str | None = None,
        blockers: tuple[Session, ...] = (),
        role: str | None = None,
    ) -> None:
        super().__init__(text_of(cause))
        self.cause = cause
        self.running = running
        self.lost_session = lost_session
        self.left_index = left_index
        self.blockers = blockers
        self.role = role
        self.database: DatabaseState | None = None

    def read_outcomes(self, project: Project, target: Target, plan: Plan) -> tuple[RevisionOutcome, ...]:
        """Read where the database is, unless it was read before; say of each revision how it ended."""
        if self.database is None:
            self.database = read_state_after_failure(project, target, lost_session=self.lost_session)
        unfinished = {}
        if (running := self.running) is not None and not running.is_clean:
            partly = Outcome.PARTLY_COMMITTED if running.committed else Outcome.UNKNOWN
            unfinished = {running.revision.id: partly}
        return self.database.outcomes(project, plan, unfinished)

    def to_error(self, project: Project, target: Target, plan: Plan, run_state: RunState) -> MigrationError:
        """Read where the database is, and return the error to raise."""
        ended = self.read_outcomes(project, target, plan)
        state = self._state(ended)
        again = f"go on: {target.command(plan.command)}"
        if run_state.signal is not None:
            during = f" during revision {self.running.revision.id}" if self.running else ""
            error = InterruptedRunError(
                run_state.signal, during=during, state=state, next_steps=(again,), revisions=ended
            )
            if self._may_be_partially_applied(ended):
                error.next_steps = self._undo(target, plan)
            return error
        code, cause, next_steps = explain(self.cause, target, self.role)
        in_its_file = self._in_its_file(project)
        next_steps = (*in_its_file, *next_steps)
        if self.lost_session is not None:
            code = "connection-lost"
            cause = f"the connection was lost ({cause})"
            if run_state.was_aborted:
                cause = "the network does not answer; af-db closed the connection"
        if self.left_index:
            code = "invalid-index"
        message = f"{self._what_failed(ended)}{cause}"
        message = "\n".join(line for line in (message, *self._details()) if line)
        if self._failed_after_all(ended):
            return PartiallyAppliedError(
                "failed-after-revisions",
                f"{_place_in_env_py(self.cause, project)}{cause}",
                state=state,
                next_steps=(f"correct env.py, then see where the database is: {target.command('current')}",),
                revisions=ended,
            )
        if self._may_be_partially_applied(ended):
            return PartiallyAppliedError(
                code,
                message,
                state=state,
                next_steps=(*next_steps, *self._undo(target, plan)),
                revisions=ended,
            )
        return RolledBackError(
            code,
            message,
            state=state,
            next_steps=(
                *next_steps,
                f"{'then' if next_steps else 'again'}: "
                f"{self._again(target, plan, ended, is_to_be_corrected=bool(in_its_file))}",
            ),
            revisions=ended,
        )

    def _in_its_file(self, project: Project) -> tuple[str, ...]:
        running = self.running
        if running is None or self.lost_session is not None:
            return ()
        return steps_in_revision(self.cause, running.revision, project.root)

    def _again(
        self, target: Target, plan: Plan, ended: tuple[RevisionOutcome, ...], *, is_to_be_corrected: bool
    ) -> str:
        """Return the command that goes on; a saved plan is right only for the place that it was made at."""
        has_journal = target.url.backend == "postgresql"
        if is_to_be_corrected and self.running and plan.direction is Direction.DOWNGRADE and has_journal:
            # The file of an applied revision: what was corrected in it has to be accepted by name.
            return target.command(f"{plan.command} --accept-edited {self.running.revision.id}")
        is_as_planned = not any(item.outcome is Outcome.APPLIED for item in ended)
        if is_as_planned and not is_to_be_corrected and _has_saved_plan(target):
            return target.again()
        return target.command(plan.command)

    def _what_failed(self, ended: tuple[RevisionOutcome, ...]) -> str:
        if self.running is None:
            return ""
        revision = self.running.revision.id
        if self._is_applied(ended):
            return f"revision {revision} is committed; only the server's answer did not arrive: "
        return f"revision {revision} failed: "

    def _failed_after_all(self, ended: tuple[RevisionOutcome, ...]) -> bool:
        """Say whether every revision was committed before env.py, or Alembic, raised this."""
        is_between = self.running is None and self.lost_session is None and bool(ended)
        return is_between and all(item.outcome is Outcome.APPLIED for item in ended)

    def _is_applied(self, ended: tuple[RevisionOutcome, ...]) -> bool:
        return self.running is not None and any(
            item.revision == self.running.revision.id and item.outcome is Outcome.APPLIED for item in ended
        )

    def _may_be_partially_applied(self, ended: tuple[RevisionOutcome, ...]) -> bool:
        unclear = (Outcome.UNKNOWN, Outcome.PARTLY_COMMITTED)
        return self.left_index is not None or any(item.outcome in unclear for item in ended)

    def _state(self, ended: tuple[RevisionOutcome, ...]) -> str:
        found = self.database
        if found is None or found.current is None:
            return found.at if found else "not known"
        if self._failed_after_all(ended):
            return f"{found.at}; every revision is committed"
        if self.running is None and any(item.outcome is Outcome.APPLIED for item in ended):
            return found.at
        if self.running is not None and self.running.committed:
            return f"{found.at}; a part of {self.running.revision.id} is committed"
        if self.running is not None and self.running.uncertain and not self._is_applied(ended):
            return f"{found.at}; whether a part of {self.running.revision.id} is committed is not known"
        if self.left_index:
            return f"{found.at}; the INVALID index {self.left_index} is still there"
        return found.at if self._is_applied(ended) else f"rolled back; {found.at}"

    def _details(self) -> list[str]:
        running = self.running
        lines = [place_in_revision(self.cause, running.revision if running else None)]
        lines += [f"blocked by {session}" for session in self.blockers]
        if running is not None and running.committed:
            lines.append("committed before it failed:")
            lines += [f"  {' '.join(masked_sql(statement).split())}" for statement in running.committed]
        if running is not None and running.uncertain:
            lines.append("the server cannot tell whether this is committed:")
            lines += [f"  {' '.join(masked_sql(statement).split())}" for statement in running.uncertain]
        return lines

    def _undo(self, target: Target, plan: Plan) -> tuple[str, ...]:
        if self.left_index:
            return (f"DROP INDEX CONCURRENTLY {self.left_index}",)
        if self.running is not None and self.running.uncertain:
            resume = target.command(f"{plan.command} --resume {self.running.revision.id}")
            return (
                f"compare the database with the file of {self.running.revision.id}, and undo by hand what of "
                f"it is there; then: {resume}",
            )
        if self.running is not None and self.running.committed:
            resume = target.command(f"{plan.command} --resume {self.running.revision.id}")
            return (
                f"undo the committed statements by hand, then: {resume}",
                f"or, if the revision can run again over them, directly: {resume}",
            )
        return (f"when the database answers again: {target.command('current')}",)


def explain(
    error: BaseException, target: Target, role: str | None = None
) -> tuple[str, str, tuple[str, ...]]:
    """Return the cause's code, the sentence that says what happened, and the next steps.

    ``role`` is whose rights held, by default the login's.
    """
    if isinstance(error, sa.exc.DBAPIError | psycopg2.Error):
        return explain_statement_failure(error, target, role)
    if isinstance(error, TransactionEndedError):
        return (
            "ends-transaction",
            text_of(error),
            ("leave COMMIT and ROLLBACK to af-db; if one is needed: op.get_context().autocommit_block()",),
        )
    if isinstance(error, InvalidIndexError):
        return (
            "invalid-index",
            text_of(error),
            (f"remove it, then run again: DROP INDEX CONCURRENTLY {error.name}",),
        )
    if isinstance(error, MigrationError):
        return error.code, error.message, error.next_steps
    if isinstance(error, StoppedError | ReconnectedError):
        return "stopped", text_of(error) or "stopped", ()
    return _explain_by_itself(error)


def _has_saved_plan(target: Target) -> bool:
    return any(word.startswith("--plan ") for word in target.typed)


def _explain_by_itself(error: BaseException) -> tuple[str, str, tuple[str, ...]]:
    """What an exception of a revision says; one with a ``code`` and a ``hint`` speaks for itself."""
    if isinstance(error, SystemExit):
        step = "have the revision raise an exception that says what is wrong"
        return "revision-failed", f"it ends Python itself: sys.exit({error.code!r})", (step,)
    code, hint = getattr(error, "code", None), getattr(error, "hint", None)
    steps = (hint,) if isinstance(hint, str) else ()
    if isinstance(code, str):
        return code, text_of(error).removesuffix(hint or "").rstrip(), steps
    return "revision-failed", f"{type(error).__name__}: {text_of(error)}", steps


def _place_in_env_py(error: BaseException, project: Project) -> str:
    """Return the line of env.py that an exception passed through, as the beginning of a message."""
    line = line_in_env_py(project, traceback.extract_tb(error.__traceback__))
    return f"env.py, line {line}: " if line else ""
