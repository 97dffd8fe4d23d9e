"""Opening the connections that a command uses."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from agent_factory import sqlite
from agent_factory.migrate.db.connection_failures import explain_connection_failure
from agent_factory.migrate.db.driver import WatchedConnection, psycopg2_connection, sqlite3_connection
from agent_factory.migrate.db.libpq import APPLICATION_NAME, CONNECT_TIMEOUT_S, connect_options, with_options
from agent_factory.migrate.db.own import lent_in_place, own
from agent_factory.migrate.db.read_only import ReadOnlyConnection, ReadOnlyFile
from agent_factory.migrate.db.session_limits import open_without_limits
from agent_factory.migrate.db.sqlalchemy_internals import create_own_engine
from agent_factory.migrate.db.watched_file import WatchedFile
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version import note_server
from agent_factory.redaction import register_secret
from agent_factory.url import DatabaseURL


class ReconnectedError(Exception):
    """SQLAlchemy was about to replace a lost connection by a new one, without the lock and the timeouts."""


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
    Over a ``read_only`` one nothing can be written, whatever is asked of it (``read_only``). Limits that the
    server puts on sessions are lifted for it (``session_limits``).
    Raises CannotConnectError.
    """
    options = connect_options(application_name, timeout_s)
    engine = _build_engine(target.url, options, read_only=read_only)
    try:
        try:
            with own():
                connection = engine.connect()
            note_server(_server(connection))
            _register_password(connection)
            if target.url.backend == "sqlite":
                # SQLite opens the file at the first statement: reading here shows that it is a database.
                driver = sqlite3_connection(connection)
                driver.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if isinstance(driver, ReadOnlyFile):
                    driver.only_read()
            if read_only:  # what env.py can ask for
                connection = connection.execution_options(postgresql_readonly=True)
        except (sa.exc.DBAPIError, sqlite3.DatabaseError) as error:
            raise explain_connection_failure(error, target) from error
        try:
            yield connection
        finally:
            _close(connection)
    finally:
        engine.dispose()


def _build_engine(url: DatabaseURL, options: Mapping[str, str], *, read_only: bool) -> sa.Engine:
    if url.backend == "postgresql":
        engine = create_own_engine(
            with_options(url, options).to_sqlalchemy(),
            connect_args={"connection_factory": ReadOnlyConnection if read_only else WatchedConnection},
        )
        _open_once(engine, _open_session)
        return engine
    if read_only and url.database and not Path(url.database).exists():
        # A file that is not there is an empty database, and reading must not make it.
        url = DatabaseURL(backend="sqlite", database="")
    engine = create_own_engine(
        url.to_sqlalchemy(),
        connect_args={
            "check_same_thread": False,
            "factory": ReadOnlyFile if read_only else WatchedFile,
        },
    )
    _open_once(engine)
    sqlite.use_real_transactions(engine, begin="BEGIN" if read_only else sqlite.BEGIN_TO_WRITE)
    return engine


def _open_once(engine: sa.Engine, opening: Callable[..., object] = lambda *_facts: None) -> None:
    """Have the engine open one connection: by ``opening``, or as SQLAlchemy does where that returns None.

    One listener does all of it: SQLAlchemy takes the first connection that any returns, and heeds
    ``insert=True`` not for this event (2.1.9).
    """
    is_opened = False

    @sa.event.listens_for(engine, "do_connect")
    def open_once(*facts: object) -> object:
        nonlocal is_opened
        if (lent := lent_in_place(*facts)) is not None:
            return lent
        if is_opened:
            raise ReconnectedError("the connection was lost, and a new one would not hold the run lock")
        is_opened = True
        return opening(*facts)


def _open_session(
    dialect: Any, _record: object, arguments: list[Any], parameters: dict[str, Any]
) -> WatchedConnection:
    return open_without_limits(lambda **more: dialect.connect(*arguments, **(parameters | more)))


def _register_password(connection: sa.Connection) -> None:
    """Have the password be removed from all output, wherever libpq took it from: PGPASSWORD, .pgpass."""
    if connection.dialect.name == "postgresql":
        info = psycopg2_connection(connection).info
        password = info.password or ""
        # One that is part of what every message has to show is no secret.
        if not any(password in (shown or "") for shown in (info.user, info.dbname, info.host)):
            register_secret(password)


def _server(connection: sa.Connection) -> str:
    """The server's name and version, or SQLite's, as they were learned when the connection was made."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"PostgreSQL {'.'.join(map(str, connection.dialect.server_version_info or ()))}"


def _close(connection: sa.Connection) -> None:
    """Close, whatever state a lost connection is in: its cause has been reported by then."""
    with contextlib.suppress(sa.exc.SQLAlchemyError, ReconnectedError, MigrationError):
        connection.close()
