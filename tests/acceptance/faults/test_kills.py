"""``kill -9`` at every bad moment: what is left is whole, and the next run finishes it."""

import contextlib
import signal

import pytest

from tests.acceptance.faults.databases import Database, on_sqlite
from tests.acceptance.faults.proxy import Proxy
from tests.acceptance.faults.recipes import (
    BUILD_INDEX,
    CONCURRENTLY,
    GATE,
    WAIT_AT_GATE,
    lines,
    make_table,
)
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.waiting import until
from tests.commands import run_process
from tests.projects import AlembicProject

ORPHANS_LIVE_S = 3.0
"""The server looks each second whether its client is still there."""

DIES = """
import os
import signal

import sqlalchemy as sa

from alembic import context


def count(*_facts, **_more):
    counted[0] += 1
    if counted[0] == int(os.environ.get("DIE_AT", "0")):
        os.kill(os.getpid(), signal.SIGKILL)


counted = context.config.attributes.setdefault("counted", [0])
engine = context.config.attributes["connection"].engine
for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
    sa.event.listen(engine, moment, count)
"""


def no_orphan(database: Database) -> None:
    until(lambda: not database.backends, "the killed run's session ends", timeout_s=ORPHANS_LIVE_S)


def test_killed_inside_a_transaction(project: AlembicProject, database: Database) -> None:
    """Fault 4: the next look is clean, the orphan is gone in seconds, and the rerun completes."""
    database.build_gate()
    project.add("002", "001", lines(make_table("t002"), WAIT_AT_GATE))
    with migrating(project, database.url) as run:
        database.backend_running(GATE)
        run.kill()
    no_orphan(database)

    looked = run_process("prod", "current", "--json", cwd=project.root, url=database.url)
    assert (looked.code, looked.document["current"][0]["revision"]) == (0, "001")
    assert database.tables == {"t001"}
    database.open_gate()
    again = migrate(project, database.url)
    assert (again.code, again.applied) == (0, ["002", "003"])
    assert database.journal() == [(name, "upgrade", "applied") for name in ("001", "002", "003")]


def test_killed_and_run_again_at_once(project: AlembicProject, database: Database) -> None:
    """Fault 4: the orphan holds the run lock, but not for long."""
    database.build_gate()
    project.add("002", "001", lines(make_table("t002"), WAIT_AT_GATE))
    with migrating(project, database.url) as run:
        orphan = database.backend_running(GATE)
        run.kill()
    with migrating(project, database.url) as again:
        assert again.wait_for("run-started")["pid"] != orphan
        database.open_gate()
        ended = again.end()

    assert (ended.code, ended.applied) == (0, ["002", "003"])


def test_killed_again_and_again(project: AlembicProject, database: Database) -> None:
    """Fault 4: at one statement or commit after the other, each run going on where the last one died."""
    project.env_py.write_text(DIES + project.env_py.read_text())
    codes = [
        migrate(project, database.url, environment={"DIE_AT": str(moment)}).code
        for moment in (3, 6, 8, 11, 14)
    ]

    done = migrate(project, database.url)

    assert -signal.SIGKILL in codes, "no run was killed: the moments are too late"
    assert done.code == 0, done.outcome.out
    assert (database.versions, database.tables) == (["003"], {"t001", "t002", "t003"})
    assert database.journal() == [(name, "upgrade", "applied") for name in ("001", "002", "003")]


@pytest.fixture
def building(bare_project: AlembicProject, database: Database) -> AlembicProject:
    """A project whose second revision builds an index CONCURRENTLY on a table that is there."""
    database.execute("CREATE TABLE t (a int)", "INSERT INTO t SELECT generate_series(1, 100)")
    bare_project.add_table("001", None)
    bare_project.add("002", "001", BUILD_INDEX)
    assert migrate(bare_project, database.url, "001").code == 0
    return bare_project


