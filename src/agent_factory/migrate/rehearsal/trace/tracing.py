"""Listens to a connection while migrations run on it."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import ExecutionContext

from agent_factory.migrate.db.driver import WatchedConnection, sqlite3_connection
from agent_factory.migrate.db.watched_file import WatchedFile
from agent_factory.migrate.project import sends_version_row
from agent_factory.migrate.rehearsal.trace.driver_cursors import cursors_traced
from agent_factory.migrate.rehearsal.trace.postgresql import PostgreSQLTracer
from agent_factory.migrate.rehearsal.trace.reads import FindPlace, Reads, nowhere
from agent_factory.migrate.rehearsal.trace.sqlite import SQLiteTracer
from agent_factory.migrate.rehearsal.trace.statements import TracedRead, TracedStatement


class Trace(Protocol):
    """The statements of a connection, as they come."""

    def take(self) -> tuple[TracedStatement, ...]:
        """Return the statements since the last call, in their order. Their numbers begin at 1 again."""

    def take_reads(self) -> tuple[TracedRead, ...]:
        """Return what was read since the last call, in its order."""


@contextlib.contextmanager
def tracing(
    connection: sa.Connection, *, version_table: str = "alembic_version", find_place: FindPlace = nowhere
) -> Iterator[Trace]:
    """Trace what is executed on this connection, for the block; ``find_place`` says where it is.

    What Alembic does with its version table is left out, and so is what reads without keeping others
    waiting. Cursors of the driver's are traced as well, on a connection that ``connect`` has opened.

    On PostgreSQL, the first statement that cannot run in a transaction has further sessions opened, with the
    parameters of this one. Their role has to be a superuser for that statement's locks to be seen.
    """
    driver: Any = connection.connection.dbapi_connection
    tracer: PostgreSQLTracer | SQLiteTracer
    if connection.dialect.name == "postgresql":
        tracer = PostgreSQLTracer(connection, version_table, Reads(find_place))
    else:
        tracer = SQLiteTracer(sqlite3_connection(connection), version_table, Reads(find_place))

    def on_execute(cursor: Any, statement: str, parameters: Any, context: ExecutionContext) -> bool:
        return run(cursor, lambda: context.dialect.do_execute(cursor, statement, parameters, context))

    def on_execute_without_parameters(cursor: Any, statement: str, context: ExecutionContext) -> bool:
        return run(cursor, lambda: context.dialect.do_execute_no_params(cursor, statement, context))

    def on_executemany(cursor: Any, statement: str, parameters: Any, context: ExecutionContext) -> bool:
        return run(
            cursor,
            lambda: context.dialect.do_executemany(cursor, statement, parameters, context),
            sql=tracer.fill_in(cursor, statement, parameters[0]),
            times=len(parameters),
        )

    def run(cursor: Any, execute: Callable[[], None], *, sql: str | None = None, times: int = 1) -> bool:
        if is_running or cursor.connection is not driver or sends_version_row(connection):
            return False
        is_running.append(True)
        try:
            tracer.run(cursor, execute, sql=sql, times=times)
        finally:
            is_running.clear()
        return True

    is_running: list[bool] = []
    """What sends a statement does so by others that do."""

    engine_listeners: dict[str, Callable[..., bool]] = {
        "do_execute": on_execute,
        "do_execute_no_params": on_execute_without_parameters,
        "do_executemany": on_executemany,
    }
    connection_listeners: dict[str, Callable[[sa.Connection], None]] = {
        "commit": lambda _connection: tracer.note_end(rolled_back=False),
        "rollback": lambda _connection: tracer.note_end(rolled_back=True),
    }
    with contextlib.ExitStack() as undo:
        undo.callback(tracer.close)
        if isinstance(driver, WatchedConnection | WatchedFile):
            undo.enter_context(cursors_traced(driver, run, tracer.fill_in))
        for target, listeners in (
            (connection.engine, engine_listeners),
            (connection, connection_listeners),
        ):
            for name, listener in listeners.items():
                sa.event.listen(target, name, listener)
                undo.callback(sa.event.remove, target, name, listener)
        yield tracer
