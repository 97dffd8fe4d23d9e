"""Opening the one connection that a command uses."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from agent_factory import sqlite
from agent_factory.migrate.failures import explain_connection_failure
from agent_factory.migrate.target import Target
from agent_factory.url import DatabaseURL

CONNECT_TIMEOUT_S = 10

LIBPQ_OPTIONS = {
    "application_name": "af-db",
    "connect_timeout": str(CONNECT_TIMEOUT_S),
    # A network that drops packets is noticed after 30 + 3 * 10 seconds instead of hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


@contextlib.contextmanager
def connect(target: Target, *, read_only: bool = False) -> Iterator[sa.Connection]:
    """Open a connection for the block; whatever is not committed when it ends is rolled back.

    It has no pool and is not in a transaction: Alembic would take one that is open as the caller's,
    and commit nothing (measured, Alembic 1.20). Raises CannotConnectError.
    """
    engine = _build_engine(target.url, read_only=read_only)
    try:
        try:
            connection = engine.connect()
            if target.url.backend == "postgresql" and read_only:
                connection = connection.execution_options(postgresql_readonly=True)
            elif target.url.backend == "sqlite":
                # SQLite opens the file at the first statement: reading here shows that it is a database.
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
                connection.rollback()
        except sa.exc.DBAPIError as error:
            raise explain_connection_failure(error, target) from error
        with connection:
            yield connection
    finally:
        engine.dispose()


def _build_engine(url: DatabaseURL, *, read_only: bool) -> sa.Engine:
    if url.backend == "postgresql":
        for name, value in LIBPQ_OPTIONS.items():
            url = url if url.option(name) is not None else url.with_option(name, value)
        return sa.create_engine(url.to_sqlalchemy(), poolclass=sa.NullPool)
    if read_only and url.database and not Path(url.database).exists():
        # A file that is not there is an empty database, and reading must not make it.
        url = DatabaseURL(backend="sqlite", database="")
    engine = sa.create_engine(url.to_sqlalchemy(), poolclass=sa.NullPool)
    sqlite.use_real_transactions(engine, begin="BEGIN" if read_only else "BEGIN IMMEDIATE")
    return engine
