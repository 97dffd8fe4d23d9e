"""A trace of tables without rows tells what a statement does to tables with rows.

Each form is traced in a database without rows, and watched by another session in one whose tables have
200,000 rows; both have to show what the table of forms says.
"""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.trace import Trace, TracedStatement, tracing
from agent_factory.url import DatabaseURL, parse_url
from tests.integration.trace.conftest import execute
from tests.integration.trace.forms import FORMS, OUTSIDE_FORMS, ROWS, SCHEMA, Form, OutsideForm
from tests.integration.trace.observing import observe_inside, observe_outside
from tests.postgres import throwaway_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """Two databases of one schema; ``connection`` is to the one without rows, and traced."""

    major: int
    filled: str
    connection: sa.Connection
    trace: Trace


@pytest.fixture(scope="module")
def databases(server_url: DatabaseURL) -> Iterator[Databases]:
    login = f"{server_url.user}:{server_url.password}"
    with _databases(f"postgresql://{login}@{server_url.host}:{server_url.port or 5432}") as databases:
        yield databases


@pytest.mark.slow
def test_it_is_the_same_on_postgresql_16() -> None:
    with throwaway_server(16) as server, _databases(server.url("").rstrip("/")) as databases:
        for form in FORMS:
            _check(databases, form)
        for outside_form in OUTSIDE_FORMS:
            _check_outside(databases, outside_form)


@pytest.mark.parametrize("form", [pytest.param(form, id=form.name) for form in FORMS])
def test_what_is_traced_without_rows_is_what_happens_with_rows(databases: Databases, form: Form) -> None:
    _check(databases, form)


@pytest.mark.parametrize("form", [pytest.param(form, id=form.name) for form in OUTSIDE_FORMS])
def test_so_is_what_runs_outside_a_transaction(databases: Databases, form: OutsideForm) -> None:
    _check_outside(databases, form)


def test_forms_are_many_and_few_differ_without_rows() -> None:
    assert len(FORMS) + len(OUTSIDE_FORMS) >= 60
    assert [form.name for form in FORMS if form.does_when_empty] == [
        "add foreign key",
        "validate foreign key",
    ]


@contextlib.contextmanager
def _databases(server: str) -> Iterator[Databases]:
    with contextlib.ExitStack() as stack:
        urls = []
        for rows in (0, ROWS):
            name = f"af_db_{uuid.uuid4().hex}"
            execute(f"{server}/postgres", f"CREATE DATABASE {name} STRATEGY file_copy")
            stack.callback(execute, f"{server}/postgres", f"DROP DATABASE {name} WITH (FORCE)")
            urls.append(f"{server}/{name}")
            execute(urls[-1], SCHEMA % {"rows": rows}, "VACUUM ANALYZE")
        empty, filled = urls
        connection = stack.enter_context(connect(Target(url=parse_url(empty), environment=Environment.LOCAL)))
        trace = stack.enter_context(tracing(connection))
        ((version,),) = execute(empty, "SHOW server_version_num")
        yield Databases(major=int(version) // 10_000, filled=filled, connection=connection, trace=trace)


def _check(databases: Databases, form: Form) -> None:
    does = form.does
    if databases.major < 18 and form.does_before_18 is not None:
        does = form.does_before_18
    with databases.connection.begin() as transaction:
        databases.connection.exec_driver_sql(form.sql)
        transaction.rollback()

    (traced,) = databases.trace.take()

    assert traced.transactional
    assert _told(traced) == (does if form.does_when_empty is None else form.does_when_empty)
    assert str(observe_inside(databases.filled, form.sql)) == does


def _check_outside(databases: Databases, form: OutsideForm) -> None:
    connection = databases.connection
    connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        connection.exec_driver_sql(form.sql)
        connection.commit()
        (traced,) = databases.trace.take()

        assert not traced.transactional
        assert _told(traced) == form.does
        assert str(observe_outside(databases.filled, form.sql, form.held_up_by)) == form.does
    finally:
        connection.execution_options(isolation_level="READ COMMITTED")
        if form.undo:
            with connection.begin():
                connection.exec_driver_sql(form.undo)
            databases.trace.take()
            execute(databases.filled, form.undo)


def _told(traced: TracedStatement) -> str:
    """What a trace tells of tables that were there, as the table of forms writes it."""
    lines = []
    for effect in traced.effects:
        if not effect.is_new:
            marks = [*(["rewrite"] if effect.rewrites else []), *(["scan"] if effect.scans else [])]
            lines.append(f"{effect.table.removeprefix('public.')}: {', '.join([effect.lock.sql, *marks])}")
    return "; ".join(sorted(lines))
