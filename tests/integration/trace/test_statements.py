"""Which statements are told, and in which words."""

import contextlib
import datetime

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.project import Hooks
from agent_factory.migrate.rehearsal.trace import TracedStatement
from tests.integration.trace.conftest import Start, execute
from tests.projects import AlembicProject

TABLES = ("CREATE TABLE t (id int PRIMARY KEY, a int, b text, at date)", "CREATE TABLE u (id int)")


def test_sql_is_what_the_server_was_sent(start: Start) -> None:
    traced = start(*TABLES)
    table = sa.table("t", sa.column("id"), sa.column("b"), sa.column("at"))
    with traced.connection.begin():
        traced.connection.execute(sa.insert(table).values(id=1, b="it's 100 %", at=datetime.date(2026, 1, 2)))
        traced.connection.exec_driver_sql("UPDATE t SET b = %s WHERE id = %s", ("ü", 1))
        traced.connection.execute(sa.text("UPDATE t SET b = '50 %' WHERE b LIKE 'x%'"))

    assert [statement.sql for statement in traced.trace.take()] == [
        "INSERT INTO t (id, b, at) VALUES (1, 'it''s 100 %', '2026-01-02'::date)",
        "UPDATE t SET b = 'ü' WHERE id = 1",
        "UPDATE t SET b = '50 %' WHERE b LIKE 'x%'",
    ]


def test_commands_are_the_servers_tags_without_numbers(start: Start) -> None:
    traced = start(*TABLES)

    statements = traced.run(
        "INSERT INTO u VALUES (1), (2)",
        "UPDATE u SET id = 3",
        "DELETE FROM u",
        "CREATE TABLE n AS SELECT 1 AS one",
        "ALTER TABLE n ADD x int",
        "DO 'BEGIN END'",
        "SET LOCAL lock_timeout = '1s'",
        "ALTER TABLE n ADD y int; TRUNCATE u",
    )

    assert [statement.command for statement in statements] == [
        *("INSERT", "UPDATE", "DELETE", "SELECT", "ALTER TABLE", "DO", "SET", "TRUNCATE TABLE"),
    ]


def test_a_list_of_parameters_is_one_statement(start: Start) -> None:
    traced = start(*TABLES)
    with traced.connection.begin():
        traced.connection.exec_driver_sql("UPDATE t SET a = %s WHERE id = %s", [(1, 1), (2, 2), (3, 3)])

    (statement,) = traced.trace.take()

    assert (statement.sql, statement.times) == ("UPDATE t SET a = 1 WHERE id = 1", 3)


def test_rows_in_bulk(start: Start) -> None:
    traced = start(*TABLES)
    with traced.connection.begin():
        operations = Operations(MigrationContext.configure(traced.connection))
        table = sa.table("u", sa.column("id", sa.Integer))
        operations.bulk_insert(table, [{"id": number} for number in range(3)])

    (statement,) = traced.trace.take()

    assert statement.sql == "INSERT INTO u (id) VALUES (0), (1), (2)"
    assert [(effect.table, effect.lock) for effect in statement.effects] == [
        ("public.u", LockMode.ROW_EXCLUSIVE)
    ]


def test_reading_is_told_only_where_it_keeps_others_waiting(start: Start) -> None:
    traced = start(*TABLES, "CREATE FUNCTION change() RETURNS void LANGUAGE sql AS 'ALTER TABLE t ADD x int'")

    assert traced.run("SELECT * FROM t", "SHOW work_mem", "EXPLAIN SELECT 1") == ()
    with traced.connection.begin():
        sa.inspect(traced.connection).get_columns("t")
    assert traced.trace.take() == ()
    for statement in ("SELECT * FROM t FOR UPDATE", "SELECT change()"):
        (told,) = traced.run(statement)
        assert told.command == "SELECT"
    assert [s.command for s in traced.run("LOCK TABLE u IN SHARE MODE", "SELECT * FROM t")] == [
        "LOCK TABLE",
        "SELECT",
    ]


def test_transactions_themselves_are_not_told(start: Start) -> None:
    traced = start(*TABLES)
    with traced.connection.begin(), traced.connection.begin_nested():
        traced.connection.exec_driver_sql("ALTER TABLE t ADD x int")

    assert [statement.command for statement in traced.trace.take()] == ["ALTER TABLE"]


@pytest.mark.parametrize("version_table", ["alembic_version", "other_versions"])
def test_alembics_own_table_is_left_out(start: Start, project: AlembicProject, version_table: str) -> None:
    project.env_py.write_text(
        project.env_py.read_text().replace("configure(", f"configure(version_table={version_table!r}, ")
    )
    traced = start(version_table=version_table)
    opened = alembic_project.open_project(Setup(config_path=project.config))
    plan = alembic_project.plan(opened, traced.target, Direction.UPGRADE, "head", ())
    taken: dict[str, tuple[TracedStatement, ...]] = {}

    def committed(revision: str) -> None:
        taken[revision] = traced.trace.take()

    alembic_project.run(
        opened, traced.connection, plan, Hooks(started=lambda _revision: None, committed=committed)
    )

    assert execute(traced.url, f"SELECT * FROM {version_table}") == [("003",)]
    assert list(taken) == ["001", "002", "003"]
    for revision, statements in taken.items():
        ((effect,),) = [statement.effects for statement in statements]
        assert (effect.table, effect.is_new) == (f"public.t{revision}", True)
        assert all(statement.held == () for statement in statements)


def test_temporary_tables_are_left_out(start: Start) -> None:
    traced = start(*TABLES)

    statements = traced.run(
        "CREATE TEMPORARY TABLE scrap (id int PRIMARY KEY)",
        "INSERT INTO scrap SELECT id FROM t",
        "ALTER TABLE scrap ADD x int",
        "DROP TABLE scrap",
    )

    assert [[effect.table for effect in s.effects] for s in statements] == [[], ["public.t"], [], []]
    assert all(s.changes == () and s.held == () for s in statements)


def test_toast_is_its_tables(start: Start) -> None:
    traced = start(*TABLES)

    (statement,) = traced.run("ALTER TABLE u ADD large text")
    (rewritten,) = traced.run("ALTER TABLE t ALTER a TYPE bigint")

    assert [effect.table for effect in statement.effects] == ["public.u"]
    assert [(effect.table, effect.rewrites) for effect in rewritten.effects] == [("public.t", True)]


def test_another_connection_of_the_engine_is_not_traced(start: Start) -> None:
    traced = start(*TABLES)
    engine = sa.create_engine(traced.connection.engine.url, poolclass=sa.NullPool)
    with contextlib.closing(engine.connect()) as other, other.begin():
        other.exec_driver_sql("ALTER TABLE t ADD x int")

    assert traced.trace.take() == ()
