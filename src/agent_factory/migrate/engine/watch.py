"""What af-db sees of a revision while it runs: every statement and every commit on its connection."""

import functools
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import indexes
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import WatchedConnection, own_cursor_of, watched_connection
from agent_factory.migrate.db.roles import may_switch_role
from agent_factory.migrate.db.sent_statements import SentListener
from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.migrate.db.transaction_control import may_change_transaction
from agent_factory.migrate.db.transactions import is_idle
from agent_factory.migrate.db.watched_file import watched_file
from agent_factory.migrate.engine.notices import hear as hear_notices
from agent_factory.migrate.engine.run_state import RunState
from agent_factory.migrate.engine.running_revision import RunningRevision
from agent_factory.migrate.engine.sqlite_marks import SqliteMarks
from agent_factory.migrate.engine.statement_comparison import StatementComparison
from agent_factory.migrate.engine.transaction_watch import NO_STATEMENT, TransactionWatch
from agent_factory.migrate.model.durations import milliseconds
from agent_factory.migrate.model.events import StatementStarted
from agent_factory.sqlite import BEGIN_TO_WRITE

NO_TRANSACTION_TIMEOUT = (
    "CASE WHEN current_setting('transaction_timeout', true) <> '0' "
    "THEN set_config('transaction_timeout', '0', %(local)s) END"
)
"""An SQL expression that lifts the limit of whole transactions, where the server has it (17 and newer): it
would end the session, and with it the run lock."""

