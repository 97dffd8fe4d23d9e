"""The driver's own cursor, for af-db's own statements: SQLAlchemy's events are for those of revisions."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa


@contextlib.contextmanager
def own_cursor(connection: sa.Connection) -> Iterator[Any]:
    """A psycopg2 cursor on this connection.

    Inside a transaction of SQLAlchemy's it takes part in it. Outside of one, psycopg2 has begun a
    transaction that SQLAlchemy does not know of; it is rolled back, so that none stays open unseen.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.cursor() as cursor:
            yield cursor
    finally:
        if not connection.in_transaction() and not driver.closed:
            driver.rollback()


@contextlib.contextmanager
def autocommit_cursor(connection: sa.Connection) -> Iterator[Any]:
    """An own cursor on a connection that is in no transaction: each statement commits by itself.

    It is for what PostgreSQL refuses in a transaction.
    """
    driver: Any = connection.connection.dbapi_connection
    with own_cursor(connection) as cursor:
        driver.rollback()
        driver.autocommit = True
        try:
            yield cursor
        finally:
            if not driver.closed:
                driver.autocommit = False
