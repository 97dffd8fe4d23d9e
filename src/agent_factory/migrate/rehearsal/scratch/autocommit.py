"""A cursor outside of transactions, for what PostgreSQL does not do in one."""

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor


@contextlib.contextmanager
def autocommit_cursor(connection: sa.Connection) -> Iterator[Any]:
    """The driver's own cursor on a connection that is in no transaction; each statement commits itself."""
    driver: Any = connection.connection.dbapi_connection
    with own_cursor(connection) as cursor:
        driver.rollback()
        driver.autocommit = True
        try:
            yield cursor
        finally:
            if not driver.closed:
                driver.autocommit = False
