"""A revision that meddles with its transaction, its limits, or the run lock."""

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import lines, make_table
from tests.acceptance.faults.runs import migrate
from tests.projects import AlembicProject


@pytest.mark.parametrize(
    "commit",
    [
        pytest.param('op.execute("COMMIT")', id="COMMIT"),
        pytest.param('op.execute("commit; begin")', id="COMMIT and BEGIN"),
        pytest.param('op.execute(" /* done */ end transaction")', id="END"),
        pytest.param("op.get_bind().commit()", id="SQLAlchemy"),
        pytest.param("op.get_bind().connection.dbapi_connection.commit()", id="psycopg2"),
    ],
)
def test_a_revision_commits(project: AlembicProject, database: Database, commit: str) -> None:
    """Fault 16: the run stops there, and says what is committed."""
    project.add("002", "001", lines(make_table("t002"), commit, make_table("too_late")))

    ended = migrate(project, database.url)

    assert (ended.code, ended.error["code"]) == (8, "ends-transaction")
    assert "a part of 002 is committed" in ended.error["state"]
    assert ended.revisions == {"001": "applied", "002": "partly committed", "003": "not applied"}
    assert "CREATE TABLE t002" in ended.error["message"]
    assert "autocommit_block" in " ".join(ended.error["next_steps"])
    assert (database.tables, database.versions) == ({"t001", "t002"}, ["001"])


@pytest.mark.parametrize(
    "rollback",
    [
        pytest.param('op.execute("ROLLBACK")', id="ROLLBACK"),
        pytest.param('op.execute("abort work")', id="ABORT"),
        pytest.param('op.execute("rollback; begin")', id="ROLLBACK and BEGIN"),
        pytest.param("op.get_bind().rollback()", id="SQLAlchemy"),
        pytest.param("op.get_bind().connection.dbapi_connection.rollback()", id="psycopg2"),
    ],
)
def test_a_revision_rolls_back(project: AlembicProject, database: Database, rollback: str) -> None:
    """Fault 16: what would follow is not run without a transaction."""
    project.add("002", "001", lines(make_table("t002"), rollback, make_table("too_late")))

    ended = migrate(project, database.url)

    assert (ended.code, ended.error["code"]) == (7, "ends-transaction")
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.revisions == {"001": "applied", "002": "not applied", "003": "not applied"}
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


@pytest.mark.parametrize(
    "setting",
    [
        "SET lock_timeout = 0",
        "SET LOCAL lock_timeout = 0",
        "SET lock_timeout TO DEFAULT",
        "RESET lock_timeout",
        "RESET ALL",
        "SELECT set_config('lock_timeout', '0', false)",
        "ALTER ROLE CURRENT_USER SET lock_timeout = 0",
    ],
)
def test_a_revision_lifts_the_limits(project: AlembicProject, database: Database, setting: str) -> None:
    """Fault 16: the next statement has them all the same, or it would stop the application."""
    escaped = setting.replace("'", "\\'")
    project.add("002", "001", lines(f"op.execute('{escaped}')", 'op.execute("ALTER TABLE t001 ADD a int")'))
    assert migrate(project, database.url, "001").code == 0
    with database.transaction("SELECT * FROM t001"):
        ended = migrate(project, database.url, "--retry-for", "300ms")

    assert (ended.code, ended.error["code"]) == (7, "lock-timeout")


def test_a_revision_lifts_the_limits_for_the_next_one(project: AlembicProject, database: Database) -> None:
    """Fault 16: a SET that is committed lasts as long as the session."""
    project.add("002", "001", 'op.execute("SET lock_timeout = 0")\nop.execute("SET statement_timeout = 0")')
    project.add("003", "002", "op.execute('SELECT pg_sleep(20)')")

    ended = migrate(project, database.url, "--statement-timeout", "300ms")

    assert ended.code == 7
    assert ended.error["state"] == "rolled back; at 002"


@pytest.mark.parametrize("release", ["SELECT pg_advisory_unlock_all()", "DISCARD ALL"])
def test_a_revision_releases_the_run_lock(project: AlembicProject, database: Database, release: str) -> None:
    """Fault 16: without the lock, another run may have begun; nothing is committed."""
    project.add("002", "001", lines(make_table("t002"), f'op.execute("{release}")'))

    ended = migrate(project, database.url)

    assert ended.code == 7, ended.outcome.out
    assert ended.error["state"] == "rolled back; at 001"
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


@pytest.mark.parametrize(
    "leaving",
    [
        pytest.param("import sys; sys.exit()", id="sys.exit()"),
        pytest.param("import sys; sys.exit('enough')", id="with words"),
        pytest.param("import sys; sys.exit(0)", id="as if all were well"),
        pytest.param("raise KeyboardInterrupt", id="KeyboardInterrupt"),
        pytest.param("raise GeneratorExit", id="GeneratorExit"),
        pytest.param("import os; os._exit(0)", id="os._exit"),
        pytest.param("raise type('Odd', (BaseException,), {})('enough')", id="no Exception at all"),
    ],
)
def test_a_revision_leaves_python(project: AlembicProject, database: Database, leaving: str) -> None:
    """It ends its revision and nothing else: rolled back, told, and in the journal."""
    project.add("002", "001", lines(make_table("t002"), leaving))

    ended = migrate(project, database.url)

    assert (ended.code, ended.error["code"]) == (7, "revision-failed"), ended.outcome.err
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.revisions == {"001": "applied", "002": "not applied", "003": "not applied"}
    assert "002_step_002.py, line" in ended.error["message"]
    assert (database.tables, database.versions) == ({"t001"}, ["001"])
    assert database.journal()[-1] == ("002", "upgrade", "failed")
    assert database.advisory_locks == 0
