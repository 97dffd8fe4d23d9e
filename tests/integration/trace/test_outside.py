"""Statements outside transactions: the ones that may be in one, and the ones that may not."""

import secrets
import threading
import time

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.trace import ChangeKind, TracedStatement, tracing
from agent_factory.url import parse_url
from tests.integration.trace.conftest import Start, execute

TABLES = (
    "CREATE TABLE t (id int PRIMARY KEY, a int, b int)",
    "CREATE INDEX t_a ON t (a)",
    "CREATE TABLE u (id int)",
    "CREATE TYPE mood AS ENUM ('glad')",
)


def locks(statement: TracedStatement) -> dict[str, LockMode]:
    return {effect.table: effect.lock for effect in statement.effects}


def test_an_index_that_is_built_concurrently(start: Start) -> None:
    traced = start(*TABLES)

    (statement,) = traced.run_alone("CREATE INDEX CONCURRENTLY x ON t (b)")

    assert (statement.command, statement.transactional) == ("CREATE INDEX", False)
    assert locks(statement) == {"public.t": LockMode.SHARE_UPDATE_EXCLUSIVE}
    assert statement.effects[0].scans
    assert [(c.kind, c.name) for c in statement.changes] == [(ChangeKind.ADD_INDEX, "x")]
    assert execute(traced.url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'x'::regclass") == [
        (True,)
    ]


def test_indexes_that_are_rebuilt_and_dropped_concurrently(start: Start) -> None:
    traced = start(*TABLES)

    rebuilt, dropped = traced.run_alone("REINDEX INDEX CONCURRENTLY t_a", "DROP INDEX CONCURRENTLY t_a")

    assert locks(rebuilt) == locks(dropped) == {"public.t": LockMode.SHARE_UPDATE_EXCLUSIVE}
    assert rebuilt.changes == ()
    assert [(c.kind, c.name) for c in dropped.changes] == [(ChangeKind.DROP_INDEX, "t_a")]


def test_a_second_one_is_as_good_as_the_first(start: Start) -> None:
    traced = start(*TABLES)
    statements = [f"CREATE INDEX CONCURRENTLY x{number} ON t (b)" for number in range(10)]

    traced_statements = traced.run_alone(*statements)

    assert [locks(s) for s in traced_statements] == [{"public.t": LockMode.SHARE_UPDATE_EXCLUSIVE}] * 10


def test_a_statement_that_needs_no_transaction_and_may_have_one(start: Start) -> None:
    traced = start(*TABLES)

    added, altered, value = traced.run_alone(
        "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT x",
        "ALTER TYPE mood ADD VALUE 'sad'",
    )

    assert locks(added) == {"public.t": LockMode.ACCESS_EXCLUSIVE}
    assert locks(altered) == {"public.t": LockMode.SHARE_UPDATE_EXCLUSIVE}
    assert altered.effects[0].scans
    assert (altered.held, altered.effects[0].held_since) == ((), None)
    assert [(c.kind, c.name) for c in value.changes] == [(ChangeKind.ADD_ENUM_VALUE, "sad")]
    assert not any(s.transactional for s in (added, altered, value))


def test_the_results_of_a_query_outside_a_transaction_are_the_callers(start: Start) -> None:
    traced = start(*TABLES)
    connection = traced.connection.execution_options(isolation_level="AUTOCOMMIT")

    result = connection.exec_driver_sql("INSERT INTO u VALUES (1), (2) RETURNING id")

    assert result.scalars().all() == [1, 2]
    assert execute(traced.url, "SELECT count(*) FROM u") == [(2,)]


def test_a_procedure_that_commits(start: Start) -> None:
    traced = start(
        *TABLES,
        "CREATE PROCEDURE step() LANGUAGE plpgsql AS $$ BEGIN"
        " ALTER TABLE t ADD x int; COMMIT; CREATE INDEX ON u (id); COMMIT; END $$",
    )

    (statement,) = traced.run_alone("CALL step()")

    assert locks(statement) == {"public.t": LockMode.ACCESS_EXCLUSIVE, "public.u": LockMode.SHARE}
    assert [c.kind for c in statement.changes] == [ChangeKind.ADD_COLUMN, ChangeKind.ADD_INDEX]


def test_vacuum_of_all_tables_sees_each(start: Start) -> None:
    traced = start(*TABLES)

    (statement,) = traced.run_alone("VACUUM")

    assert locks(statement) == dict.fromkeys(("public.t", "public.u"), LockMode.SHARE_UPDATE_EXCLUSIVE)


