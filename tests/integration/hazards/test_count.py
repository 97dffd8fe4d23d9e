"""Counting on production: never for long, never writing, and honest about what was not counted."""

import contextlib
import secrets
import time
import uuid
from collections.abc import Iterator

import psycopg2
import pytest

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import Severity, count_hits, find_hazards
from agent_factory.url import DatabaseURL
from tests.integration.hazards.stage import LARGE, Stage, connected, grown, run_script
from tests.postgres import administering

SLOW = """
CREATE FUNCTION slow(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN $1 > 0; END $$
"""


@contextlib.contextmanager
def reader(server: DatabaseURL, url: str) -> Iterator[str]:
    """The URL of a role that may only read."""
    name, password = f"reader_{uuid.uuid4().hex}", secrets.token_hex(16)
    with administering(server) as cursor:
        cursor.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    try:
        yield f"postgresql://{name}:{password}@{url.partition('@')[2]}"
    finally:
        run_script(url, f"DROP OWNED BY {name}")
        with administering(server) as cursor:
            cursor.execute(f"DROP ROLE {name}")


def test_a_count_that_takes_too_long_is_given_up(bare_stage: Stage) -> None:
    bare_stage.build(
        f"CREATE TABLE t (id integer); {SLOW}", "INSERT INTO t SELECT n FROM generate_series(1, 100) n"
    )
    rehearsed = bare_stage.rehearse(["ALTER TABLE t ADD CONSTRAINT sound CHECK (slow(id))"])
    sizes, _ = bare_stage.measure(())
    began = time.monotonic()
    with connected(bare_stage.production_url) as connection:
        counted = count_hits(connection, rehearsed, timeout_s=0.5)
    assert time.monotonic() - began < 10
    (answer,) = counted.answers.values()
    assert (answer.rows, answer.why) == (None, "not counted in 500 ms")
    (hazard,) = find_hazards(rehearsed, Direction.UPGRADE, sizes, counted)
    assert (hazard.code, hazard.severity) == ("fails-on-data", Severity.NOTICE)
    assert "may fail: whether some rows of public.t violate sound" in hazard.message


def test_the_first_row_is_found_sooner_than_all(bare_stage: Stage) -> None:
    bare_stage.build(
        f"CREATE TABLE t (id integer); {SLOW}", "INSERT INTO t SELECT -n FROM generate_series(1, 100) n"
    )
    rehearsed = bare_stage.rehearse(["ALTER TABLE t ADD CONSTRAINT sound CHECK (slow(id))"])
    sizes, _ = bare_stage.measure(())
    with connected(bare_stage.production_url) as connection:
        counted = count_hits(connection, rehearsed, timeout_s=1)
    (hazard,) = find_hazards(rehearsed, Direction.UPGRADE, sizes, counted)
    assert hazard.severity is Severity.HIGH
    assert "at least 1 row of public.t violates sound" in hazard.message


def test_all_counts_together_have_a_limit(stage: Stage) -> None:
    rehearsed = stage.rehearse(["DROP TABLE ledger", "ALTER TABLE users DROP COLUMN age"])
    with connected(stage.production_url) as connection:
        counted = count_hits(connection, rehearsed, all_timeout_s=0)
    assert {answer.why for answer in counted.answers.values()} == {"not counted: all counts took 0 ms"}
    sizes, _ = stage.measure(())
    found = find_hazards(rehearsed, Direction.UPGRADE, sizes, counted)
    deletes = [item for item in found if item.code == "deletes-data"]
    assert [item.severity for item in deletes] == [Severity.HIGH] * 2
    assert "drops public.ledger: about 1,000 rows (not counted" in deletes[0].message


