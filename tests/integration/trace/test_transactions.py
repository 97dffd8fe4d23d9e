"""Locks that are held, taken again, given back; what a rollback undoes."""

import psycopg2.extensions
import pytest

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.driver import psycopg2_connection
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.trace import ChangeKind, HeldLock, TableEffect, TracedStatement, tracing
from agent_factory.url import parse_url
from tests.integration.trace.conftest import Start, execute

TABLES = (
    "CREATE TABLE p (id int PRIMARY KEY)",
    "CREATE TABLE t (id int PRIMARY KEY, a int, b int, p_id int)",
    "CREATE INDEX t_b ON t (b)",
)

LOCK_AGAIN = (
    # After ADD COLUMN has locked t ACCESS EXCLUSIVE, what each of these needs again.
    ("ALTER TABLE t ADD COLUMN y int", LockMode.ACCESS_EXCLUSIVE),
    ("ALTER TABLE t ALTER b TYPE bigint", LockMode.ACCESS_EXCLUSIVE),
    ("CREATE INDEX ON t (a)", LockMode.SHARE),
    ("ALTER TABLE t ADD FOREIGN KEY (p_id) REFERENCES p", LockMode.SHARE_ROW_EXCLUSIVE),
    ("COMMENT ON TABLE t IS 'x'", LockMode.SHARE_UPDATE_EXCLUSIVE),
    ("UPDATE t SET a = 1", LockMode.ROW_EXCLUSIVE),
    ("INSERT INTO t VALUES (1)", LockMode.ROW_EXCLUSIVE),
    ("DROP INDEX t_b", LockMode.ACCESS_EXCLUSIVE),
)


def effect(statement: TracedStatement, table: str = "public.t") -> TableEffect:
    (found,) = [effect for effect in statement.effects if effect.table == table]
    return found


@pytest.mark.parametrize(("statement", "lock"), [pytest.param(*case, id=case[0]) for case in LOCK_AGAIN])
def test_a_lock_that_is_held_is_told_of_who_needs_it_again(
    start: Start, statement: str, lock: LockMode
) -> None:
    traced = start(*TABLES)

    first, second, third = traced.run("ALTER TABLE t ADD COLUMN x int", statement, "CREATE TABLE n (id int)")

    assert (effect(first).lock, effect(first).held_since) == (LockMode.ACCESS_EXCLUSIVE, None)
    assert (effect(second).lock, effect(second).held_since) == (lock, 1)
    held = HeldLock(table="public.t", lock=LockMode.ACCESS_EXCLUSIVE, since=1)
    assert first.held == ()
    assert second.held == (held,)
    assert held in third.held


@pytest.mark.parametrize(
    ("statement", "lock"),
    [
        ("CREATE TABLE n (p_id int REFERENCES p)", LockMode.SHARE_ROW_EXCLUSIVE),
        ("ALTER TABLE t ADD FOREIGN KEY (p_id) REFERENCES p", LockMode.SHARE_ROW_EXCLUSIVE),
        ("ALTER TABLE later VALIDATE CONSTRAINT later_fkey", LockMode.ROW_SHARE),
        ("ALTER TABLE later DROP CONSTRAINT later_fkey", LockMode.ACCESS_EXCLUSIVE),
        ("DROP TABLE later", LockMode.ACCESS_EXCLUSIVE),
    ],
)
def test_so_it_is_of_the_table_that_a_foreign_key_refers_to(
    start: Start, statement: str, lock: LockMode
) -> None:
    traced = start(
        *TABLES,
        "CREATE TABLE later (p_id int)",
        "ALTER TABLE later ADD CONSTRAINT later_fkey FOREIGN KEY (p_id) REFERENCES p NOT VALID",
    )

    (*_, again) = traced.run("ALTER TABLE p ADD x int", statement)

    assert (effect(again, "public.p").lock, effect(again, "public.p").held_since) == (lock, 1)


def test_the_same_lock_again_is_known_by_what_changed(start: Start) -> None:
    """pg_locks shows nothing new for the second of each pair."""
    traced = start(*TABLES)

    pairs = (
        ("CREATE INDEX ON t (a)", "CREATE INDEX ON t (p_id)", LockMode.SHARE),
        ("COMMENT ON COLUMN t.a IS 'x'", "COMMENT ON COLUMN t.b IS 'x'", LockMode.SHARE_UPDATE_EXCLUSIVE),
        ("UPDATE t SET a = 1", "DELETE FROM t", LockMode.ROW_EXCLUSIVE),
        (
            "ALTER TABLE t ADD CHECK (a > 0) NOT VALID",
            "ALTER TABLE t SET (fillfactor = 50)",
            LockMode.SHARE_UPDATE_EXCLUSIVE,
        ),
    )
    for first, second, lock in pairs:
        again = traced.run(first, second)[1]
        expected = None if first.startswith("ALTER") else 1
        assert effect(again).lock is lock
        assert effect(again).held_since == (expected or 1)


