"""Locks that others hold: the application goes on, af-db tries again, and says who was in its way."""

import contextlib
import re
import time

import pytest

from tests.acceptance.faults.databases import Database, Reader
from tests.acceptance.faults.recipes import BUILD_INDEX, GATE, WAIT_AT_GATE, lines
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.waiting import until
from tests.projects import AlembicProject

ALTER = 'op.execute("ALTER TABLE t001 ADD COLUMN a integer")'
QUERY = "SELECT 1 FROM t001"
WORST_STALL_S = 1.5
"""The longest lock_timeout is a second. Without one, the application would stall until the reader leaves."""


@pytest.fixture
def altering(project: AlembicProject, database: Database) -> AlembicProject:
    """A project at 001 whose next revision wants the table for itself."""
    project.add("002", "001", ALTER)
    assert migrate(project, database.url, "001").code == 0
    return project


def test_a_long_reader_does_not_stop_the_application(altering: AlembicProject, database: Database) -> None:
    """Fault 11: whoever queues behind the lock that af-db waits for waits no longer than its timeout."""
    reader = Reader(database=database, query="SELECT count(*) FROM t001")
    with database.transaction("SELECT * FROM t001") as long_reader, reader.reading():
        long_reader_pid = long_reader.info.backend_pid
        began = time.monotonic()
        with migrating(altering, database.url) as run:
            run.wait_for("retrying", count=4)
            told = run.wait_for("lock-wait")
            until(lambda: time.monotonic() - began > 3, "the reader has read for long")
            long_reader.rollback()
            ended = run.end()

    assert (ended.code, ended.applied) == (0, ["002", "003"])
    assert reader.worst_s < WORST_STALL_S
    assert [blocker["pid"] for blocker in told["blockers"]] == [long_reader_pid]
    assert told["blockers"][0].keys() >= {"pid", "user", "application", "state", "transaction_age_s", "query"}
    attempts = [event["attempt"] for event in ended.all("retrying")]
    assert attempts == list(range(attempts[0], attempts[0] + len(attempts)))
    assert {event["revision"] for event in ended.all("retrying")} == {"002"}
    assert len(ended.all("revision-started")) == 2


def test_a_reader_that_never_leaves_is_named(altering: AlembicProject, database: Database) -> None:
    """Fault 11: when the time is used up, the message says whom to ask."""
    reading = "SELECT 'a report' FROM t001"
    with database.transaction(reading, application="nightly report") as reader:
        pid = reader.info.backend_pid
        ended = migrate(altering, database.url, "--retry-for", "800ms")

    assert (ended.code, ended.error["code"]) == (7, "lock-timeout")
    assert ended.error["state"] == "rolled back; at 001"
    message = ended.error["message"]
    assert f"pid {pid}" in message
    for fact in (database.value("SELECT current_user"), "nightly report", "idle in transaction", reading):
        assert fact in message
    assert ended.all("retrying")
    assert (database.versions, database.column_names("t001")) == (["001"], ["id"])


def test_a_deadlock_is_tried_again(altering: AlembicProject, database: Database) -> None:
    """Fault 11: af-db and the application take two tables in different order."""
    name = database.value("SELECT current_database()")
    database.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'", "CREATE TABLE other (a int)")
    database.build_gate()
    altering.add(
        "002", "001", lines(ALTER, WAIT_AT_GATE, 'op.execute("ALTER TABLE other ADD COLUMN b integer")')
    )
    patient = ("--lock-timeout", "10s", "--lock-timeout-max", "10s")
    with migrating(altering, database.url, *patient) as run:
        database.backend_running(GATE)
        # Whoever looks first is the victim, so the rival never looks.
        never = "SET deadlock_timeout = '1h'"
        with database.running(never, "BEGIN", "LOCK TABLE other", "LOCK TABLE t001", "COMMIT") as rival:
            until(lambda: database.waits_for_a_lock(rival), "the rival waits for af-db")
            database.open_gate()
        ended = run.end()

    assert (ended.code, ended.applied) == (0, ["002", "003"])
    assert (
        "deadlock" in ended.all("retrying")[0]["cause"] or "each other" in ended.all("retrying")[0]["cause"]
    )
    assert "b" in database.column_names("other")


def test_nothing_is_tried_again_after_a_commit_inside_a_revision(
    altering: AlembicProject, database: Database
) -> None:
    """Fault 12: what is committed would run twice."""
    database.execute("CREATE TABLE t (a int)")
    altering.add("002", "001", lines(BUILD_INDEX, ALTER))
    with database.transaction("SELECT * FROM t001") as reader:
        pid = reader.info.backend_pid
        ended = migrate(altering, database.url)

    assert (ended.code, ended.error["code"]) == (8, "lock-timeout")
    assert "a part of 002 is committed" in ended.error["state"]
    assert ended.revisions == {"002": "partly committed", "003": "not applied"}
    assert f"pid {pid}" in ended.error["message"]
    assert re.search(r"CREATE INDEX CONCURRENTLY ix_t_a", ended.error["message"])
    assert ended.all("retrying") == []
    assert (database.versions, database.index("ix_t_a")) == (["001"], "valid")