def test_a_table_that_is_locked_is_not_waited_for(own_stage: Stage) -> None:
    rehearsed = own_stage.rehearse(["DROP TABLE ledger"])
    with contextlib.closing(psycopg2.connect(own_stage.production_url)) as other:
        other.cursor().execute("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
        sizes, counted = own_stage.measure(rehearsed)
    (answer,) = counted.answers.values()
    assert answer.why == "not counted: another session has locked the table"
    found = find_hazards(rehearsed, Direction.UPGRADE, sizes, counted)
    assert [item.code for item in found if item.severity is Severity.HIGH] == ["deletes-data"]


def test_a_role_that_may_read_is_enough(own_stage: Stage, server_url: DatabaseURL) -> None:
    rehearsed = own_stage.rehearse(
        ["DELETE FROM orders WHERE total < 10"], ["ALTER TABLE users ALTER COLUMN age SET NOT NULL"]
    )
    with reader(server_url, own_stage.production_url) as url:
        role = url.partition("://")[2].partition(":")[0]
        run_script(own_stage.production_url, f"GRANT SELECT ON orders TO {role}")
        with connected(url) as connection:
            counted = count_hits(connection.execution_options(postgresql_readonly=True), rehearsed)
    assert [(answer.rows, answer.why) for answer in counted.answers.values()] == [
        (200, None),
        (None, "not counted: this role may not read the table, or not all of its rows"),
    ]


def test_rows_that_a_role_cannot_see_do_not_count_as_none(own_stage: Stage, server_url: DatabaseURL) -> None:
    rehearsed = own_stage.rehearse(["DROP TABLE ledger"])
    with reader(server_url, own_stage.production_url) as url:
        role = url.partition("://")[2].partition(":")[0]
        run_script(
            own_stage.production_url,
            f"GRANT SELECT ON ledger TO {role}; ALTER TABLE ledger ENABLE ROW LEVEL SECURITY",
        )
        with connected(url) as connection:
            counted = count_hits(connection, rehearsed)
    (answer,) = counted.answers.values()
    assert answer.rows is None
    assert answer.why is not None
    assert "not all of its rows" in answer.why


def test_counting_writes_nothing_and_leaves_nothing_behind(own_stage: Stage) -> None:
    """Not even where the condition of a DELETE would."""
    run_script(
        own_stage.production_url,
        "CREATE FUNCTION leave(integer) RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO vacant_ledger VALUES ($1); RETURN true; END $$",
    )
    run_script(
        own_stage.scratch_url, "CREATE FUNCTION leave(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    )
    rehearsed = own_stage.rehearse(["DELETE FROM ledger WHERE leave(number)"])
    with connected(own_stage.production_url) as connection:
        settings = (
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('row_security'), current_setting('transaction_read_only')"
        )
        before = connection.exec_driver_sql(settings).all()
        counted = count_hits(connection, rehearsed)
        assert connection.exec_driver_sql(settings).all() == before
        locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'ledger'::regclass"
        assert connection.exec_driver_sql(locks).scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM vacant_ledger").scalar() == 0
    (answer,) = counted.answers.values()
    assert answer.why == "not counted: cannot execute INSERT in a read-only transaction"


def test_what_only_the_plan_makes_is_not_asked_about(stage: Stage) -> None:
    rehearsed = stage.rehearse(
        [
            "ALTER TABLE users ADD COLUMN level integer DEFAULT 1",
            "ALTER TABLE users ADD CONSTRAINT sound CHECK (level < score + 10)",
            "ALTER TABLE users ADD CONSTRAINT one UNIQUE (level, email)",
            "CREATE TABLE teams (id bigint PRIMARY KEY)",
            "ALTER TABLE teams ADD CONSTRAINT positive CHECK (id > 0)",
        ]
    )
    sizes, counted = stage.measure(rehearsed)
    assert all(answer.needs_plan for answer in counted.answers.values())
    found = find_hazards(rehearsed, Direction.UPGRADE, grown(sizes, LARGE), counted)
    assert not [item for item in found if item.code == "fails-on-data"]


def test_a_lost_connection_is_an_error(stage: Stage) -> None:
    rehearsed = stage.rehearse(["DROP TABLE ledger"])
    with connected(stage.production_url) as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        pid = driver.info.backend_pid
        run_script(stage.production_url, f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(psycopg2.Error):
            count_hits(connection, rehearsed)