def test_a_statement_that_does_not_touch_a_locked_table_has_no_effect_on_it(start: Start) -> None:
    traced = start(*TABLES)

    (_, other) = traced.run("ALTER TABLE t ADD COLUMN x int", "ALTER TABLE p ADD COLUMN x int")

    assert [effect.table for effect in other.effects] == ["public.p"]


def test_locks_end_with_their_transaction(start: Start) -> None:
    traced = start(*TABLES)

    traced.run("ALTER TABLE t ADD COLUMN x int")
    (statement,) = traced.run("ALTER TABLE t ADD COLUMN y int")

    assert effect(statement).held_since is None
    assert statement.held == ()


def test_numbers_begin_anew_with_each_taking(start: Start) -> None:
    traced = start(*TABLES)
    with traced.connection.begin():
        traced.connection.exec_driver_sql("ALTER TABLE t ADD COLUMN x int")
        traced.trace.take()
        traced.connection.exec_driver_sql("ALTER TABLE p ADD COLUMN x int")
        traced.connection.exec_driver_sql("ALTER TABLE p ADD COLUMN y int")

    first, second = traced.trace.take()

    t = HeldLock(table="public.t", lock=LockMode.ACCESS_EXCLUSIVE, since=0)
    assert first.held == (t,)
    assert second.held == (t, HeldLock(table="public.p", lock=LockMode.ACCESS_EXCLUSIVE, since=1))


def test_weak_locks_and_those_on_new_tables_are_not_held_against_anyone(start: Start) -> None:
    traced = start(*TABLES)

    (*_, last) = traced.run("CREATE TABLE n (id int)", "INSERT INTO t VALUES (1)", "CREATE TABLE m (id int)")

    assert last.held == ()


def test_a_dropped_table_stays_locked(start: Start) -> None:
    traced = start(*TABLES)

    (_, last) = traced.run("DROP TABLE t", "CREATE TABLE n (id int)")

    assert last.held == (HeldLock(table="public.t", lock=LockMode.ACCESS_EXCLUSIVE, since=1),)


def test_a_table_is_new_from_when_it_is_made(start: Start) -> None:
    traced = start(*TABLES)

    made, filled = traced.run("CREATE TABLE n (id int PRIMARY KEY, a int)", "CREATE INDEX ON n (a)")
    (altered,) = traced.run("ALTER TABLE n ADD COLUMN b int")
    (old,) = traced.run("ALTER TABLE t ADD COLUMN x int")

    assert [effect(each, "public.n").is_new for each in (made, filled, altered)] == [True] * 3
    assert effect(made, "public.n").lock is LockMode.ACCESS_EXCLUSIVE
    assert not effect(old).is_new


def test_a_renamed_table_is_known_by_its_first_name(start: Start) -> None:
    traced = start(*TABLES, "CREATE SCHEMA s")

    renamed, moved = traced.run("ALTER TABLE t RENAME TO u", "ALTER TABLE u SET SCHEMA s")
    (altered,) = traced.run("ALTER TABLE s.u ADD COLUMN x int")

    assert [(e.table, e.first_name) for s in (renamed, moved, altered) for e in s.effects] == [
        ("public.t", None),
        ("public.u", "public.t"),
        ("s.u", "public.t"),
    ]


def test_what_a_savepoint_gives_back_is_no_longer_held(start: Start) -> None:
    traced = start(*TABLES)
    connection = traced.connection
    with connection.begin():
        connection.exec_driver_sql("ALTER TABLE p ADD COLUMN x int")
        savepoint = connection.begin_nested()
        connection.exec_driver_sql("ALTER TABLE t ADD COLUMN x int")
        connection.exec_driver_sql("CREATE TABLE n (id int)")
        savepoint.rollback()
        connection.exec_driver_sql("ALTER TABLE t ADD COLUMN x int")
        connection.exec_driver_sql("CREATE TABLE n (id int)")

    first, second, third, fourth, fifth = traced.trace.take()

    assert [s.command for s in (first, second, third)] == ["ALTER TABLE", "ALTER TABLE", "CREATE TABLE"]
    assert effect(fourth).held_since is None
    assert [held.table for held in fourth.held] == ["public.p"]
    assert [c.kind for c in fourth.changes] == [ChangeKind.ADD_COLUMN]
    assert [c.kind for c in fifth.changes] == [ChangeKind.CREATE_TABLE]
    assert effect(fifth, "public.n").is_new


