"""The driver's own connection behind one of SQLAlchemy's: psycopg2's, which af-db watches, or sqlite3's."""

import contextlib
import functools
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any, Protocol, cast

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa
from psycopg2.extensions import (
    TRANSACTION_STATUS_IDLE,
    TRANSACTION_STATUS_INERROR,
    TRANSACTION_STATUS_INTRANS,
)

if TYPE_CHECKING:
    from psycopg2.sql import Composable

Cursor = psycopg2.extensions.cursor
Values = Sequence[object] | Mapping[str, object]
"""What a statement's parameters are given as: by place, or by name."""

FORGETS_PREPARED = re.compile(r"\b(DEALLOCATE|DISCARD)\b", re.IGNORECASE)

_SETS_MODE = re.compile(r"\s*SET\s+TRANSACTION\b", re.IGNORECASE)
"""What has to come before the first query of a transaction."""


rolled_back: Counter[tuple[str, int, str]] = Counter()
"""How many transactions this process has rolled back, by host, port and database: the server counts them
among those of everybody."""


NOTHING_TO_DO = contextlib.nullcontext()
"""What a listener returns that does nothing around a statement."""


class Listener(Protocol):
    """Who hears of all that is sent on a connection, by cursors of whatever class but af-db's own."""

    def sending(
        self, sql: str, *, is_named: bool, rows: int | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Around the sending of a text; nothing is sent where this raises.

        ``is_named``: the cursor has a name, so the server keeps its rows. ``rows``: with how many rows of
        parameters it is sent, where there may be several.
        """

    def ending(self, how: str) -> contextlib.AbstractContextManager[None]:
        """Around a call of the driver's ``commit`` or ``rollback``."""


class WatchedConnection(psycopg2.extensions.connection):
    """psycopg2's connection, which announces what is sent on it, and saves round trips.

    ``listener`` is who hears of it. ``is_lent``: project code has it, and closes what is not its own.
    ``begin_sql`` is sent with each transaction that ``begin_after_commit`` begins. ``when_committed`` is
    called when a commit has been answered.
    ``pending_sql`` travels in one message with the next statement or commit, before it. The statement's
    result and its place in SQLAlchemy's errors stay its own.
    ``defer_next`` has the next statement wait as ``pending_sql``. Its result is not known then: ``rowcount``
    says 1, so it has to be one that fails unless it does what it is for to exactly one row.
    ``begin_after_commit`` has the next commit begin another transaction in the same message.
    ``may_prepare`` says that what is prepared stays prepared. Who knows that no pooler stands between sets
    it, and a statement that may have the session forget unsets it. ``prepared`` are the names so far.
    ``limits`` are the settings by which the role, the database or the server limits its sessions;
    ``lift_sql`` is what to select first in each transaction to lift them, empty where they are lifted.
    """

    listener: Listener | None = None
    is_lent = False
    begin_sql = b""
    when_committed: Callable[[], None] | None = None
    pending_sql = b""
    defer_next = False
    begin_after_commit = False
    may_prepare = False
    limits: tuple[str, ...] = ()
    lift_sql = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_factory = _Cursor
        self.prepared: set[str] = set()

    def prepare(self, name: str, statement: str, values: Values | None = None) -> None:
        """Have the session parse and plan a statement once; ``statement`` is what follows its name."""
        with self.cursor(cursor_factory=OwnCursor) as cursor:
            cursor.execute(f"PREPARE {name} {statement}", values)
        self.prepared.add(name)

    def cursor(self, name: Any = None, cursor_factory: Any = None, *rest: Any, **options: Any) -> Any:
        """As psycopg2's; a cursor of whatever class tells the listener what it sends."""
        return super().cursor(name, _announcing(cursor_factory or self.cursor_factory), *rest, **options)

    def commit(self) -> None:
        with self._ending("commit"):
            self._commit()

    def rollback(self) -> None:
        with self._ending("rollback"):
            self.abandon()

    def close(self) -> None:
        if not self.is_lent:
            super().close()

    def set_isolation_level(self, level: int | None) -> None:
        self._roll_back_first()
        super().set_isolation_level(level)

    def set_client_encoding(self, encoding: str) -> None:
        self._roll_back_first()
        super().set_client_encoding(encoding)

    def tpc_begin(self, xid: Any) -> None:
        if self.listener is not None:
            raise psycopg2.NotSupportedError("a revision has one transaction, which af-db begins and commits")
        super().tpc_begin(xid)

    def _roll_back_first(self) -> None:
        """psycopg2 would do it too, and call no method for it."""
        if self.listener is not None and self.info.transaction_status != TRANSACTION_STATUS_IDLE:
            self.rollback()

    def abandon(self) -> None:
        """Roll back without telling the listener."""
        if self.info.transaction_status in (TRANSACTION_STATUS_INTRANS, TRANSACTION_STATUS_INERROR):
            count_rolled_back(self.info)
        self.pending_sql = b""
        self.defer_next = self.begin_after_commit = False
        super().rollback()

    def lifts_before(self, query: "str | bytes | Composable") -> bool:
        """Say whether the limits are to be lifted first: this begins a transaction that goes on after it."""
        is_first = self.info.transaction_status == TRANSACTION_STATUS_IDLE and not self.autocommit
        return bool(self.lift_sql) and is_first and not _SETS_MODE.match(str(query))

    def _ending(self, how: str) -> contextlib.AbstractContextManager[None]:
        return self.listener.ending(how) if self.listener is not None else NOTHING_TO_DO

    def _commit(self) -> None:
        begin_again, self.begin_after_commit = self.begin_after_commit, False
        if begin_again and (self.pending_sql or self.info.transaction_status == TRANSACTION_STATUS_INTRANS):
            # AND CHAIN would keep what SET TRANSACTION has set.
            self._send(b"; ".join(filter(None, (b"COMMIT; BEGIN", self.begin_sql))))
        else:
            if self.pending_sql:
                waiting, self.pending_sql = self.pending_sql, b""
                self._send(waiting)
            super().commit()
        if self.when_committed is not None:
            self.when_committed()

    def _send(self, statement: bytes) -> None:
        with self.cursor(cursor_factory=OwnCursor) as cursor:
            cursor.execute(statement)


class FetchingCursor:
    """All ways of a cursor, of either driver, to hand out rows.

    ``is_fetched``: somebody has asked for rows of what it has sent last.
    """

    is_fetched = False

    async def _async_soft_close(self) -> None:
        """SQLAlchemy calls it where a connection for asyncio has executed something; the rows stay here."""

    def fetchone(self) -> Any:
        self.is_fetched = True
        return super().fetchone()  # type: ignore[misc]

    def fetchmany(self, *size: Any, **named: Any) -> Any:
        self.is_fetched = True
        return super().fetchmany(*size, **named)  # type: ignore[misc]

    def fetchall(self) -> Any:
        self.is_fetched = True
        return super().fetchall()  # type: ignore[misc]

    def __next__(self) -> Any:
        self.is_fetched = True
        return super().__next__()  # type: ignore[misc]


class AnnouncingCursor(FetchingCursor):
    """All ways of a cursor to send something: each is announced to the connection's listener."""

    connection: WatchedConnection
    name: str | None
    is_own = False

    def execute(self, query: "str | bytes | Composable", vars: Values | None = None) -> None:  # noqa: A002
        with self.around_sending(query, values=vars):
            super().execute(query, vars)  # type: ignore[misc]

    def executemany(self, query: "str | bytes | Composable", vars_list: Any) -> None:
        rows = vars_list if isinstance(vars_list, Sized) else list(vars_list)
        with self.around_sending(query, rows=rows):
            super().executemany(query, rows)  # type: ignore[misc]

    def copy_expert(self, sql: "str | bytes | Composable", *arguments: Any, **options: Any) -> None:
        with self.around_sending(sql):
            super().copy_expert(sql, *arguments, **options)  # type: ignore[misc]

    def copy_from(
        self,
        file: Any,
        table: str,
        sep: str = "\t",
        null: str = r"\N",
        size: int = 8192,
        columns: Sequence[str] | None = None,
    ) -> None:
        with self.around_sending(
            f"COPY {table}{_listed(columns)} FROM stdin (DELIMITER {sep!r}, NULL {null!r})"
        ):
            super().copy_from(file, table, sep, null, size, columns)  # type: ignore[misc]

    def copy_to(
        self,
        file: Any,
        table: str,
        sep: str = "\t",
        null: str = r"\N",
        columns: Sequence[str] | None = None,
    ) -> None:
        with self.around_sending(
            f"COPY {table}{_listed(columns)} TO stdout (DELIMITER {sep!r}, NULL {null!r})"
        ):
            super().copy_to(file, table, sep, null, columns)  # type: ignore[misc]

    def callproc(self, procname: Any, parameters: Any = None) -> Any:
        names = list(parameters) if isinstance(parameters, Mapping) else ["%s" for _ in parameters or ()]
        with self.around_sending(f"SELECT * FROM {procname}({', '.join(map(str, names))})"):  # noqa: S608 - it is read
            return super().callproc(procname, parameters)  # type: ignore[misc]

    def around_sending(
        self, query: "str | bytes | Composable", *, values: Values | None = None, rows: Any = None
    ) -> contextlib.AbstractContextManager[None]:
        """Around the sending of this text, with these parameters or with these many ``rows`` of them."""
        self.is_fetched = False
        listener = self.connection.listener
        if listener is None or self.is_own:
            return NOTHING_TO_DO
        if _hold_sql(values):
            query = cast(Cursor, self).mogrify(query, values)
        if isinstance(query, bytes):
            text = query.decode(errors="replace")
        else:
            text = query if isinstance(query, str) else query.as_string(cast(Cursor, self))
        count = None if rows is None else len(rows)
        return listener.sending(text, is_named=self.name is not None, rows=count)


def _hold_sql(given: Values | None) -> bool:
    """Say whether one of these parameters is a piece of SQL; the others are values, and no text."""
    values = given.values() if isinstance(given, Mapping) else given or ()
    return any(isinstance(value, psycopg2.extensions.AsIs) for value in values)


def _listed(columns: Sequence[str] | None) -> str:
    return f" ({', '.join(columns)})" if columns else ""


class _Cursor(AnnouncingCursor, psycopg2.extensions.cursor):  # type: ignore[misc] # more is named here
    connection: WatchedConnection
    _is_deferred = False

    def execute(self, query: "str | bytes | Composable", vars: Values | None = None) -> None:  # noqa: A002
        connection, values = self.connection, vars
        if connection.may_prepare and FORGETS_PREPARED.search(str(query)):
            connection.may_prepare = False
        if connection.defer_next or connection.pending_sql:
            text = connection.pending_sql + self.mogrify(query, values)
            self._is_deferred, connection.defer_next = connection.defer_next, False
            connection.pending_sql = text + b"; " if self._is_deferred else b""
            query, values = text, None
        else:
            self._is_deferred = False
        if not self._is_deferred:
            if connection.lifts_before(query):
                super().execute(f"SELECT {connection.lift_sql}")
            super().execute(query, values)

    @property
    def rowcount(self) -> int:
        return 1 if self._is_deferred else int(super().rowcount)


class OwnCursor(_Cursor):
    """A cursor for what af-db itself sends: nobody hears of it."""

    is_own = True


@functools.cache
def _announcing(factory: type[Any]) -> type[Any]:
    return (
        factory
        if issubclass(factory, AnnouncingCursor)
        else type(factory.__name__, (AnnouncingCursor, factory), {})
    )


def _place_of(login: psycopg2.extensions.ConnectionInfo) -> tuple[str, int, str]:
    return (login.host or "", login.port, login.dbname)


def count_rolled_back(login: psycopg2.extensions.ConnectionInfo) -> None:
    """Count one more transaction as rolled back by af-db, where this login leads."""
    rolled_back[_place_of(login)] += 1


def rolled_back_beside(connection: sa.Connection, counted: Counter[tuple[str, int, str]]) -> int:
    """Return how many of these rolled back transactions were in the database of this connection."""
    return counted[_place_of(psycopg2_connection(connection).info)]


def psycopg2_connection(connection: sa.Connection) -> WatchedConnection:
    """Return the driver's connection of one to PostgreSQL that ``connect`` has opened."""
    return cast(WatchedConnection, connection.connection.dbapi_connection)


def encodings_of(driver: psycopg2.extensions.connection) -> tuple[str, ...]:
    """Return, by Python's names, the encodings that a text has to fit into on its way into this database."""
    # What a database without an encoding (SQL_ASCII) was given by one client, another could not read.
    named = (driver.encoding, driver.info.parameter_status("server_encoding") or "")
    return tuple(psycopg2.extensions.encodings.get(name, name) for name in named)


def own_cursor_of(driver: psycopg2.extensions.connection) -> Cursor:
    """Return a cursor for af-db's own statements on a connection that may be watched."""
    return driver.cursor(cursor_factory=OwnCursor if isinstance(driver, WatchedConnection) else Cursor)


@contextlib.contextmanager
def unheard(driver: psycopg2.extensions.connection) -> Iterator[None]:
    """Have nobody hear what is sent in the block: it was announced before."""
    if not isinstance(driver, WatchedConnection):
        yield
        return
    listener, driver.listener = driver.listener, None
    try:
        yield
    finally:
        driver.listener = listener


def roll_back_unseen(driver: psycopg2.extensions.connection) -> None:
    """Roll back what af-db's own statements have begun; whoever listens does not hear of it."""
    if isinstance(driver, WatchedConnection):
        driver.abandon()
    else:
        driver.rollback()


def sqlite3_connection(connection: sa.Connection) -> sqlite3.Connection:
    """Return the driver's connection of one to SQLite."""
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def watched_connection(connection: sa.Connection) -> WatchedConnection | None:
    """Return the driver's connection where it is a watched one, so on PostgreSQL; None on SQLite."""
    driver = connection.connection.dbapi_connection
    return driver if isinstance(driver, WatchedConnection) else None


def may_prepare(connection: sa.Connection) -> bool:
    """Say whether what is prepared on this connection stays prepared, as far as is known."""
    return bool(getattr(connection.connection.dbapi_connection, "may_prepare", False))
