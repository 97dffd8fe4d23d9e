"""The connection is lost: af-db says where the database really is, and never goes on without the lock."""

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.faults.databases import Database, kill_backend
from tests.acceptance.faults.proxy import Cut, Proxy
from tests.acceptance.faults.recipes import SLEEP, lines, make_table, wait_for_file
from tests.acceptance.faults.runs import Ended, migrate, migrating
from tests.acceptance.faults.waiting import until
from tests.postgres import Server
from tests.projects import AlembicProject

VERSION_003 = rb"alembic_version.*'003'"
VERSION_002 = rb"alembic_version.*'002'"
COMMIT = rb"^Q....COMMIT"
VERSION_002_AND_COMMIT = VERSION_002 + rb".*COMMIT"
"""Of a revision that others follow, both are in one message."""


@pytest.fixture
def sleeping(project: AlembicProject) -> AlembicProject:
    project.add("002", "001", lines(make_table("t002"), SLEEP))
    return project


def was_lost_in_002(ended: Ended, database: Database) -> None:
    assert (ended.code, ended.error["code"]) == (7, "connection-lost")
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.revisions == {"001": "applied", "002": "not applied", "003": "not applied"}
    assert ended.error["next_steps"]
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


def test_the_backend_is_terminated(sleeping: AlembicProject, database: Database) -> None:
    """Fault 7: by an administrator."""
    with migrating(sleeping, database.url) as run:
        pid = database.backend_running("pg_sleep")
        database.execute(f"SELECT pg_terminate_backend({pid})")
        ended = run.end()

    was_lost_in_002(ended, database)


def test_the_server_crashes(sleeping: AlembicProject, own_server: Server) -> None:
    """Fault 7: the server recovers, is asked, and tells what it kept."""
    database = Database(url=own_server.url("postgres"))
    # The tests' server keeps commits in memory for a while, and would forget them in a crash.
    database.execute("ALTER DATABASE postgres SET synchronous_commit = on")
    with migrating(sleeping, database.url) as run:
        kill_backend(database.backend_running("pg_sleep"))
        ended = run.end()

    was_lost_in_002(ended, database)


def test_the_server_is_shut_down(sleeping: AlembicProject, own_server: Server) -> None:
    """Fault 7 and 8: nobody is left to ask, so nothing is claimed."""
    database = Database(url=own_server.url("postgres"))
    folder = Path(database.value("SHOW data_directory"))
    server = int((folder / "postmaster.pid").read_text().splitlines()[0])
    with migrating(sleeping, database.url) as run:
        database.backend_running("pg_sleep")
        os.kill(server, signal.SIGQUIT)
        ended = run.end(timeout_s=60)

    assert (ended.code, ended.error["code"]) == (8, "connection-lost")
    assert ended.error["state"].startswith("not known")
    assert set(ended.revisions.values()) == {"unknown"}
    assert any("current" in step for step in ended.error["next_steps"])


def test_the_answer_to_the_last_commit_is_lost(project: AlembicProject, database: Database) -> None:
    """Fault 8: it was committed, which is looked up, and that is success."""
    with Proxy(database.url) as proxy:
        proxy.drop_after(VERSION_003, COMMIT)
        ended = migrate(project, proxy.url)
        assert proxy.has_dropped

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])
    assert len(ended.warnings("commit-reply-lost")) == 1
    assert "003" in ended.warnings("commit-reply-lost")[0]
    assert (database.versions, database.tables) == (["003"], {"t001", "t002", "t003"})
    assert database.journal() == [(name, "upgrade", "applied") for name in ("001", "002", "003")]


def test_the_answer_to_the_commit_of_a_downgrade_is_lost(project: AlembicProject, database: Database) -> None:
    """Fault 8: the way back is looked up like the way there."""
    assert migrate(project, database.url).code == 0
    with Proxy(database.url) as proxy:
        proxy.drop_after(VERSION_002, COMMIT)
        ended = migrate(project, proxy.url, command="prod downgrade 002")
        assert proxy.has_dropped

    assert (ended.code, ended.applied) == (0, ["003"])
    assert len(ended.warnings("commit-reply-lost")) == 1
    assert (database.versions, database.tables) == (["002"], {"t001", "t002"})


def test_the_answer_to_an_earlier_commit_is_lost(project: AlembicProject, database: Database) -> None:
    """Fault 8: what is committed is called applied, and the run does not go on without its lock."""
    with Proxy(database.url) as proxy:
        proxy.drop_after(VERSION_002_AND_COMMIT)
        ended = migrate(project, proxy.url)
        assert proxy.has_dropped

    assert (ended.code, ended.error["code"]) == (7, "connection-lost")
    assert ended.revisions == {"001": "applied", "002": "applied", "003": "not applied"}
    assert ended.error["state"] == "at 002"
    assert "002 failed" not in ended.error["message"]
    assert (database.versions, database.tables) == (["002"], {"t001", "t002"})
    assert migrate(project, database.url).applied == ["003"]


