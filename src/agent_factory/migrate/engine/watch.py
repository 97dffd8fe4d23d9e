"""What af-db sees of a revision while it runs: every statement and every commit on its connection."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg2.extensions
import sqlalchemy as sa

from agent_factory.migrate.db import indexes
from agent_factory.migrate.db.connection import WatchedConnection
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.sent_statements import SentStatements
from agent_factory.migrate.engine.supervision import RunState
from agent_factory.migrate.model.events import StatementStarted
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.results import OtherStatements

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
_QUOTED = re.compile(
    r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/"
    r"|(?i:\bBEGIN\s+ATOMIC\b.*?;\s*END\b)",
    re.DOTALL,
)
_MAY_END = re.compile(r"COMMIT|END|ROLLBACK|ABORT|PREPARE", re.IGNORECASE)
_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?P<commit>COMMIT|END|PREPARE\s+TRANSACTION)\b|(?:^|;)\s*(?:ROLLBACK|ABORT)\b(?!.*\bTO\b)",
    re.IGNORECASE,
)


class TransactionEndedError(Exception):
    """A revision ran COMMIT or ROLLBACK itself: the rest would not be one transaction with its version."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the revision ends its transaction itself ({how})")


@dataclass(slots=True)
class Running:
    """The revision that runs. ``statements`` are those of its open transaction that change something,
    ``committed`` those that are committed before its end, ``built`` the indexes it builds CONCURRENTLY;
    ``builds_unnamed`` says that it builds more, under names that the server picks.
    ``ended_by`` is how its transaction was ended before the revision was. ``other_statements`` says that it
    did not send what was rehearsed."""

    revision: Revision
    attempt: int = 1
    began: float = field(default_factory=time.monotonic)
    statements: list[str] = field(default_factory=list)
    committed: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    builds_unnamed: bool = False
    is_marked: bool = False
    is_journalled: bool = False
    is_recorded: bool = False
    is_in_transaction: bool = False
    was_written: bool = False
    ended_by: str = ""
    other_statements: OtherStatements | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


