"""The same on SQLite, as far as it goes: statements and changes, and no locks."""

import contextlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind, tracing
from agent_factory.url import parse_url
from tests.integration.trace.conftest import Traced

SCHEMA = (
    "CREATE TABLE t (id integer PRIMARY KEY, a int NOT NULL DEFAULT 1, b text)",
    "CREATE INDEX t_a ON t (a)",
    "CREATE VIEW v AS SELECT a FROM t",
)


@pytest.fixture
def traced(sqlite_url: str) -> Iterator[Traced]:
    target = Target(url=parse_url(sqlite_url), environment=Environment.LOCAL)
    with connect(target) as connection, contextlib.ExitStack() as stack:
        with connection.begin():
            for statement in SCHEMA:
                connection.exec_driver_sql(statement)
        trace = stack.enter_context(tracing(connection))
        yield Traced(url=sqlite_url, target=target, connection=connection, trace=trace)


def change(
    kind: ChangeKind,
    name: str | None = None,
    before: str | None = None,
    after: str | None = None,
    *,
    table: str = "t",
) -> Change:
    return Change(kind=kind, table=table, name=name, before=before, after=after)


CASES: tuple[tuple[str, str, list[Change]], ...] = (
    (
        "CREATE TABLE n (id int)",
        "CREATE TABLE",
        [change(ChangeKind.CREATE_TABLE, after="CREATE TABLE n (id int)", table="n")],
    ),
    (
        "ALTER TABLE t ADD COLUMN x varchar(9) NOT NULL DEFAULT ''",
        "ALTER TABLE",
        [change(ChangeKind.ADD_COLUMN, "x", after="varchar(9) NOT NULL DEFAULT ''")],
    ),
    ("ALTER TABLE t DROP COLUMN b", "ALTER TABLE", [change(ChangeKind.DROP_COLUMN, "b", before="TEXT")]),
    (
        "ALTER TABLE t RENAME COLUMN b TO z",
        "ALTER TABLE",
        [change(ChangeKind.RENAME_COLUMN, "b", before="b", after="z")],
    ),
    (
        "CREATE UNIQUE INDEX x ON t (b)",
        "CREATE INDEX",
        [change(ChangeKind.ADD_INDEX, "x", after="CREATE UNIQUE INDEX x ON t (b)")],
    ),
    (
        "DROP INDEX t_a",
        "DROP INDEX",
        [change(ChangeKind.DROP_INDEX, "t_a", before="CREATE INDEX t_a ON t (a)")],
    ),
    (
        "DROP VIEW v",
        "DROP VIEW",
        [change(ChangeKind.DROP_VIEW, before="CREATE VIEW v AS SELECT a FROM t", table="v")],
    ),
    ("INSERT INTO t (id) VALUES (1)", "INSERT", []),
    ("-- why\n /* and how */ UPDATE t SET a = 2", "UPDATE", []),
)


@pytest.mark.parametrize(("sql", "command", "changes"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_a_statement_is_told_with_its_changes(
    traced: Traced, sql: str, command: str, changes: list[Change]
) -> None:
    (statement,) = traced.run(sql)

    assert (statement.sql, statement.command, statement.transactional) == (sql, command, True)
    assert list(statement.changes) == changes
    assert (statement.effects, statement.held) == ((), ())


def test_a_table_is_dropped_with_what_hangs_on_it(traced: Traced) -> None:
    (_, statement) = traced.run("DROP VIEW v", "DROP TABLE t")

    assert [(c.kind, c.table) for c in statement.changes] == [(ChangeKind.DROP_TABLE, "t")]


def test_a_renamed_table_is_one_change(traced: Traced) -> None:
    (_, statement) = traced.run("DROP VIEW v", 'ALTER TABLE t RENAME TO "a b"')

    assert [(c.kind, c.before, c.after) for c in statement.changes if c.name is None] == [
        (ChangeKind.RENAME_TABLE, "t", '"a b"')
    ]


def test_reading_is_not_told(traced: Traced) -> None:
    assert traced.run("SELECT * FROM t", "PRAGMA table_info(t)") == ()


def test_parameters_are_filled_in(traced: Traced) -> None:
    with traced.connection.begin():
        traced.connection.exec_driver_sql("INSERT INTO t (b) VALUES (?)", ("it's",))
        traced.connection.exec_driver_sql("UPDATE t SET a = ? WHERE id = ?", [(1, 1), (2, 2)])

    first, second = traced.trace.take()

    assert first.sql == "INSERT INTO t (b) VALUES ('it''s')"
    assert (second.sql, second.times) == ("UPDATE t SET a = 1 WHERE id = 1", 2)


def test_after_a_rollback_the_same_changes_are_told_again(traced: Traced) -> None:
    statements = ("ALTER TABLE t ADD COLUMN x int", "CREATE TABLE n (id int)")
    with traced.connection.begin() as transaction:
        for statement in statements:
            traced.connection.exec_driver_sql(statement)
        transaction.rollback()
    undone = traced.trace.take()

    assert [s.changes for s in traced.run(*statements)] == [s.changes for s in undone]


def test_alembics_batch_is_told_as_what_it_does(traced: Traced) -> None:
    traced.run("DROP VIEW v")
    with traced.connection.begin():
        operations = Operations(MigrationContext.configure(traced.connection))
        with operations.batch_alter_table("t") as batch:
            batch.alter_column("b", type_=sa.Integer())

    statements = traced.trace.take()

    assert [s.command for s in statements] == [
        *("CREATE TABLE", "INSERT", "DROP TABLE", "ALTER TABLE", "CREATE INDEX"),
    ]
    assert [c.kind for s in statements for c in s.changes] == [
        *(ChangeKind.CREATE_TABLE, ChangeKind.DROP_TABLE, ChangeKind.RENAME_TABLE, ChangeKind.ADD_INDEX),
    ]
