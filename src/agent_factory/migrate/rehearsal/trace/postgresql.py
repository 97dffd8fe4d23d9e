"""Traces the statements of one PostgreSQL session.

Before and after each statement, on the same session and in the same transaction, the tracer reads what the
transaction has locked, scanned and written, and reads the relations again whose rows in the catalog are
not what they were. Nothing is parsed: a DO block, a function or several statements in one text are seen by
what they did.

What would run outside a transaction is given one of its own, so that it can be read before the commit.
What the server refuses to run in one is watched through gates.

It is made for tables without rows. Of 135 forms of statement, 133 show the locks, rewrites and scans there
that they have on 200,000 rows (measured, PostgreSQL 15, 16, 18). The two others are ADD FOREIGN KEY and
VALIDATE CONSTRAINT of a foreign key: where there are no rows, the table that is referred to is not read. What
cannot be seen at all is how long a statement takes, and whether rows make it fail.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import FORGETS_PREPARED, Cursor, Values, psycopg2_connection, unheard
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.trace.catalog_lock_gates import CatalogLockGates
from agent_factory.migrate.rehearsal.trace.lock_snapshot import (
    LOCKS,
    LOCKS_AND_MARKS,
    Counts,
    LockSnapshot,
    read_counts,
    read_lock_snapshot,
    read_sent_counts,
    send_counts,
)
from agent_factory.migrate.rehearsal.trace.prepared import forget, prepare
from agent_factory.migrate.rehearsal.trace.reads import Reads
from agent_factory.migrate.rehearsal.trace.relations import RELATION, read_enum_mark
from agent_factory.migrate.rehearsal.trace.schema_snapshot import SchemaSnapshot
from agent_factory.migrate.rehearsal.trace.statement_effects import (
    StatementEffects,
    effects_between,
    held_locks,
    tables_of,
)
from agent_factory.migrate.rehearsal.trace.statements import HeldLock, TracedRead, TracedStatement

_CONTROLS_TRANSACTION = frozenset(
    {"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "PREPARE TRANSACTION", "SAVEPOINT", "RELEASE"}
)
_NEEDS_TRANSACTION = frozenset({"LOCK TABLE", "SAVEPOINT", "RELEASE", "DECLARE CURSOR"})
_ANSWERS = frozenset({"SELECT", "SHOW", "FETCH"})
_READS = frozenset({"SELECT", "SHOW", "EXPLAIN", "FETCH", "MOVE", "DECLARE CURSOR", "CLOSE CURSOR"})

_REFUSED_IN_TRANSACTION = (
    psycopg2.errors.ActiveSqlTransaction,
    psycopg2.errors.InvalidTransactionTermination,  # a procedure that commits
)
_PREPARED = (LOCKS_AND_MARKS, LOCKS, RELATION)
_SENDS_COUNTS_ON_DEMAND = 150000
"""The first ``server_version_num`` that has pg_stat_force_next_flush()."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    """A statement that has run."""

    sql: str
    command: str
    seconds: float
    times: int
    cursor: Cursor


class PostgreSQLTracer:
    """What is known of the session between two statements.

    ``_since`` is the number of the statement that took each lock of the open transaction. ``_counts`` is what
    the session had counted when that was last read; None when it has to be read first. ``_is_stale``:
    a rollback has undone what ``_schema`` holds.
    """

    def __init__(self, connection: sa.Connection, version_table: str, reads: Reads) -> None:
        self._connection = connection
        self._reads = reads
        self._driver = psycopg2_connection(connection)
        self._statements: list[TracedStatement] = []
        self._gates: CatalogLockGates | None = None
        self._since: dict[tuple[int, LockMode], int] = {}
        self._counts: dict[int, Counts] | None = None
        self._is_changed = False
        self._is_stale = False
        self._is_prepared = True
        with own_cursor(connection) as cursor:
            prepare(cursor, _PREPARED)
            self._schema = SchemaSnapshot(cursor, version_table)

    def take(self) -> tuple[TracedStatement, ...]:
        """Hand over the statements since the last time; their numbers begin at 1 again."""
        statements, self._statements = tuple(self._statements), []
        self._since = dict.fromkeys(self._since, 0)
        return statements

    def take_reads(self) -> tuple[TracedRead, ...]:
        """Hand over what was read since the last time."""
        return self._reads.take()

    def close(self) -> None:
        """Close the sessions that were opened to watch this one, and leave nothing behind in it."""
        if self._gates is not None:
            self._gates.close()
        # In a transaction that has failed nothing can be dropped, and nobody goes on with the session.
        with contextlib.suppress(psycopg2.Error, sa.exc.SQLAlchemyError), own_cursor(self._connection) as own:
            forget(own, _PREPARED)

    def note_end(self, *, rolled_back: bool) -> None:
        """The transaction ends."""
        self._since.clear()
        self._counts = None
        self._is_stale = self._is_stale or (rolled_back and self._is_changed)
        self._is_changed = False
        if not rolled_back:
            self._schema.forget_dropped()

    def fill_in(self, cursor: Cursor, statement: str, parameters: Values) -> str:
        """Return the text that the driver would send."""
        return self._decode(cursor.mogrify(statement, parameters))

    def run(self, cursor: Cursor, execute: Callable[[], None], *, sql: str | None, times: int) -> None:
        """Have ``execute`` run a statement with this cursor, and note what it did. Raises what that raises.

        ``sql`` is its text where the driver's last query is not, ``times`` how often it runs.
        """
        status = self._driver.info.transaction_status
        if status == psycopg2.extensions.TRANSACTION_STATUS_INERROR:  # only a rollback works
            execute()
            self._note_control(_command(cursor))
            return
        begins = status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
        if begins:
            self._begin()

        def run() -> _Ran:
            began = time.monotonic()
            try:
                execute()
            except BaseException:
                self._counts = None
                self._is_stale = self._is_stale or self._is_changed
                raise
            seconds = time.monotonic() - began
            text = sql if sql is not None else self._decode(cursor.query or b"")
            self._is_prepared = self._is_prepared and not FORGETS_PREPARED.search(text)
            return _Ran(sql=text, command=_command(cursor), seconds=seconds, times=times, cursor=cursor)

        if begins and not self._driver_begins:
            self._run_alone(run)
        else:
            self._run_inside(run, begins=begins)

    @property
    def _driver_begins(self) -> bool:
        """Whether psycopg2 sends BEGIN ahead of the next statement: not after a COMMIT in plain text."""
        return not self._driver.autocommit and self._driver.status == psycopg2.extensions.STATUS_READY

    def _begin(self) -> None:
        """Prepare for a transaction, ahead of it: SET TRANSACTION has to be its first statement."""
        self._since.clear()
        self._schema.forget_dropped()
        driver_begins = self._driver_begins
        if driver_begins:
            self._driver.autocommit = True
        try:
            with own_cursor(self._connection) as own:
                if self._sends_counts_on_demand:
                    send_counts(own)
                    self._counts = {}
                else:
                    self._counts = read_counts(own)
                self._get_ready(own)
        finally:
            if driver_begins:
                self._driver.autocommit = False

    def _run_inside(self, run: Callable[[], _Ran], *, begins: bool) -> None:
        before = LockSnapshot()
        if not begins:
            with own_cursor(self._connection) as own:
                self._get_ready(own)
                if self._counts is None:
                    self._counts = read_counts(own)
                before = read_lock_snapshot(own, with_marks=False)
        ran = run()
        if self._note_control(ran.command):
            return
        with own_cursor(self._connection) as own:
            if self._driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS:
                self._tell_inside(own, ran, before, transactional=True)
            else:  # a COMMIT was among several statements
                self.note_end(rolled_back=False)
                self._tell_outside(own, ran, LockSnapshot(), LockSnapshot())

    def _run_alone(self, run: Callable[[], _Ran]) -> None:
        with own_cursor(self._connection) as own:
            try:
                is_done = self._run_in_own_transaction(own, run)
            except BaseException as error:
                self.note_end(rolled_back=True)
                if not self._driver.closed:
                    own.execute("ROLLBACK")
                if not isinstance(error, _REFUSED_IN_TRANSACTION):
                    raise
                is_done = False
            if not is_done:
                self._run_behind_gates(own, run)

    def _run_in_own_transaction(self, own: Cursor, run: Callable[[], _Ran]) -> bool:
        """Say whether that was right for the statement. Raises what it raises."""
        own.execute("BEGIN")
        ran = run()
        if ran.command in _NEEDS_TRANSACTION:  # it has to fail, as it does where there is none
            own.execute("ROLLBACK")
            return False
        if ran.command not in _CONTROLS_TRANSACTION:
            self._tell_inside(own, ran, LockSnapshot(), transactional=False)
            own.execute("COMMIT")
            self.note_end(rolled_back=False)
        return True

    def _run_behind_gates(self, own: Cursor, run: Callable[[], _Ran]) -> None:
        self._gates = self._gates or CatalogLockGates(self._driver)
        before = LockSnapshot(counts=self._sent_counts(own))
        with _patience(own):
            try:
                with unheard(self._driver):  # this is its second try
                    ran, locks = self._gates.watch(self._driver.info.backend_pid, run)
            except BaseException:
                self._is_stale = True  # it may have left an INVALID index, and what it committed on its way
                raise
        self._tell_outside(own, ran, before, LockSnapshot(locks=locks, counts=self._sent_counts(own)))

    def _tell_inside(self, own: Cursor, ran: _Ran, before: LockSnapshot, *, transactional: bool) -> None:
        """Note what a statement did whose transaction is open."""
        schema = self._schema
        self._get_ready(own)
        after = read_lock_snapshot(own)
        if self._counts is not None:
            before = replace(before, counts={**self._counts, **before.counts})
            self._counts |= after.counts
        tables = tables_of(schema, before, after)
        held = held_locks(schema, before, self._since)
        updates = schema.update(own, after.marks, after.locks)
        values = schema.update_enums(own, after.enum_mark)
        self._is_changed = self._is_changed or bool(updates or values)
        done = effects_between(
            schema, tables, updates, self._since, before, after, command=ran.command, in_transaction=True
        )
        done = replace(done, changes=done.changes + values)
        if ran.command in _ANSWERS:
            self._reads.note(ran.cursor, ran.sql, tuple(_read_tables(done)))
        if _is_worth_reporting(ran.command, done, held):
            self._note(ran, done, held, transactional=transactional)
            for oid, modes in after.locks.items():
                for mode in modes - before.locks.get(oid, frozenset()):
                    self._since[oid, mode] = len(self._statements)

    def _tell_outside(self, own: Cursor, ran: _Ran, before: LockSnapshot, after: LockSnapshot) -> None:
        """Note what a statement did that has committed by itself."""
        schema = self._schema
        self._get_ready(own)
        tables = tables_of(schema, before, after)
        updates = schema.update_all(own)
        values = schema.update_enums(own, read_enum_mark(own))
        done = effects_between(
            schema, tables, updates, {}, before, after, command=ran.command, in_transaction=False
        )
        done = replace(done, changes=done.changes + values)
        schema.forget_dropped()
        if _is_worth_reporting(ran.command, done, ()):
            self._note(ran, done, (), transactional=False)

    def _note(
        self, ran: _Ran, done: StatementEffects, held: tuple[HeldLock, ...], *, transactional: bool
    ) -> None:
        self._statements.append(
            TracedStatement(
                sql=ran.sql,
                command=ran.command,
                transactional=transactional,
                effects=done.effects,
                held=held,
                changes=done.changes,
                times=ran.times,
                seconds=ran.seconds,
            )
        )

    def _note_control(self, command: str) -> bool:
        """Say whether a statement was one about the transaction itself."""
        if command == "ROLLBACK":  # also to a savepoint
            self._counts = None
            self._is_stale = self._is_stale or self._is_changed
        return command in _CONTROLS_TRANSACTION

    def _sent_counts(self, own: Cursor) -> dict[int, Counts]:
        return read_sent_counts(own) if self._sends_counts_on_demand else {}

    @property
    def _sends_counts_on_demand(self) -> bool:
        return self._driver.server_version >= _SENDS_COUNTS_ON_DEMAND

    def _decode(self, query: bytes) -> str:
        return query.decode(psycopg2.extensions.encodings[self._driver.encoding], errors="replace")

    def _get_ready(self, own: Cursor) -> None:
        """Have the session keep the prepared queries, and know what a rollback has undone."""
        if not self._is_prepared:
            prepare(own, _PREPARED)
            self._is_prepared = True
        if self._is_stale:
            self._schema.reload(own)
            self._is_stale = False


@contextlib.contextmanager
def _patience(own: Cursor) -> Iterator[None]:
    """Have the session wait as long as it takes, for the block: the gates are not what its limits are for."""
    limits = ("lock_timeout", "statement_timeout")
    own.execute("SELECT " + ", ".join(f"pg_catalog.current_setting('{limit}')" for limit in limits))
    (values,) = own.fetchall()
    setting = "SELECT " + ", ".join(f"pg_catalog.set_config('{limit}', %s, false)" for limit in limits)
    own.execute(setting, ["0", "0"])
    try:
        yield
    finally:
        with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):  # the session is lost
            own.execute(setting, values)


def _is_worth_reporting(command: str, done: StatementEffects, held: tuple[HeldLock, ...]) -> bool:
    """Leave out plain reads: they block nobody, and a migration makes dozens of the catalog alone.

    One that locks more (FOR UPDATE), that changes something by a function, or that reads a whole table
    while the transaction keeps others waiting is reported.
    """
    if command not in _READS or done.changes:
        return True
    if any(effect.lock > LockMode.ACCESS_SHARE or effect.rewrites for effect in done.effects):
        return True
    return bool(held) and any(effect.scans and not effect.is_new for effect in done.effects)


def _read_tables(done: StatementEffects) -> Iterator[str]:
    """Yield what was read of what was there before the trace; a sequence that was only advanced is not."""
    for effect in done.effects:
        if not effect.is_new and (effect.lock <= LockMode.ROW_SHARE or effect.scans):
            yield effect.first_name or effect.table


def _command(cursor: Cursor) -> str:
    """Return the server's command tag without numbers: ``INSERT`` for ``INSERT 0 5``."""
    return re.sub(r"[\s\d]+$", "", cursor.statusmessage or "")
