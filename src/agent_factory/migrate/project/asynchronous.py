"""What code for asyncio, in env.py or a revision, finds on af-db's connection, which waits for nothing."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.operations import AbstractOperations
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet


class OfAsyncEngine:
    """A dialect that an engine for asyncio takes: what it opens is lent, so nothing is waited for."""

    is_async = True

    @classmethod
    def get_pool_class(cls, _url: sa.URL) -> type[sa.Pool]:
        return sa.AsyncAdaptedQueuePool


class AsyncPsycopg2(OfAsyncEngine, PGDialect_psycopg2):
    supports_statement_cache = True


class AsyncPysqlite(OfAsyncEngine, SQLiteDialect_pysqlite):
    supports_statement_cache = True


async def _nothing() -> None:
    pass


def wait_a_moment(*_facts: object) -> None:
    """SQLAlchemy takes it for a mistake if ``await`` has had nothing to wait for."""
    await_only(_nothing())


_run_async_as_alembic = AbstractOperations.run_async


def run_async(
    operations: AbstractOperations, function: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any
) -> Any:
    """As Alembic's ``op.run_async``, on af-db's connection too where env.py has called it from asyncio."""
    connection = operations.get_bind()
    if connection is None or connection.dialect.is_async or not in_greenlet():
        return _run_async_as_alembic(operations, function, *arguments, **named)
    with _taken_for_asynchronous(connection):
        return _run_async_as_alembic(operations, function, *arguments, **named)


@contextlib.contextmanager
def _taken_for_asynchronous(connection: sa.Connection) -> Iterator[None]:
    """Have SQLAlchemy take this connection, and no other, for one that is waited for."""
    connection.dialect.is_async = True
    sa.event.listen(connection, "before_cursor_execute", wait_a_moment)
    try:
        yield
    finally:
        sa.event.remove(connection, "before_cursor_execute", wait_a_moment)
        connection.dialect.is_async = False