def test_the_limit_of_a_role_is_not_the_limit_of_a_migration(
    project: AlembicProject, migrator: Database, database: Database
) -> None:
    """Fault 13: the provider's statement_timeout is for the application; af-db says so, and sets its own."""
    role = migrator.value("SELECT current_user")
    database.execute(f"ALTER ROLE {role} SET statement_timeout = '300ms'")
    project.add("002", "001", "op.execute('SELECT pg_sleep(0.5)')")

    ended = migrate(project, migrator.url)

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])
    assert any(
        "statement_timeout" in event["message"] and "300 ms" in event["message"]
        for event in ended.all("warning")
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("op.execute('SELECT pg_sleep(0.5)')", id="transaction"),
        pytest.param(
            "with op.get_context().autocommit_block():\n    op.execute('SELECT pg_sleep(0.5)')",
            id="autocommit",
        ),
        pytest.param(
            "op.execute('RESET ALL')\nop.execute('SELECT pg_sleep(0.5)')", id="the revision asks for it"
        ),
    ],
)
def test_a_role_s_limit_of_transactions_is_not_that_of_a_migration(
    project: AlembicProject, migrator: Database, database: Database, body: str
) -> None:
    """Fault 13: PostgreSQL 17 and newer end the whole session when a transaction takes too long."""
    if database.value("SELECT current_setting('transaction_timeout', true)") is None:
        pytest.skip("this server has no transaction_timeout")
    role = migrator.value("SELECT current_user")
    database.execute(f"ALTER ROLE {role} SET transaction_timeout = '300ms'")
    project.add("002", "001", body)

    ended = migrate(project, migrator.url)

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"]), ended.outcome.out


def test_a_statement_that_takes_too_long(project: AlembicProject, database: Database) -> None:
    """Fault 13: told as a timeout, not as somebody's cancel; a longer limit is the next step."""
    project.add("002", "001", "op.execute('SELECT pg_sleep(20)')")

    ended = migrate(project, database.url, "--statement-timeout", "300ms")

    assert ended.code == 7
    assert "statement timeout" in ended.error["message"]
    assert any("--statement-timeout" in step for step in ended.error["next_steps"])
    assert ended.error["state"] == "rolled back; at 001"


def test_a_statement_that_somebody_cancels(project: AlembicProject, database: Database) -> None:
    """Fault 13: not a timeout, so no longer limit would help."""
    project.add("002", "001", "op.execute('SELECT pg_sleep(20)')")
    with migrating(project, database.url) as run:
        database.execute(f"SELECT pg_cancel_backend({database.backend_running('pg_sleep')})")
        ended = run.end()

    assert ended.code == 7
    assert "user request" in ended.error["message"]
    assert not any("--statement-timeout" in step for step in ended.error["next_steps"])
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.all("retrying") == []


def test_a_lock_that_the_revision_itself_holds_is_not_waited_for(
    project: AlembicProject, database: Database
) -> None:
    """A second engine in a revision meets the lock of its own transaction: nobody else can help."""
    project.add(
        "002",
        "001",
        lines(
            ALTER,
            "import os",
            "url = sa.make_url(os.environ['DATABASE_URL']).set(drivername='postgresql+psycopg2')",
            "with sa.create_engine(url).begin() as other:",
            "    other.execute(sa.text(\"SET lock_timeout = '200ms'\"))",
            "    other.execute(sa.text('SELECT * FROM t001'))",
        ),
    )

    ended = migrate(project, database.url)

    assert (ended.code, ended.error["code"]) == (7, "own-connection"), ended.error
    assert "af-db's own session (pid " in ended.error["message"]
    assert "002_step_002.py, line" in ended.error["message"]
    assert any("op.get_bind()" in step for step in ended.error["next_steps"])
    assert ended.all("retrying") == []


@pytest.mark.parametrize(
    "between", [False, True], ids=["directly", "behind a session that waits for af-db's"]
)
def test_a_connection_of_the_revision_that_waits_for_the_run_is_named_while_it_waits(
    project: AlembicProject, migrator: Database, database: Database, between: bool
) -> None:
    """It has no limit, and nothing else would be said until somebody ends it."""
    first = "SELECT * FROM t001" if between else "LOCK TABLE t001"
    project.add(
        "002",
        "001",
        lines(
            f'op.execute("{first}")',
            "import os, time",
            f"time.sleep({int(between)})",
            "url = sa.make_url(os.environ['DATABASE_URL']).set(drivername='postgresql+psycopg2')",
            "with sa.create_engine(url).begin() as other:",
            f"    other.execute(sa.text({QUERY!r}))",
        ),
    )
    assert migrate(project, migrator.url, "001").code == 0
    with migrating(project, migrator.url, "--no-rehearsal") as run, contextlib.ExitStack() as stack:
        run.wait_for_statement(first)
        if between:
            stack.enter_context(database.running("BEGIN", "LOCK TABLE t001"))
        told = run.wait_for(
            "warning", lambda event: event["code"] == "own-lock" and QUERY in event["message"]
        )
        waiting = int(re.search(r": pid (\d+), user", told["message"])[1])  # type: ignore[index]
        database.execute(f"SELECT pg_cancel_backend({waiting})")
        ended = run.end()

    assert "af-db's own session (pid " in told["message"]
    assert "op.get_bind()" in told["message"]
    assert ended.code == 7
    assert len(ended.warnings("own-lock")) == 1


def test_a_server_without_a_free_connection_is_not_asked_for_one_again_and_again(
    project: AlembicProject, migrator: Database, database: Database
) -> None:
    """The monitor cannot connect: that is said once, and the run goes on."""
    project.add("002", "001", "op.execute('SELECT pg_sleep(1.5)')")
    role = migrator.value("SELECT current_user")
    # That which reads, the one that works: none is left for the one that watches.
    database.execute(f"ALTER ROLE {role} CONNECTION LIMIT 2")

    ended = migrate(project, migrator.url)

    assert ended.code == 0, ended.outcome.err
    (warning,) = ended.warnings("not-watched")
    assert "too many connections" in warning
