"""The driver's own connection behind one of SQLAlchemy's: psycopg2's, which af-db watches, or sqlite3's."""

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import psycopg2.extensions
import sqlalchemy as sa
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

if TYPE_CHECKING:
    from psycopg2.sql import Composable

Cursor = psycopg2.extensions.cursor
Values = Sequence[object] | Mapping[str, object]
"""What a statement's parameters are given as: by place, or by name."""

FORGETS_PREPARED = re.compile(r"\b(DEALLOCATE|DISCARD)\b", re.IGNORECASE)


class WatchedConnection(psycopg2.extensions.connection):
    """psycopg2's connection, which remembers how a call has ended its last transaction and saves round trips.

    ``when_committed`` is called when a commit has been answered.
    ``pending_sql`` travels in one message with the next statement or commit, before it. The statement's
    result and its place in SQLAlchemy's errors stay its own.
    ``defer_next`` has the next statement wait as ``pending_sql``. Its result is not known then: ``rowcount``
    says 1, so it has to be one that fails unless it does what it is for to exactly one row.
    ``begin_after_commit`` has the next commit begin another transaction in the same message.
    ``may_prepare`` says that what is prepared stays prepared. Who knows that no pooler stands between sets
    it, and a statement that may have the session forget unsets it. ``prepared`` are the names so far.
    """

    ended_by = ""
    when_committed: Callable[[], None] | None = None
    pending_sql = b""
    defer_next = False
    begin_after_commit = False
    may_prepare = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_factory = _Cursor
        self.prepared: set[str] = set()

    def prepare(self, name: str, statement: str, values: Values | None = None) -> None:
        """Have the session parse and plan a statement once; ``statement`` is what follows its name."""
        with self.cursor() as cursor:
            cursor.execute(f"PREPARE {name} {statement}", values)
        self.prepared.add(name)

    def commit(self) -> None:
        self.ended_by = "commit"
        begin_again, self.begin_after_commit = self.begin_after_commit, False
        if begin_again and (self.pending_sql or self.info.transaction_status == TRANSACTION_STATUS_INTRANS):
            self._send(b"COMMIT; BEGIN")  # AND CHAIN would keep what SET TRANSACTION has set
        else:
            if self.pending_sql:
                waiting, self.pending_sql = self.pending_sql, b""
                self._send(waiting)
            super().commit()
        if self.when_committed is not None:
            self.when_committed()

    def rollback(self) -> None:
        self.ended_by = "rollback"
        self.pending_sql = b""
        self.defer_next = self.begin_after_commit = False
        super().rollback()

    def _send(self, statement: bytes) -> None:
        with self.cursor() as cursor:
            cursor.execute(statement)


class _Cursor(psycopg2.extensions.cursor):
    connection: WatchedConnection
    _is_deferred = False

    def execute(self, query: "str | bytes | Composable", values: Values | None = None) -> None:
        connection = self.connection
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
            super().execute(query, values)

    @property
    def rowcount(self) -> int:
        return 1 if self._is_deferred else int(super().rowcount)


def psycopg2_connection(connection: sa.Connection) -> WatchedConnection:
    """Return the driver's connection of one to PostgreSQL that ``connect`` has opened."""
    return cast(WatchedConnection, connection.connection.dbapi_connection)


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
