"""One run of a plan, from the lock to the last commit."""

import contextlib
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import indexes, server
from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.driver import psycopg2_connection, sqlite3_connection, watched_connection
from agent_factory.migrate.db.roles import current_role
from agent_factory.migrate.db.sent_statements import ExpectedStatements
from agent_factory.migrate.db.sql import bare
from agent_factory.migrate.engine import built_indexes, foreign_keys, preflight, retries
from agent_factory.migrate.engine.database_state import read_state_after_failure
from agent_factory.migrate.engine.failure import RunFailedError, explain
from agent_factory.migrate.engine.monitor import monitored
from agent_factory.migrate.engine.run_journal import RunJournal
from agent_factory.migrate.engine.run_session import LockLostError, RunSession, locked_session
from agent_factory.migrate.engine.run_state import RunState, StoppedError
from agent_factory.migrate.engine.running_revision import (
    ENDED_UNSEEN,
    RevisionState,
    RunningRevision,
    TransactionEndedError,
)
from agent_factory.migrate.engine.statement_comparison import StatementComparison
from agent_factory.migrate.engine.supervision import supervise
from agent_factory.migrate.engine.watch import Watch, has_written
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.records import read_records
from agent_factory.migrate.model.errors import MigrationError, Outcome, RefusedError, RolledBackError
from agent_factory.migrate.model.events import (
    Emit,
    Retrying,
    RevisionApplied,
    RevisionStarted,
    RunStarted,
    Warned,
)
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.plan import Plan, Revision
from agent_factory.migrate.model.results import AppliedRevision
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project import Hooks, Project

DROP_LOCK_TIMEOUT_S = 60.0
CheckAgain = Callable[[sa.Connection], None]


def run_plan(
    project: Project,
    target: Target,
    plan: Plan,
    table: VersionTable,
    options: RunOptions,
    origin: Origin,
    emit: Emit,
    *,
    check_again: CheckAgain | None = None,
    expected: Mapping[str, ExpectedStatements] | None = None,
    begins_with_baseline: bool = False,
) -> tuple[AppliedRevision, ...]:
    """Run every revision of the plan and return what ran; empty when another run did it meanwhile.

    ``table`` is the version table that the plan was made for, whose history runs, alone, under its lock.

    ``check_again`` is called under the lock, before env.py runs, with the connection that works; it raises
    RefusedError for what makes the plan one that must not run any more. ``expected`` is what each revision is
    to send: one that is bound to it is stopped before it sends anything else, and every other is reported.
    ``begins_with_baseline``: under the lock, the baseline is applied first where the database still lacks it.

    Raises AlreadyRunningError, RefusedError when what was confirmed no longer holds, RolledBackError when a
    revision failed and nothing of it is applied, PartiallyAppliedError when a part of it is committed or its
    outcome is not known, InterruptedRunError for a signal, and CannotConnectError.
    """
    run_state = RunState(options.statement_timeout_s)
    run = _Run(
        *(project, target, plan, table, options, origin, run_state, check_again, expected or {}),
        begins_with_baseline=begins_with_baseline,
    )
    with monitored(target, run_state):
        return supervise(run.work, run_state, emit)