def test_a_statement_that_fails_in_a_savepoint_is_not_told(start: Start) -> None:
    traced = start(*TABLES, "INSERT INTO t VALUES (1, 0)")
    connection = traced.connection
    with connection.begin():
        savepoint = connection.begin_nested()
        with pytest.raises(Exception, match="violated by some row"):
            connection.exec_driver_sql("ALTER TABLE t ADD CHECK (a > 0)")
        savepoint.rollback()
        connection.exec_driver_sql("ALTER TABLE t ADD CHECK (a > 0) NOT VALID")

    (statement,) = traced.trace.take()

    assert not effect(statement).scans
    assert [c.kind for c in statement.changes] == [ChangeKind.ADD_CHECK]


def test_after_a_rollback_the_same_changes_are_told_again(start: Start) -> None:
    traced = start(*TABLES, "CREATE TYPE mood AS ENUM ('glad')")
    connection = traced.connection
    statements = (
        "ALTER TABLE t RENAME COLUMN a TO z",
        "DROP TABLE p",
        "CREATE TABLE n (id int)",
        "ALTER TYPE mood RENAME VALUE 'glad' TO 'sad'",
    )
    with connection.begin() as transaction:
        for statement in statements:
            connection.exec_driver_sql(statement)
        transaction.rollback()
    undone = traced.trace.take()

    assert [s.changes for s in traced.run(*statements)] == [s.changes for s in undone]


def test_what_a_cursor_of_the_drivers_does_is_a_statement_of_its_own(start: Start) -> None:
    traced = start(*TABLES)
    with traced.connection.begin():
        traced.connection.exec_driver_sql("ALTER TABLE p ADD COLUMN x int")
        traced.connection.connection.cursor().execute("LOCK TABLE t IN SHARE MODE")
        traced.connection.exec_driver_sql("ALTER TABLE p ADD COLUMN y int")

    (_, locks, after) = traced.trace.take()

    assert (locks.sql, effect(locks).lock) == ("LOCK TABLE t IN SHARE MODE", LockMode.SHARE)
    assert HeldLock(table="public.t", lock=LockMode.SHARE, since=2) in after.held


def test_what_is_done_past_the_connection_is_held_and_nobodys(start: Start) -> None:
    traced = start(*TABLES)
    with traced.connection.begin():
        traced.connection.exec_driver_sql("ALTER TABLE p ADD COLUMN x int")
        driver = psycopg2_connection(traced.connection)
        psycopg2.extensions.cursor(driver).execute("LOCK TABLE t IN SHARE MODE")
        traced.connection.exec_driver_sql("ALTER TABLE p ADD COLUMN y int")

    (_, statement) = traced.trace.take()

    assert [effect.table for effect in statement.effects] == ["public.p"]
    assert HeldLock(table="public.t", lock=LockMode.SHARE, since=0) in statement.held


def test_a_transaction_may_begin_with_set_transaction(start: Start) -> None:
    traced = start(*TABLES, "INSERT INTO t VALUES (1)")

    (first, *others) = traced.run(
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "UPDATE t SET a = 1", "ALTER TABLE t ADD x int"
    )

    assert first.command == "SET"
    assert [effect(each).lock for each in others] == [LockMode.ROW_EXCLUSIVE, LockMode.ACCESS_EXCLUSIVE]


def test_after_a_commit_in_plain_text_each_statement_is_a_transaction(start: Start) -> None:
    traced = start(*TABLES)

    first, second, third = traced.run(
        "ALTER TABLE t ADD x int", "COMMIT", "ALTER TABLE t ADD y int", "ALTER TABLE p ADD y int"
    )

    assert [s.transactional for s in (first, second, third)] == [True, False, False]
    assert effect(second).held_since is None
    assert third.held == ()
    assert execute(traced.url, "SELECT count(*) FROM pg_attribute WHERE attname IN ('x', 'y')") == [(3,)]


def test_nothing_is_left_in_the_session(postgresql_url: str) -> None:
    execute(postgresql_url, *TABLES)
    target = Target(url=parse_url(postgresql_url), environment=Environment.LOCAL)
    prepared = "SELECT count(*) FROM pg_prepared_statements"
    with connect(target) as connection:
        with tracing(connection) as trace, connection.begin():
            connection.exec_driver_sql("ALTER TABLE t ADD x int")
        with connection.begin():
            connection.exec_driver_sql("ALTER TABLE t ADD y int")

            assert connection.exec_driver_sql(prepared).scalar_one() == 0
            assert len(trace.take()) == 1
