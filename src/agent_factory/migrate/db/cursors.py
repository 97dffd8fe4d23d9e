"""The driver's own cursor, for af-db's own statements: SQLAlchemy's events are for those of revisions."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.db.driver import Cursor, psycopg2_connection


@contextlib.contextmanager
def own_cursor(connection: sa.Connection) -> Iterator[Cursor]:
    """A psycopg2 cursor on this connection.

    Inside a transaction of SQLAlchemy's it takes part in it. Outside of one, psycopg2 has begun a
    transaction that SQLAlchemy does not know of; it is rolled back, so that none stays open unseen.
    """
    driver = psycopg2_connection(connection)
    try:
        with driver.cursor() as cursor:
            yield cursor
    finally:
        if not connection.in_transaction() and not driver.closed:
            driver.rollback()


@contextlib.contextmanager
def autocommit_cursor(connection: sa.Connection) -> Iterator[Cursor]:
    """An own cursor on a connection that is in no transaction: each statement commits by itself.

    It is for what PostgreSQL refuses in a transaction.
    """
    driver = psycopg2_connection(connection)
    with own_cursor(connection) as cursor:
        driver.rollback()
        driver.autocommit = True
        try:
            yield cursor
        finally:
            if not driver.closed:
                driver.autocommit = False


def named_rows(cursor: Cursor) -> list[dict[str, Any]]:
    """Return the rows of the query that the cursor has run, each by the names of its columns."""
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
