"""The connection that a command works on: there is never a second one in its place."""

import contextlib
import sqlite3

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.model.target import local_target


@pytest.mark.parametrize("read_only", [False, True])
def test_no_other_one_is_opened_in_place_of_one_that_was_lost(postgresql_url: str, read_only: bool) -> None:
    with connect(local_target(postgresql_url), read_only=read_only) as connection:
        backend = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        connection.rollback()
        with psycopg2.connect(postgresql_url) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT 1"))
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            connection.rollback()

        with pytest.raises(sa.exc.StatementError) as caught:
            connection.execute(sa.text("SELECT 1"))
        assert isinstance(caught.value.orig, ReconnectedError)


def test_nor_of_a_file(sqlite_url: str) -> None:
    with connect(local_target(sqlite_url)) as connection:
        connection.invalidate()
        with contextlib.suppress(sa.exc.SQLAlchemyError, sqlite3.Error):
            connection.rollback()

        with pytest.raises(sa.exc.StatementError) as caught:
            connection.execute(sa.text("SELECT 1"))
        assert isinstance(caught.value.orig, ReconnectedError)