def test_killed_when_the_index_was_built(building: AlembicProject, database: Database) -> None:
    """Fault 5: PostgreSQL finished it, nobody recorded it; the next run sees that it is valid and goes on."""
    with (
        database.transaction("INSERT INTO t VALUES (0)") as writer,
        migrating(building, database.url) as run,
    ):
        database.backend_running(CONCURRENTLY)
        run.send(signal.SIGSTOP)  # so that it does not hear that the index is there
        writer.commit()
        until(lambda: database.index("ix_t_a") == "valid", "the index is built")
        run.kill()
    no_orphan(database)
    made = database.value("SELECT 'ix_t_a'::regclass::oid")
    assert database.versions == ["001"]
    assert ("002", "upgrade", "started") in database.journal()

    again = migrate(building, database.url)

    assert (again.code, again.applied) == (0, ["002"])
    assert database.index("ix_t_a") == "valid"
    assert database.value("SELECT 'ix_t_a'::regclass::oid") == made, "it was not built a second time"
    assert database.versions == ["002"]


def test_killed_while_the_index_was_built(building: AlembicProject, database: Database) -> None:
    """Fault 5: an INVALID index is left; the next run drops it, builds it and records it."""
    with (
        database.transaction("INSERT INTO t VALUES (0)"),
        migrating(building, database.url) as run,
    ):
        database.backend_running(CONCURRENTLY)
        until(lambda: database.index("ix_t_a") == "invalid", "it has begun to build")
        run.kill()
        no_orphan(database)
    assert (database.index("ix_t_a"), database.versions) == ("invalid", ["001"])

    again = migrate(building, database.url)

    assert (again.code, again.applied) == (0, ["002"])
    assert (database.index("ix_t_a"), database.versions) == ("valid", ["002"])
    assert database.journal()[-1] == ("002", "upgrade", "applied")


def test_killed_and_the_index_is_still_being_built(building: AlembicProject, database: Database) -> None:
    """Fault 5: the network hides from the server that its client is gone, so it builds on."""
    with Proxy(database.url) as proxy:
        with database.transaction("INSERT INTO t VALUES (0)"):
            with migrating(building, proxy.url) as run:
                builder = database.backend_running(CONCURRENTLY)
                proxy.hang()
                run.kill()
            meanwhile = migrate(building, database.url, "--lock-wait", "200ms")
            assert builder in database.backends
        proxy.cut_all()
    no_orphan(database)

    again = migrate(building, database.url)

    assert meanwhile.code == 6
    assert f"pid {builder}" in meanwhile.error["message"]
    assert CONCURRENTLY in meanwhile.error["message"]
    assert (again.code, again.applied) == (0, ["002"])
    assert database.index("ix_t_a") == "valid"


def test_killed_and_somebody_builds_the_index_by_hand(building: AlembicProject, database: Database) -> None:
    """Fault 5: the lock is free, yet PostgreSQL is not done with what the killed run began."""
    with (
        database.transaction("INSERT INTO t VALUES (0)"),
        migrating(building, database.url) as run,
    ):
        database.backend_running(CONCURRENTLY)
        until(lambda: database.index("ix_t_a") == "invalid", "it has begun to build")
        run.kill()
        no_orphan(database)
    database.execute("DROP INDEX ix_t_a")
    with (
        database.transaction("INSERT INTO t VALUES (0)") as writer,
        database.running(f"{CONCURRENTLY} ix_t_a ON t (a)") as builder,
    ):
        until(lambda: database.waits_for_a_lock(builder), "the build by hand waits")
        meanwhile = migrate(building, database.url)
        writer.commit()
    assert (meanwhile.code, meanwhile.error["code"]) == (6, "still-building")
    assert str(builder) in meanwhile.error["message"]
    made = database.value("SELECT 'ix_t_a'::regclass::oid")

    again = migrate(building, database.url)

    assert (again.code, again.applied) == (0, ["002"])
    assert database.value("SELECT 'ix_t_a'::regclass::oid") == made


def test_killed_before_the_index_build_began(building: AlembicProject, database: Database) -> None:
    """Fault 5: marked as started, and nothing of it there yet."""
    building.add(
        "002",
        "001",
        "import os, signal\n"
        "with op.get_context().autocommit_block():\n"
        "    if 'DIE' in os.environ:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        '    op.create_index("ix_t_a", "t", ["a"], postgresql_concurrently=True)',
    )
    killed = migrate(building, database.url, environment={"DIE": "1"})
    assert killed.code == -signal.SIGKILL

    again = migrate(building, database.url)

    assert (again.code, again.applied) == (0, ["002"])
    assert database.index("ix_t_a") == "valid"