class _Run:
    """A run's state. Everything here happens in the worker thread."""

    def __init__(
        self,
        project: Project,
        target: Target,
        plan: Plan,
        table: VersionTable,
        options: RunOptions,
        origin: Origin,
        run_state: RunState,
        check_again: CheckAgain | None,
        expected: Mapping[str, ExpectedStatements],
        *,
        begins_with_baseline: bool,
    ) -> None:
        self._begins_with_baseline = begins_with_baseline
        self._check_again = check_again
        self._project = project
        self._target = target
        self._plan = plan
        self._table = table
        self._options = options
        self._state = run_state
        self._id = str(uuid.uuid4())
        self._journal = RunJournal(self._id, table, plan.direction, origin, may_have_role=self._has_role)
        self._is_postgresql = target.url.backend == "postgresql"
        self._application = f"af-db/{origin.af_db_version}/{self._id[:8]}"
        self._applied: list[AppliedRevision] = []
        self._invalid_before: frozenset[str] = frozenset()
        self._unfinished = preflight.Unfinished()
        self._retried: RunningRevision | None = None
        self._broken_before: list[foreign_keys.Violation] = []
        self._connection: sa.Connection
        self._session: RunSession
        self._watch = Watch(
            run_state=run_state,
            before_early_commit=self._mark_started,
            before_autocommit=self._before_autocommit,
            lock_timeout_s=options.lock_timeout_s,
            lock_timeout_max_s=max(options.lock_timeout_max_s, options.lock_timeout_s),
            statement_timeout_s=options.statement_timeout_s,
            concurrent_lock_timeout_s=max(options.retry_for_s, options.lock_timeout_max_s),
            for_session=not options.allow_pooler,
            sent=StatementComparison(expected=expected),
        )

    def work(self) -> tuple[AppliedRevision, ...]:
        """Do the run, and turn whatever goes wrong into the error that says where the database is."""
        try:
            with connect(self._target, application_name=self._application) as connection:
                self._connection = connection
                self._state.watch(watched_connection(connection) or sqlite3_connection(connection))
                try:
                    with locked_session(
                        connection, self._target, self._table, self._options, self._state
                    ) as session:
                        self._session = session
                        self._run_under_lock()
                except (StoppedError, sa.exc.SQLAlchemyError, psycopg2.Error, ReconnectedError) as error:
                    # Before the first revision, or between two: no revision is to blame.
                    lost = self._lost_session() if self._is_lost() or self._state.was_aborted else None
                    raise RunFailedError(error, running=None, lost_session=lost) from error
                finally:
                    self._state.watch(None)
        except RunFailedError as failure:
            if self._lost_only_the_answer(failure):
                return tuple(self._applied)
            raise failure.to_error(self._project, self._target, self._plan, self._state) from failure.cause
        return tuple(self._applied)

    def _run_under_lock(self) -> None:
        connection = self._connection
        with self._state.asking():
            changed = self._find_change(connection)
            position = alembic_project.read_position(self._project, connection)
            preflight.check_table(self._table, position, self._target, self._plan)
            if not preflight.is_still_needed(self._project, self._target, self._plan, position.rows):
                return
            if changed is not None:
                raise changed
            if self._session.facts is not None:
                self._look_at_the_past(position)
            else:
                self._broken_before = foreign_keys.violations(connection)
        if self._begins_with_baseline:
            self._lay_baseline()
        for name in self._unfinished.broken:
            self._state.begin_statement()
            indexes.drop_if_invalid(connection, name, lock_timeout_s=DROP_LOCK_TIMEOUT_S)
            self._state.end_statement()
        self._state.emit(RunStarted(run_id=self._id, pid=self._state.backend_pid))
        self._watch.attach(connection)
        while True:
            try:
                alembic_project.run(self._project, connection, self._remaining(), self._hooks())
            except BaseException as error:  # noqa: BLE001 - a revision may raise anything, SystemExit too
                self._pause(self._after_failure(error))
            else:
                return

    def _find_change(self, connection: sa.Connection) -> RefusedError | None:
        """Return why the plan must not run any more; it may not be needed any more either.

        It is asked before env.py runs, whose own CREATE SCHEMA would be taken for a change by somebody else.
        """
        try:
            if self._check_again is not None:
                self._check_again(connection)
        except RefusedError as error:
            return error
        return None

    def _lay_baseline(self) -> None:
        """Apply the baseline over a connection of its own: revisions do not get what it sets there."""
        with connect(self._target, application_name=self._application) as connection:
            self._state.watch(watched_connection(connection) or sqlite3_connection(connection))
            self._state.begin_statement()
            try:
                alembic_project.apply_needed_baseline(self._project, self._plan, self._table, connection)
            finally:
                self._state.end_statement()
                driver = watched_connection(self._connection) or sqlite3_connection(self._connection)
                self._state.watch(driver)

    def _look_at_the_past(self, position: Position) -> None:
        """Open the journal, and check under the lock what was checked before the question."""
        connection = self._connection
        invalid = {index.name for index in server.invalid_indexes(connection)}
        self._invalid_before = frozenset(invalid)
        found = self._journal.open(connection)
        if found is not None:
            preflight.check_journal(found)
        for warning in preflight.journal_warnings(found):
            self._state.emit(warning)
        if found is None:
            return
        name = journal.read_environment(connection)
        stamp = preflight.check_environment(name, self._target, self._options)
        records = read_records(self._project, connection, found, position)
        entries = records.entries
        applied = alembic_project.applied_revisions(self._project, self._plan.before)
        accepted = preflight.check_edited(entries, applied, self._target, self._options)
        unfinished = preflight.check_unfinished(connection, entries, self._plan, self._options)
        if self._journal.is_open:
            if stamp is not None:
                journal.write_environment(connection, stamp)
            if records.moved_from is not None:
                journal.carry_over(connection, records.moved_from, self._table)
                self._state.emit(preflight.journal_moved(records.moved_from, self._table))
            if records.found_out and found.names_version_tables:
                journal.assign(connection, self._table, records)
            for edited in accepted:
                journal.accept(connection, entries[edited.revision], edited.file_sha256)
        self._watch.done = unfinished.done
        self._unfinished = unfinished
        self._invalid_before = frozenset(invalid.difference(map(bare, unfinished.broken)))

    def _remaining(self) -> Plan:
        done = {applied.revision for applied in self._applied}
        return replace(self._plan, steps=tuple(step for step in self._plan.steps if step.id not in done))

    def _hooks(self) -> Hooks:
        steps = {step.id: step for step in self._plan.steps}

        def started(revision: str) -> None:
            self._watch.sent.begin(revision)
            self._start(steps[revision])

        def recording(_revision: str) -> None:
            self._send_journal_row()

        def recorded(_revision: str) -> None:
            with self._state.asking():
                self._record()

        return Hooks(
            started=started,
            recording=recording,
            recorded=recorded,
            committed=lambda _revision: self._end(),
            reused=self._warn_of_reuse,
            kept=lambda what: self._state.emit(Warned(code="kept-in-rebuild", message=what)),
        )

    def _warn_of_reuse(self, revision: str, why: Exception) -> None:
        said = f"{type(why).__name__}: {why}"
        message = f"the file of {revision} cannot be executed again; its earlier module runs instead: {said}"
        self._state.emit(Warned(code="not-executed-anew", message=message))

    def _start(self, revision: Revision) -> None:
        retried, self._retried = self._retried, None
        if retried is not None:
            self._watch.running = retried.next_attempt()
            return
        # Alembic may have made its version table in the transaction that becomes this revision's.
        has_written_before = self._connection.in_transaction() and has_written(self._connection)
        self._watch.running = RunningRevision(revision=revision, has_written_before=has_written_before)
        self._watch.lock_timeout_s = retries.lock_timeout_s(self._options, 1)
        self._state.emit(
            RevisionStarted(revision=revision, number=len(self._applied) + 1, total=len(self._plan.steps))
        )

    def _send_journal_row(self) -> None:
        """Have the journal's row travel with the version row, which is about to be sent: with the first of
        several. By then the revision has sent all that it sends."""
        running = self._require_running()
        running.check_open()
        is_first = running.state is not RevisionState.RECORDING
        if is_first:
            running.note_other_statements(self._watch.sent.end())
        if is_first and not self._journal.checks_transaction:
            self._watch.transactions.check(running)
        if self._journal.is_open and is_first:
            driver = psycopg2_connection(self._connection)
            driver.pending_sql = self._journal.applied_row(running, self._watch.mark) + b"; "

    def _record(self) -> None:
        """Inside the revision's transaction, after its version row and the journal's: the checks."""
        running = self._require_running()
        built_indexes.check(self._connection, running, self._invalid_before)
        running.is_now_recorded()
        if not self._is_postgresql:
            foreign_keys.check(self._connection, self._broken_before)
        self._session.check_lock(row_checks=self._journal.is_open)
        if self._session.may_prepare:
            driver = psycopg2_connection(self._connection)
            driver.begin_after_commit = running.revision != self._plan.steps[-1]

    def _end(self) -> None:
        self._require_running().check_committed()
        self._finish()

    def _finish(self) -> None:
        running = self._require_running()
        self._watch.running = None
        self._applied.append(
            AppliedRevision(
                revision=running.revision.id,
                message=running.revision.message,
                seconds=running.seconds,
                other_statements=running.other_statements,
            )
        )
        self._state.emit(
            RevisionApplied(
                revision=running.revision,
                number=len(self._applied),
                total=len(self._plan.steps),
                seconds=running.seconds,
            )
        )
        if running.other_statements is not None:
            message = f"{running.revision.id} {running.other_statements}"
            self._state.emit(Warned(code="other-statements", message=message))

    def _mark_started(self, running: RunningRevision) -> None:
        """A revision is about to commit before its end: from here on it cannot be rolled back as a whole."""
        if self._session.lock_connection is not None:
            raise RefusedError(
                "pooler-needs-autocommit",
                f"{running.revision.id} has an autocommit block, which a transaction pooler cannot guard",
                state="rolled back",
                next_steps=("run it over the direct address of the server, without --allow-pooler",),
            )
        self._session.check_process()
        self._journal.started(running, self._unfinished.statements.get(running.revision.id, ()))

    def _before_autocommit(self, running: RunningRevision, statement: str) -> None:
        self._session.check_process()
        self._journal.statement(running, statement)

    def _after_failure(self, error: BaseException) -> float:
        """Clean up; return the pause after which to try again, or raise RunFailedError."""
        self._state.end_statement()
        error = self._watch.sent.difference or error  # whatever the revision has made of it
        running = self._watch.running
        self._watch.running = None  # what is done from here on is not the revision's
        if self._is_lost() or self._state.was_aborted or isinstance(error, ReconnectedError):
            self._watch.transactions.settle_lost(running)
            raise RunFailedError(error, running=running, lost_session=self._lost_session())
        self._watch.transactions.look_before_rollback(running)
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            self._connection.rollback()
        self._watch.transactions.settle(running)
        if journal.lost_lock(error):
            error = LockLostError()
        elif running is not None and journal.lost_transaction(error):
            running.note_uncertain()
            error = TransactionEndedError(ENDED_UNSEEN)
        # Whoever stopped the run does not want to wait for what was in its way.
        patience_s = 3.0 if self._state.signal is not None else DROP_LOCK_TIMEOUT_S
        left_index = None
        if running is not None:
            left_index = built_indexes.drop_broken(
                self._connection, running, self._invalid_before, lock_timeout_s=patience_s
            )
        if isinstance(error, MigrationError) and (running is None or running.is_clean):
            raise self._as_rolled_back(error)
        code, cause, _next_steps = explain(error, self._target)
        driver = watched_connection(self._connection)
        if code in retries.PASSING_CAUSES and retries.is_of_another_connection(error, driver):
            # Nobody else is in the way: to try again would end in the same place.
            error = retries.OwnLockError(error, self._state.backend_pid).with_traceback(error.__traceback__)
            code, cause, _next_steps = explain(error, self._target)
        is_stopped = self._state.signal is not None
        if running is not None and retries.may_retry(
            running, code, self._options, leaves_index=left_index is not None, is_stopped=is_stopped
        ):
            return self._prepare_retry(running, cause)
        failure = RunFailedError(
            error,
            running=running,
            left_index=left_index,
            blockers=self._state.blockers,
            role=current_role(self._connection) if self._has_role() else None,
        )
        self._record_failure(running, cause)
        raise failure

    def _as_rolled_back(self, error: MigrationError) -> MigrationError:
        """Return a refusal that comes from within a revision, with the state that the database is in."""
        found = read_state_after_failure(self._project, self._target)
        if self._applied:
            # "Refused" would mean that nothing has changed.
            error = RolledBackError(error.code, error.message, next_steps=error.next_steps)
        error.state = f"rolled back; {found.at}"
        error.revisions = found.outcomes(self._project, self._plan)
        return error

    def _prepare_retry(self, running: RunningRevision, cause: str) -> float:
        """Have the revision run once more after the pause that is returned."""
        pause = retries.pause_s(running.attempt)
        self._watch.lock_timeout_s = retries.lock_timeout_s(self._options, running.attempt + 1)
        self._retried = running
        if self._journal.has_marked(running):
            self._record_failure(running, cause)
        self._state.emit(
            Retrying(revision=running.revision.id, attempt=running.attempt + 1, pause_s=pause, cause=cause)
        )
        return pause

    def _has_role(self) -> bool:
        return self._is_postgresql and self._watch.may_have_role

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._state.signal is not None:
                self._record_failure(self._retried, "stopped")
                raise RunFailedError(StoppedError(), running=self._retried)
            time.sleep(min(left, 0.05))

    def _lost_session(self) -> str | None:
        """How the server calls the session that was lost; None for a file, which has no sessions."""
        return self._application if self._is_postgresql else None

    def _is_lost(self) -> bool:
        if self._connection.invalidated or self._connection.closed:
            return True
        driver = watched_connection(self._connection)
        return driver is not None and bool(driver.closed)

    def _record_failure(self, running: RunningRevision | None, cause: str) -> None:
        if running is None:
            return
        if self._state.signal is not None:
            cause = f"interrupted by {signal.Signals(self._state.signal).name}"
        with self._state.asking():
            self._journal.failed(running, cause)

    def _lost_only_the_answer(self, failure: RunFailedError) -> bool:
        """Say whether all that was lost is the answer to the last commit: everything planned is applied."""
        running = failure.running
        if failure.lost_session is None or running is None or not running.is_recorded:
            return False
        ended = failure.read_outcomes(self._project, self._target, self._plan)
        if any(item.outcome is not Outcome.APPLIED for item in ended):
            return False
        self._state.emit(
            Warned(
                code="commit-reply-lost",
                message=f"the answer to the commit of {running.revision.id} was lost; af-db checked: it is "
                "committed",
            )
        )
        self._watch.running = running
        self._finish()
        return True

    def _require_running(self) -> RunningRevision:
        if self._watch.running is None:
            raise RuntimeError("a revision ended that had not begun")
        return self._watch.running
