"""What af-db sees of a revision while it runs: every statement and every commit on its connection."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg2.extensions
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import indexes
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import psycopg2_connection, watched_connection
from agent_factory.migrate.db.sent_statements import SentStatements
from agent_factory.migrate.db.sql import blanked
from agent_factory.migrate.engine.run_state import RunState
from agent_factory.migrate.engine.running_revision import (
    WRITTEN_UNSEEN,
    RunningRevision,
    TransactionEndedError,
)
from agent_factory.migrate.model.durations import milliseconds
from agent_factory.migrate.model.events import StatementStarted

NO_STATEMENT = "DO $$ BEGIN END $$"
"""What runs in place of a statement whose work an earlier run has done."""

NO_TRANSACTION_TIMEOUT = (
    "CASE WHEN current_setting('transaction_timeout', true) <> '0' "
    "THEN set_config('transaction_timeout', '0', %(local)s) END"
)
"""An SQL expression that lifts the limit of whole transactions, where the server has it (17 and newer): it
would end the session, and with it the run lock."""

_READS = re.compile(
    r"\s*(SELECT|SHOW|SET|PRAGMA|EXPLAIN|WITH\b(?!.*\b(INSERT|UPDATE|DELETE)\b))", re.IGNORECASE | re.DOTALL
)
_MAY_WRITE = re.compile(r"^(?!.*\bpg_catalog\.).*(\w\s*\(|;\s*\S)", re.DOTALL)
_CHANGES_LIMITS = re.compile(r"_timeout\b|\bRESET\s+ALL\b|\bDISCARD\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
_ATOMIC_BODY = re.compile(r"\bBEGIN\s+ATOMIC\b.*?;\s*END\b", re.IGNORECASE | re.DOTALL)
_MAY_END = re.compile(r"COMMIT|END|ROLLBACK|ABORT|PREPARE", re.IGNORECASE)
_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?P<commit>COMMIT|END|PREPARE\s+TRANSACTION)\b|(?:^|;)\s*(?:ROLLBACK|ABORT)\b(?!.*\bTO\b)",
    re.IGNORECASE,
)


@dataclass(slots=True, kw_only=True)
class Watch:
    """The listeners on one connection: they tell the running revision what happens, and set the limits.

    ``before_early_commit`` is called, inside the transaction, when a revision is about to commit before its
    end; ``before_autocommit`` before each statement outside a transaction. ``done`` are indexes whose
    statements are skipped. ``sent`` notes what the revisions send, these included. ``for_session``: no pooler
    stands between, so limits are set for the whole session; else they are set for each transaction.
    """

    run_state: RunState
    before_early_commit: Callable[[RunningRevision], None]
    before_autocommit: Callable[[RunningRevision, str], None]
    lock_timeout_s: float
    lock_timeout_max_s: float
    statement_timeout_s: float
    concurrent_lock_timeout_s: float
    idle_timeout_s: float = 600.0
    for_session: bool = True
    running: RunningRevision | None = None
    done: frozenset[str] = frozenset()
    sent: SentStatements = field(default_factory=SentStatements)
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
        if (driver := watched_connection(connection)) is not None:
            driver.when_committed = self.run_state.end_statement

    def _limit(self, connection: sa.Connection) -> None:
        """Have the limits hold in this transaction, whatever a rollback or a revision has made of them.

        They are set for the session, and again when they may have changed; behind a pooler, where a session
        is shared with strangers, for each transaction.
        """
        driver = psycopg2_connection(connection)
        # What follows a commit inside a revision is not tried again, so it may wait longer.
        committed = self.running is not None and bool(self.running.committed)
        lock_timeout_s = self.lock_timeout_max_s if committed else self.lock_timeout_s
        wanted = (lock_timeout_s, self.statement_timeout_s, self.idle_timeout_s)
        if driver.autocommit or self._in_force == wanted:
            return
        with driver.cursor() as cursor:
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

    def _before(
        self,
        connection: sa.Connection,
        _cursor: object,
        statement: str,
        parameters: object,
        _context: object,
        is_many: bool,
    ) -> tuple[str, object]:
        self.run_state.check_stop()
        self.sent.note(statement, parameters, is_many=is_many)
        running = self.running
        if running is not None and not running.is_recorded:
            self._check_driver(connection, running)
            if alembic_project.sends_version_row(connection):
                running.records()
            elif self._skips(connection, running, statement):
                return NO_STATEMENT, ()
        self.run_state.begin_statement()
        return statement, parameters

    def _skips(self, connection: sa.Connection, running: RunningRevision, statement: str) -> bool:
        """Prepare for a statement of the revision's own; say whether an earlier run has done its work."""
        self.run_state.emit(StatementStarted(revision=running.revision.id, sql=statement))
        if indexes.built_by(statement) in self.done:
            running.note_committed(statement)
            return True
        running.note_build(statement)
        is_autocommit = _is_autocommit(connection)
        if not self.for_session and (is_autocommit or _ending(statement)):
            self.run_state.release_backend()  # the server may give the process away before we hear of it
        if is_autocommit:
            self._limit_autocommit(connection, statement)
            self.before_autocommit(running, statement)
        return False

    def _check_driver(self, connection: sa.Connection, running: RunningRevision) -> None:
        """Raise when the driver's transaction has ended under SQLAlchemy's, by a call on psycopg2 itself."""
        driver = watched_connection(connection)
        if not running.has_open_transaction or driver is None or driver.autocommit:
            return
        if driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            self._stop(running, driver.ended_by or "commit", f"{driver.ended_by}() of psycopg2")

    def _stop(self, running: RunningRevision, kind: str, how: str) -> None:
        if kind == "commit":
            running.note_commit()
        raise TransactionEndedError(how)

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
        changes = not _READS.match(statement) and statement != NO_STATEMENT
        if _is_autocommit(connection):
            # What looks like a read may call a function that writes, and there is no transaction to ask.
            if changes or (_MAY_WRITE.search(statement) and statement != NO_STATEMENT):
                running.note_committed(statement)
            return
        if alembic_project.sends_version_row(connection):
            return
        running.note_statement(statement, changes=changes)
        if watched_connection(connection) is not None:
            if ending := _ending(statement):
                self._stop(running, "commit" if ending["commit"] else "rollback", statement)
            if _CHANGES_LIMITS.search(statement):
                self._in_force = None
                self._limit(connection)

    def _commit(self, connection: sa.Connection) -> None:
        running = self.running
        if running is not None and not running.is_recorded and not _is_autocommit(connection):
            if not running.statements and not running.has_written_before and has_written(connection):
                running.note_statement(WRITTEN_UNSEEN, changes=True)
            self.before_early_commit(running)
            running.commits()
        if watched_connection(connection) is not None:
            self.run_state.begin_statement()  # the driver tells of its end: SQLAlchemy has no event
        self._release_backend()

    def _release_backend(self) -> None:
        """Behind a pooler the transaction's process may be a stranger's from here on."""
        if not self.for_session:
            self.run_state.release_backend()

    def _rollback(self, _connection: sa.Connection) -> None:
        self._release_backend()
        self._in_force = None
        if self.running is not None and not self.running.is_recorded:
            self.running.rolls_back()

    def _begin(self, connection: sa.Connection) -> None:
        """A transaction begins; for a revision that had one, that is right only for an autocommit block."""
        driver = watched_connection(connection)
        if self.running is not None:
            self.running.begins(may_follow=driver is None or driver.autocommit)
        if connection.dialect.name == "postgresql":
            self._limit(connection)


def has_written(connection: sa.Connection) -> bool:
    """Say whether the open transaction has changed anything, whatever its statements looked like."""
    if connection.dialect.name != "postgresql":
        return False
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT txid_current_if_assigned() IS NOT NULL")
        ((written,),) = cursor.fetchall()
        return bool(written)


def _ending(statement: str) -> re.Match[str] | None:
    """Find the COMMIT or ROLLBACK in a statement, or None."""
    if not _MAY_END.search(statement):
        return None
    return _ENDS_TRANSACTION.search(_ATOMIC_BODY.sub(" ", blanked(statement)).strip())


def _is_autocommit(connection: sa.Connection) -> bool:
    """Say whether psycopg2 runs outside transactions; sqlite3's attribute means something else."""
    driver = watched_connection(connection)
    return driver is not None and driver.autocommit