def test_a_commit_does_not_arrive(project: AlembicProject, database: Database) -> None:
    """Fault 8: it was not committed, which is looked up."""
    with Proxy(database.url) as proxy:
        proxy.drop_after(VERSION_003, COMMIT, cut=Cut.BEFORE)
        ended = migrate(project, proxy.url)
        assert proxy.has_dropped

    assert (ended.code, ended.error["code"]) == (7, "connection-lost")
    assert ended.error["state"] == "rolled back; at 002"
    assert ended.revisions == {"001": "applied", "002": "applied", "003": "not applied"}
    assert (database.versions, database.tables) == (["002"], {"t001", "t002"})
    assert migrate(project, database.url).applied == ["003"]


def test_an_earlier_commit_does_not_arrive(project: AlembicProject, database: Database) -> None:
    """Fault 8: nor does the version row, which travels with it."""
    with Proxy(database.url) as proxy:
        proxy.drop_after(VERSION_002_AND_COMMIT, cut=Cut.BEFORE)
        ended = migrate(project, proxy.url)
        assert proxy.has_dropped

    was_lost_in_002(ended, database)
    assert migrate(project, database.url).applied == ["002", "003"]


def test_the_network_becomes_a_black_hole(sleeping: AlembicProject, database: Database) -> None:
    """Fault 9: no answer and no end; af-db ends it itself, soon after the statement's own limit."""
    with Proxy(database.url) as proxy, migrating(sleeping, proxy.url, "--statement-timeout", "1s") as run:
        database.backend_running("pg_sleep")
        proxy.hang()
        until(lambda: proxy.closed_by_client, "it gives the connection up")
        ended = run.end()

    was_lost_in_002(ended, database)


@pytest.mark.slow
def test_a_signal_in_a_black_hole(sleeping: AlembicProject, database: Database) -> None:
    """Fault 6 and 9: not even the request to cancel gets through."""
    with Proxy(database.url) as proxy, migrating(sleeping, proxy.url) as run:
        database.backend_running("pg_sleep")
        proxy.hang(new_ones_too=True)
        run.send(signal.SIGTERM)
        until(lambda: proxy.closed_by_client, "it gives the connection up")
        proxy.flow()
        proxy.cut_all()
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (143, "interrupted")
    assert ended.error["state"] == "rolled back; at 001"
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


@pytest.mark.slow
def test_long_work_after_an_early_commit_is_no_dead_network(
    project: AlembicProject, database: Database
) -> None:
    """Fault 9: from the commit on nothing is asked of the database, so nothing can be late."""
    inside = (
        "import time\n"
        "with op.get_context().autocommit_block():\n"
        "    time.sleep(6)  # longer than the statement's limit and the watchdog's five seconds\n"
        '    op.execute("CREATE TABLE made_inside (a int)")'
    )
    project.add("002", "001", lines(make_table("t002"), inside))

    ended = migrate(project, database.url, "--statement-timeout", "200ms")

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"]), ended.outcome.out
    assert database.tables == {"t001", "t002", "made_inside", "t003"}


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(make_table("t002"), id="goes on"),
        pytest.param(
            "try:\n    op.execute('SELECT 1')\nexcept Exception:\n    op.get_bind().rollback()\n"
            + make_table("t002"),
            id="hides the error",
        ),
        pytest.param(
            "try:\n    op.execute('SELECT 1')\nexcept Exception:\n    op.get_bind().invalidate()\n"
            "    op.get_bind().rollback()\n" + make_table("t002"),
            id="asks for another connection",
        ),
    ],
)
def test_sqlalchemy_does_not_reconnect(
    project: AlembicProject, database: Database, tmp_path: Path, after: str
) -> None:
    """Fault 10: a new session would have no lock and no limits, so there is none."""
    goes_on = tmp_path / "go on"
    project.add("002", "001", lines(wait_for_file(goes_on), after))
    with migrating(project, database.url) as run:
        pid = run.wait_for("run-started")["pid"]
        run.wait_for("revision-started", lambda event: event["revision"] == "002")
        database.execute(f"SELECT pg_terminate_backend({pid})")
        until(lambda: pid not in database.backends, "the session ends")
        goes_on.touch()
        ended = run.end()

    was_lost_in_002(ended, database)
