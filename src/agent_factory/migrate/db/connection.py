"""Opening the connections that a command uses."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg2.extensions
import sqlalchemy as sa
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

from agent_factory import sqlite
from agent_factory.migrate.db.failures import explain_connection_failure
from agent_factory.migrate.db.libpq import APPLICATION_NAME, CONNECT_TIMEOUT_S, connect_options, with_options
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version import note_server
from agent_factory.url import DatabaseURL

_FORGETS_PREPARED = re.compile(r"\b(DEALLOCATE|DISCARD)\b", re.IGNORECASE)


class ReconnectedError(Exception):
    """SQLAlchemy was about to replace a lost connection by a new one, without the lock and the timeouts."""


class WatchedConnection(psycopg2.extensions.connection):  # type: ignore[misc]
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

    def prepare(self, name: str, statement: str, values: Mapping[str, Any] | None = None) -> None:
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


class _Cursor(psycopg2.extensions.cursor):  # type: ignore[misc]
    _is_deferred = False

    def execute(self, query: Any, values: Any = None) -> None:
        connection: WatchedConnection = self.connection
        if connection.may_prepare and _FORGETS_PREPARED.search(str(query)):
            connection.may_prepare = False
        if connection.defer_next or connection.pending_sql:
            query, values = connection.pending_sql + self.mogrify(query, values), None
            connection.pending_sql = b""
        self._is_deferred, connection.defer_next = connection.defer_next, False
        if self._is_deferred:
            connection.pending_sql = query + b"; "
        else:
            super().execute(query, values)

    @property
    def rowcount(self) -> int:
        return 1 if self._is_deferred else int(super().rowcount)


@contextlib.contextmanager
def connect(
    target: Target,
    *,
    read_only: bool = False,
    application_name: str = APPLICATION_NAME,
    timeout_s: int = CONNECT_TIMEOUT_S,
) -> Iterator[sa.Connection]:
    """Open a connection for the block; whatever is not committed when it ends is rolled back.

    It has no pool and is not in a transaction: Alembic would take one that is open as the caller's,
    and commit nothing (measured, Alembic 1.20). It is opened once: SQLAlchemy's silent reconnect is an
    error. It may be used by another thread. ``timeout_s`` is for connecting, where the URL does not say.
    Raises CannotConnectError.
    """
    options = connect_options(application_name, timeout_s)
    engine = _build_engine(target.url, options, read_only=read_only)
    try:
        try:
            connection = engine.connect()
            note_server(_server(connection))
            if target.url.backend == "postgresql" and read_only:
                connection = connection.execution_options(postgresql_readonly=True)
            elif target.url.backend == "sqlite":
                # SQLite opens the file at the first statement: reading here shows that it is a database.
                driver: Any = connection.connection.dbapi_connection
                driver.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except (sa.exc.DBAPIError, sqlite3.DatabaseError) as error:
            raise explain_connection_failure(error, target) from error
        _forbid_reconnect(engine)
        try:
            yield connection
        finally:
            _close(connection)
    finally:
        engine.dispose()


def _build_engine(url: DatabaseURL, options: Mapping[str, str], *, read_only: bool) -> sa.Engine:
    if url.backend == "postgresql":
        return sa.create_engine(
            with_options(url, options).to_sqlalchemy(),
            poolclass=sa.NullPool,
            connect_args={"connection_factory": WatchedConnection},
        )
    if read_only and url.database and not Path(url.database).exists():
        # A file that is not there is an empty database, and reading must not make it.
        url = DatabaseURL(backend="sqlite", database="")
    engine = sa.create_engine(
        url.to_sqlalchemy(), poolclass=sa.NullPool, connect_args={"check_same_thread": False}
    )
    sqlite.use_real_transactions(engine, begin="BEGIN" if read_only else "BEGIN IMMEDIATE")
    return engine


def _server(connection: sa.Connection) -> str:
    """The server's name and version, or SQLite's, as they were learned when the connection was made."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"PostgreSQL {'.'.join(map(str, connection.dialect.server_version_info or ()))}"


def _forbid_reconnect(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "do_connect")
    def refuse(*_facts: Any) -> None:
        raise ReconnectedError("the connection was lost, and a new one would not hold the run lock")


def _close(connection: sa.Connection) -> None:
    """Close, whatever state a lost connection is in: its cause has been reported by then."""
    with contextlib.suppress(sa.exc.SQLAlchemyError, ReconnectedError, MigrationError):
        connection.close()