def test_a_statement_that_writes_to_no_catalog_of_ours(start: Start) -> None:
    traced = start(*TABLES)

    (statement,) = traced.run_alone("ALTER SYSTEM RESET work_mem")

    assert (statement.command, statement.effects, statement.changes) == ("ALTER SYSTEM", (), ())


def test_an_error_is_the_callers(start: Start) -> None:
    traced = start(*TABLES, "INSERT INTO t VALUES (1, 1, 1), (2, 1, 1)")
    connection = traced.connection.execution_options(isolation_level="AUTOCOMMIT")

    for statement, code in (
        ("CREATE UNIQUE INDEX CONCURRENTLY x ON t (b)", "23505"),
        ("ALTER TABLE t ADD UNIQUE (b)", "23505"),
        ("CREATE INDEX CONCURRENTLY ON missing (b)", "42P01"),
        ("LOCK TABLE t IN SHARE MODE", "25P01"),
    ):
        with pytest.raises(sa.exc.DBAPIError) as caught:
            connection.exec_driver_sql(statement)
        assert getattr(caught.value.orig, "pgcode", None) == code
    connection.exec_driver_sql("ALTER TABLE t ADD y int")

    (statement_after,) = traced.trace.take()
    assert [(c.kind, c.name) for c in statement_after.changes] == [(ChangeKind.ADD_COLUMN, "y")]


def test_in_a_transaction_it_fails_as_it_does(start: Start) -> None:
    traced = start(*TABLES)

    with pytest.raises(sa.exc.DBAPIError, match="cannot run inside a transaction block"):
        traced.run("CREATE INDEX CONCURRENTLY x ON t (b)")


def test_a_transaction_that_the_revision_begins_itself(start: Start) -> None:
    traced = start(*TABLES)

    first, second = traced.run_alone("BEGIN", "ALTER TABLE t ADD x int", "ALTER TABLE t ADD y int", "COMMIT")

    assert first.transactional
    assert second.transactional
    assert second.effects[0].held_since == 1


def test_a_session_that_discards_everything(start: Start) -> None:
    traced = start(*TABLES)

    *_, statement = traced.run_alone("DISCARD ALL", "DEALLOCATE ALL", "ALTER TABLE t ADD x int")

    assert locks(statement) == {"public.t": LockMode.ACCESS_EXCLUSIVE}


def test_it_waits_as_long_as_others_keep_it_and_no_longer(start: Start) -> None:
    """Another session holds the table; the gates open after a while, whatever happens."""
    traced = start(*TABLES)
    traced.run_alone("CREATE INDEX CONCURRENTLY first ON t (b)")
    other = psycopg2.connect(traced.url)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
    releasing = threading.Timer(0.5, other.rollback)
    releasing.start()
    began = time.monotonic()

    (statement,) = traced.run_alone("DROP INDEX CONCURRENTLY first")

    assert 0.4 < time.monotonic() - began < 10
    assert locks(statement) == {"public.t": LockMode.SHARE_UPDATE_EXCLUSIVE}
    releasing.join()
    other.close()


def test_limits_of_the_session_are_not_for_the_gates(start: Start) -> None:
    traced = start(*TABLES)

    _, statement = traced.run_alone("SET lock_timeout = '1ms'", "CREATE INDEX CONCURRENTLY x ON t (b)")

    assert locks(statement) == {"public.t": LockMode.SHARE_UPDATE_EXCLUSIVE}
    with traced.connection.begin():
        assert traced.connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "1ms"


def test_a_role_that_may_not_lock_the_catalog_still_sees_what_changed(start: Start) -> None:
    traced = start()
    url = parse_url(traced.url)
    role, password = f"{url.database}_owner", secrets.token_hex(16)
    execute(
        traced.url,
        f"CREATE ROLE {role} LOGIN PASSWORD '{password}'",
        f"CREATE SCHEMA mine AUTHORIZATION {role}",
        "CREATE TABLE mine.t (a int)",
        f"ALTER TABLE mine.t OWNER TO {role}",
    )
    login = traced.url.replace(f"{url.user}:{url.password}@", f"{role}:{password}@")
    try:
        with (
            connect(Target(url=parse_url(login), environment=Environment.LOCAL)) as connection,
            tracing(connection) as trace,
        ):
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("CREATE INDEX CONCURRENTLY x ON mine.t (a)")
            connection.commit()
            (statement,) = trace.take()
    finally:
        execute(traced.url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    assert locks(statement) == {"mine.t": LockMode.SHARE_UPDATE_EXCLUSIVE}
    assert [c.name for c in statement.changes] == ["x"]