_CHANGES_LIMITS = re.compile(r"_timeout\b|\bRESET\s+ALL\b|\bDISCARD\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Watch:
    """The listeners on one connection: they tell the running revision what happens, and set the limits.

    ``before_early_commit`` is called, inside the transaction, when a revision is about to commit before its
    end; ``before_autocommit`` before each statement outside a transaction. ``done`` are indexes whose
    statements are skipped. ``sent`` compares what the revisions send, these included. ``for_session``: no
    pooler stands between, so limits are set for the whole session; else they are set for each transaction.
    ``may_have_role``: env.py or a revision may have switched the session's role.
    ``mark`` is that of this run's transactions on PostgreSQL.
    """

    run_state: RunState
    before_early_commit: Callable[[RunningRevision], None]
    before_autocommit: Callable[[RunningRevision, str], None]
    lock_timeout_s: float
    lock_timeout_max_s: float
    statement_timeout_s: float
    concurrent_lock_timeout_s: float
    sent: StatementComparison
    idle_timeout_s: float = 600.0
    for_session: bool = True
    running: RunningRevision | None = None
    may_have_role: bool = False
    done: frozenset[str] = frozenset()
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    transactions: TransactionWatch | SqliteMarks = field(init=False)
    _driver: WatchedConnection | None = None
    _in_force: tuple[float, ...] | None = None

    def attach(self, connection: sa.Connection) -> None:
        """Listen to everything that SQLAlchemy sends on this connection."""
        engine = connection.engine
        sa.event.listen(engine, "before_cursor_execute", self._before, retval=True)
        sa.event.listen(engine, "after_cursor_execute", self._after)
        sa.event.listen(engine, "handle_error", lambda _context: self.run_state.end_statement())
        sa.event.listen(engine, "commit", self._commit)
        sa.event.listen(engine, "begin", self._begin)
        sa.event.listen(engine, "rollback", self._rollback)
        self._driver = driver = watched_connection(connection)
        if driver is None:
            file = watched_file(connection)
            file.listener = SentListener(
                is_meant=lambda: self._whose(connection) is not None, note=self.sent.note
            )
            self.transactions = SqliteMarks(driver=file)
            return
        driver.when_committed = self.run_state.end_statement
        hear_notices(driver, lambda: self._revision_sending(connection), self.run_state.emit)
        self.transactions = TransactionWatch(
            connection=connection,
            driver=driver,
            mark=self.mark,
            find_running=lambda: self._whose(connection),
            note_sent=self.sent.note,
            hear=self._hear_role,
            before_autocommit=functools.partial(self._begin_autocommit, connection),
        )
        self.transactions.attach()

    def _hear_role(self, sql: str) -> None:
        self.may_have_role = self.may_have_role or may_switch_role(sql)

    def _revision_sending(self, connection: sa.Connection) -> str | None:
        running = self._whose(connection)
        return running.revision.id if running is not None else None

    def _whose(self, connection: sa.Connection) -> RunningRevision | None:
        """The revision that runs, where what is sent now is its own."""
        running = self.running
        if running is None or running.is_recorded or alembic_project.sends_version_row(connection):
            return None
        return running

    def _limit(self, driver: WatchedConnection) -> None:
        """Have the limits hold in this transaction, whatever a rollback or a revision has made of them.

        They are set for the session, and again when they may have changed; behind a pooler, where a session
        is shared with strangers, for each transaction.
        """
        # What follows a commit inside a revision is not tried again, so it may wait longer.
        committed = self.running is not None and bool(self.running.committed)
        lock_timeout_s = self.lock_timeout_max_s if committed else self.lock_timeout_s
        wanted = (lock_timeout_s, self.statement_timeout_s, self.idle_timeout_s)
        if driver.autocommit or self._in_force == wanted:
            return
        is_between = is_idle(driver)
        with own_cursor_of(driver) as cursor:
            cursor.execute(
                "SELECT pg_backend_pid(), set_config('lock_timeout', %(lock)s, %(local)s), "
                "set_config('statement_timeout', %(statement)s, %(local)s), "
                "set_config('idle_in_transaction_session_timeout', %(idle)s, %(local)s), "
                f"{NO_TRANSACTION_TIMEOUT}",
                {
                    "lock": milliseconds(lock_timeout_s),
                    "statement": milliseconds(self.statement_timeout_s),
                    "idle": milliseconds(self.idle_timeout_s),
                    "local": not self.for_session,
                },
            )
            ((self.run_state.backend_pid, *_),) = cursor.fetchall()
        self._in_force = wanted if self.for_session else None
        if self.for_session and is_between:
            driver.commit()  # SET TRANSACTION may still be the first statement of the next one

    def _before(
        self,
        connection: sa.Connection,
        _cursor: object,
        statement: str,
        parameters: object,
        *_context: object,
    ) -> tuple[str, object]:
        self.run_state.check_stop()
        running = self.running
        # The transaction of a second revision begins inside of its step, and is no statement of it.
        if running is not None and not running.is_recorded and statement != BEGIN_TO_WRITE:
            self.transactions.check_open(running)
            if alembic_project.sends_version_row(connection):
                running.records()
            elif self._skips(running, statement):
                return NO_STATEMENT, ()
        self.run_state.begin_statement()
        return statement, parameters

    def _skips(self, running: RunningRevision, statement: str) -> bool:
        """Prepare for a statement of the revision's own; say whether an earlier run has done its work."""
        self.run_state.emit(StatementStarted(revision=running.revision.id, sql=masked_sql(statement)))
        if indexes.built_by(statement) in self.done:
            self.sent.note(statement)  # the driver is given another one
            running.note_committed(statement)
            return True
        driver = self._driver
        is_autocommit = driver is not None and driver.autocommit
        if not self.for_session and (is_autocommit or may_change_transaction(statement)):
            self.run_state.release_backend()  # the server may give the process away before we hear of it
        return False

    def _begin_autocommit(self, connection: sa.Connection, running: RunningRevision, statement: str) -> None:
        """Note what is about to be sent outside of a transaction, by whatever cursor, and limit it."""
        self._limit_autocommit(connection, statement)
        self.before_autocommit(running, statement)

    def _limit_autocommit(self, connection: sa.Connection, statement: str) -> None:
        """A concurrent build waits for older transactions and blocks nobody meanwhile: it may wait long."""
        concurrent = _CONCURRENTLY.search(statement)
        seconds = self.concurrent_lock_timeout_s if concurrent else self.lock_timeout_max_s
        with own_cursor(connection) as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %(lock)s, false), "
                "set_config('statement_timeout', %(statement)s, false), "
                f"{NO_TRANSACTION_TIMEOUT}",
                {
                    "lock": milliseconds(seconds),
                    "statement": milliseconds(self.statement_timeout_s),
                    "local": False,
                },
            )
        self._in_force = None

    def _after(self, connection: sa.Connection, _cursor: object, statement: str, *_context: object) -> None:
        self.run_state.end_statement()
        running = self.running
        if running is None or running.is_recorded:
            return
        driver = self._driver
        if driver is None:
            if not alembic_project.sends_version_row(connection):
                running.note_statement(statement)
        elif not driver.autocommit and _CHANGES_LIMITS.search(statement):
            self._in_force = None
            self._limit(driver)

    def _commit(self, _connection: sa.Connection) -> None:
        running = self.running
        if running is not None and running.is_recorded:
            running.is_now_committed()
        elif running is not None and not (self._driver is not None and self._driver.autocommit):
            self.transactions.expect_commit(running)
            self.before_early_commit(running)
            running.commits()
        self.transactions.expect_end()
        if self._driver is not None:
            self.run_state.begin_statement()  # the driver tells of its end: SQLAlchemy has no event
        self._release_backend()

    def _release_backend(self) -> None:
        """Behind a pooler the transaction's process may be a stranger's from here on."""
        if not self.for_session:
            self.run_state.release_backend()

    def _rollback(self, _connection: sa.Connection) -> None:
        self._release_backend()
        self._in_force = None
        self.transactions.expect_end()
        if self.running is not None and not self.running.is_recorded:
            self.running.rolls_back()

    def _begin(self, _connection: sa.Connection) -> None:
        """A transaction begins; for a revision that had one, that is right only for an autocommit block."""
        driver = self._driver
        if self.running is not None:
            self.running.begins(may_follow=driver is None or driver.autocommit)
        if driver is not None and self.for_session:
            self._limit(driver)
        self.transactions.begin()
        if driver is not None and not self.for_session:
            self._limit(driver)


def has_written(connection: sa.Connection) -> bool:
    """Say whether the open transaction has changed anything, whatever its statements looked like."""
    if connection.dialect.name != "postgresql":
        return False
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT txid_current_if_assigned() IS NOT NULL")
        ((written,),) = cursor.fetchall()
        return bool(written)