@pytest.mark.parametrize("execute", ["op.execute", "op.get_bind().connection.cursor().execute"])
def test_killed_behind_a_statement_that_has_committed_by_itself(
    building: AlembicProject, database: Database, execute: str
) -> None:
    """By whatever cursor it was sent, it is not run again unasked."""
    building.add(
        "002",
        "001",
        "import os, signal\n"
        "with op.get_context().autocommit_block():\n"
        f"    {execute}('CREATE TABLE t_made (id int)')\n"
        "    if 'DIE' in os.environ:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert migrate(building, database.url, environment={"DIE": "1"}).code == -signal.SIGKILL

    again = migrate(building, database.url)

    assert (again.code, again.error["code"]) == (4, "unfinished-revision")
    assert "CREATE TABLE t_made (id int)" in again.error["message"]


REBUILD = """
import os, signal
def die(_connection, _cursor, statement, *_facts):
    if statement.strip().startswith(os.environ.get("DIE_AT", "never")):
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(op.get_bind().engine, "before_cursor_execute", die)
op.execute("INSERT INTO t001 VALUES (2)")
with op.batch_alter_table("t001", recreate="always") as batch:
    batch.add_column(sa.Column("name", sa.String))
"""


@pytest.fixture
def rebuilding(project: AlembicProject, sqlite_url: str) -> AlembicProject:
    """A project at 001 on SQLite, whose 002 rebuilds a table that holds a row."""
    project.add("002", "001", REBUILD)
    done = migrate(project, sqlite_url, "001", command="local upgrade")
    assert done.code == 0, done.outcome.out
    on_sqlite(sqlite_url, "INSERT INTO t001 VALUES (1)")
    return project


@pytest.mark.parametrize(
    "moment", ["INSERT INTO t001", "CREATE TABLE _alembic_tmp", "DROP TABLE", "ALTER TABLE"]
)
def test_killed_on_sqlite(rebuilding: AlembicProject, sqlite_url: str, moment: str) -> None:
    """Fault 17: in the middle of a table that is rebuilt by copy and rename."""
    killed = migrate(rebuilding, sqlite_url, command="local upgrade", environment={"DIE_AT": moment})

    assert killed.code == -signal.SIGKILL
    assert on_sqlite(sqlite_url, "SELECT * FROM t001") == [(1,)]
    assert on_sqlite(sqlite_url, "SELECT version_num FROM alembic_version") == [("001",)]
    assert sqlite_tables(sqlite_url) == {"alembic_version", "t001"}
    again = migrate(rebuilding, sqlite_url, command="local upgrade")
    assert (again.code, again.applied) == (0, ["002", "003"])
    assert on_sqlite(sqlite_url, "SELECT id, name FROM t001 ORDER BY id") == [(1, None), (2, None)]


def test_a_failure_on_sqlite(rebuilding: AlembicProject, sqlite_url: str) -> None:
    """Fault 17: a statement fails after the table was rebuilt."""
    rebuilding.add("002", "001", lines(REBUILD, "op.execute('INSERT INTO t001 (id) VALUES (1)')"))

    failed = migrate(rebuilding, sqlite_url, command="local upgrade")

    assert (failed.code, failed.error["code"]) == (7, "data-violates-unique")
    assert failed.error["state"] == "rolled back; at 001"
    assert failed.revisions == {"002": "not applied", "003": "not applied"}
    assert on_sqlite(sqlite_url, "SELECT * FROM t001") == [(1,)]
    assert sqlite_tables(sqlite_url) == {"alembic_version", "t001"}


def test_deployers_start_together_on_sqlite(project: AlembicProject, sqlite_url: str) -> None:
    """Fault 17: the second waits for the first, and nobody sees half a revision."""
    with contextlib.ExitStack() as stack:
        runs = [
            stack.enter_context(migrating(project, sqlite_url, command="local upgrade")) for _ in range(3)
        ]
        ended = [run.end() for run in runs]

    assert [run.code for run in ended] == [0] * 3, [run.outcome.out for run in ended if run.code]
    assert sorted(run.applied for run in ended) == [[], [], ["001", "002", "003"]]
    assert sqlite_tables(sqlite_url) == {"alembic_version", "t001", "t002", "t003"}


def sqlite_tables(url: str) -> set[str]:
    return {name for (name,) in on_sqlite(url, "SELECT name FROM sqlite_master WHERE type = 'table'")}
