"""The driver's own cursor, for af-db's own statements: SQLAlchemy's events are for those of revisions."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.driver import (
    Cursor,
    Values,
    own_cursor_of,
    psycopg2_connection,
    roll_back_unseen,
)
from agent_factory.migrate.db.transactions import is_idle


@contextlib.contextmanager
def own_cursor(connection: sa.Connection) -> Iterator[Cursor]:
    """A psycopg2 cursor on this connection.

    Inside a transaction it takes part in it; env.py, to which the connection is lent, may have begun one
    that this side of it does not know of. Outside of one, psycopg2 begins one, which is rolled back, so that
    none stays open unseen.
    """
    driver = psycopg2_connection(connection)
    is_of_env_py = not connection.in_transaction() and not is_idle(driver)
    try:
        with own_cursor_of(driver) as cursor:
            yield cursor
    finally:
        if not (is_of_env_py or connection.in_transaction() or driver.closed):
            roll_back_unseen(driver)


def fetch_named(connection: sa.Connection, query: str, values: Values | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query of af-db's own, by the names of their columns."""
    with own_cursor(connection) as cursor:
        cursor.execute(query, values)
        return list(named_rows(cursor))


@contextlib.contextmanager
def autocommit_cursor(connection: sa.Connection) -> Iterator[Cursor]:
    """An own cursor on a connection that is in no transaction: each statement commits by itself.

    It is for what PostgreSQL refuses in a transaction.
    """
    driver = psycopg2_connection(connection)
    with own_cursor(connection) as cursor:
        roll_back_unseen(driver)
        driver.autocommit = True
        try:
            yield cursor
        finally:
            if not driver.closed:
                driver.autocommit = False


@contextlib.contextmanager
def limited(cursor: Cursor, settings: Mapping[str, str]) -> Iterator[None]:
    """Have these settings hold for the block, inside a transaction that goes on as if it had not been.

    Its locks are gone afterwards, also where the block ends with an error, which is raised.
    """
    cursor.execute("SAVEPOINT af_db_limited")
    try:
        texts = [text for setting in settings.items() for text in setting]
        cursor.execute(f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(settings))}", texts)
        yield
    finally:
        with contextlib.suppress(psycopg2.Error):  # the session is lost
            cursor.execute("ROLLBACK TO SAVEPOINT af_db_limited")


def is_of_session(error: psycopg2.Error) -> bool:
    """Say whether the server, or its connection, has gone, so that no other query would do better."""
    return error.pgcode is None or error.pgcode.startswith("57P")


def named_rows(cursor: Cursor) -> list[dict[str, Any]]:
    """Return the rows of the query that the cursor has run, each by the names of its columns."""
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
