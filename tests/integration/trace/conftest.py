"""Databases to trace on, and what a trace of some statements looks like."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.trace import Trace, TracedStatement, tracing
from agent_factory.url import parse_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A connection that is traced, and the database it is on."""

    url: str
    target: Target
    connection: sa.Connection
    trace: Trace

    def run(self, *statements: str) -> tuple[TracedStatement, ...]:
        """Run these in one transaction, which is committed, and return what was traced."""
        with self.connection.begin():
            for statement in statements:
                self.connection.exec_driver_sql(statement)
        return self.trace.take()

    def run_alone(self, *statements: str) -> tuple[TracedStatement, ...]:
        """Run each outside a transaction."""
        options = self.connection.get_execution_options()
        self.connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            self.connection.exec_driver_sql(statement)
        self.connection.commit()
        self.connection.execution_options(isolation_level=options.get("isolation_level", "READ COMMITTED"))
        return self.trace.take()

    def one(self, *statements: str) -> TracedStatement:
        """Run these in one transaction and return what the last did."""
        return self.run(*statements)[-1]


Start = Callable[..., Traced]


@pytest.fixture
def start(postgresql_url: str) -> Iterator[Start]:
    """``start("CREATE TABLE t (id int)", ...)``: a database made by these statements, about to be traced."""
    with contextlib.ExitStack() as stack:

        def start_trace(*schema: str, **options: Any) -> Traced:
            execute(postgresql_url, *schema)
            target = Target(url=parse_url(postgresql_url), environment=Environment.LOCAL)
            connection = stack.enter_context(connect(target))
            trace = stack.enter_context(tracing(connection, **options))
            return Traced(url=postgresql_url, target=target, connection=connection, trace=trace)

        yield start_trace


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run these over a connection of their own, each outside a transaction; return the last one's rows."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