@dataclass(slots=True, kw_only=True)
class Watch:
    """The listeners on one connection, and the limits they set for each transaction.

    ``before_early_commit`` is called, inside the transaction, when a revision is about to commit before its
    end; ``before_autocommit`` before each statement outside a transaction. ``done`` are indexes whose
    statements are skipped. ``sent`` notes what the revisions send, these included.
    """

    run_state: RunState
    before_early_commit: Callable[[Running], None]
    before_autocommit: Callable[[Running, str], None]
    lock_timeout_s: float
    lock_timeout_max_s: float
    statement_timeout_s: float
    concurrent_lock_timeout_s: float
    idle_timeout_s: float = 600.0
    for_session: bool = True
    running: Running | None = None
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
        driver: Any = connection.connection.dbapi_connection
        if isinstance(driver, WatchedConnection):
            driver.when_committed = self.run_state.end_statement

    def _limit(self, connection: sa.Connection) -> None:
        """Have the limits hold in this transaction, whatever a rollback or a revision has made of them.

        They are set for the session, and again when they may have changed; behind a pooler, where a session
        is shared with strangers, for each transaction.
        """
        driver: Any = connection.connection.dbapi_connection
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
                    "lock": _milliseconds(lock_timeout_s),
                    "statement": _milliseconds(self.statement_timeout_s),
                    "idle": _milliseconds(self.idle_timeout_s),
                    "local": not self.for_session,
                },
            )
            self.run_state.backend_pid = cursor.fetchone()[0]
        self._in_force = wanted if self.for_session else None

    def _before(
        self,
        connection: sa.Connection,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        is_many: bool,
    ) -> tuple[str, Any]:
        self.run_state.check_stop()
        self.sent.note(statement, parameters, is_many=is_many)
        running = self.running
        if running is not None and not running.is_recorded:
            self._check_driver(connection, running)
        if running is not None and not running.is_recorded and "alembic_version" not in statement:
            self.run_state.emit(StatementStarted(revision=running.revision.id, sql=statement))
            name = indexes.built_by(statement)
            if name is not None:
                if name in self.done:
                    running.committed.append(statement)
                    return NO_STATEMENT, ()
                running.built.append(name)
            elif indexes.builds_unnamed(statement):
                running.builds_unnamed = True
            driver: Any = connection.connection.dbapi_connection
            if not self.for_session and (_is_autocommit(driver) or _ending(statement)):
                self.run_state.release_backend()  # the server may give the process away before we hear of it
            if _is_autocommit(driver):
                self._limit_autocommit(connection, statement)
                self.before_autocommit(running, statement)
        self.run_state.begin_statement()
        return statement, parameters

    def _check_driver(self, connection: sa.Connection, running: Running) -> None:
        """Raise when the driver's transaction has ended under SQLAlchemy's, by a call on psycopg2 itself."""
        driver: Any = connection.connection.dbapi_connection
        if not running.is_in_transaction or not isinstance(driver, WatchedConnection):
            return
        if driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            self._end(running, driver.ended_by or "commit", f"{driver.ended_by}() of psycopg2")

    def _end(self, running: Running, kind: str, how: str) -> None:
        if kind == "commit":
            running.committed += running.statements
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
                    "lock": _milliseconds(seconds),
                    "statement": _milliseconds(self.statement_timeout_s),
                    "local": False,
                },
            )
        self._in_force = None

    def _after(self, connection: sa.Connection, _cursor: Any, statement: str, *_context: Any) -> None:
        self.run_state.end_statement()
        running = self.running
        if running is None or running.is_recorded:
            return
        driver: Any = connection.connection.dbapi_connection
        changes = not _READS.match(statement) and statement != NO_STATEMENT
        if _is_autocommit(driver):
            # What looks like a read may call a function that writes, and there is no transaction to ask.
            changes = changes or (bool(_MAY_WRITE.search(statement)) and statement != NO_STATEMENT)
            running.committed += [statement] if changes else []
            return
        if isinstance(driver, WatchedConnection):
            if ending := _ending(statement):
                running.statements += [statement] if changes else []
                self._end(running, "commit" if ending["commit"] else "rollback", statement)
            running.is_in_transaction = True
            if _CHANGES_LIMITS.search(statement):
                self._in_force = None
                self._limit(connection)
        if changes and "alembic_version" not in statement:
            running.statements.append(statement)

    def _commit(self, connection: sa.Connection) -> None:
        running = self.running
        driver: Any = connection.connection.dbapi_connection
        if running is not None and not running.is_recorded and not _is_autocommit(driver):
            if not running.statements and not running.was_written and has_written(connection):
                running.statements = ["(what a function or a cursor of the revision has written)"]
            self.before_early_commit(running)
            running.committed += running.statements
            running.statements = []
            running.is_in_transaction = False
            running.ended_by = "commit"
        if isinstance(driver, WatchedConnection):
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
            self.running.is_in_transaction = False
            self.running.ended_by = "rollback"

    def _begin(self, connection: sa.Connection) -> None:
        """A transaction begins; for a revision that had one, that is right only for an autocommit block."""
        running = self.running
        driver: Any = connection.connection.dbapi_connection
        if running is not None and running.ended_by:
            how, running.ended_by = running.ended_by, ""
            if isinstance(driver, WatchedConnection) and not driver.autocommit:
                raise TransactionEndedError(f"{how}() of SQLAlchemy")
        if connection.dialect.name == "postgresql":
            self._limit(connection)


def has_written(connection: sa.Connection) -> bool:
    """Say whether the open transaction has changed anything, whatever its statements looked like."""
    if connection.dialect.name != "postgresql":
        return False
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT txid_current_if_assigned() IS NOT NULL")
        (written,) = cursor.fetchone()
        return bool(written)


def _ending(statement: str) -> re.Match[str] | None:
    """Find the COMMIT or ROLLBACK in a statement, or None."""
    if not _MAY_END.search(statement):
        return None
    return _ENDS_TRANSACTION.search(_QUOTED.sub(" ", statement).strip())


def _is_autocommit(driver: Any) -> bool:
    """Say whether psycopg2 runs outside transactions; sqlite3's attribute means something else."""
    return isinstance(driver, WatchedConnection) and bool(driver.autocommit)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"
