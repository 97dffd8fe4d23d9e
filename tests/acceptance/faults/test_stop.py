"""A run that is stopped from another terminal ends as by Ctrl-C, and only by who may stop it."""

import contextlib

import pytest

from agent_factory.migrate.db import stop_request
from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import SLEEP, lines, make_table
from tests.acceptance.faults.runs import migrating
from tests.commands import CommandLine
from tests.projects import AlembicProject

PAUSES = "import time\nfor _ in range(200):\n    time.sleep(0.1)\n    op.execute('SELECT 1')"


@pytest.mark.parametrize("work", [SLEEP, PAUSES], ids=["in a statement", "between statements"])
def test_it_ends_as_by_ctrl_c(
    af_db: CommandLine, project: AlembicProject, database: Database, work: str
) -> None:
    project.add("002", "001", lines(make_table("t002"), work))
    with migrating(project, database.url) as run:
        run.wait_for("revision-started", lambda event: event["revision"] == "002")
        stopped = af_db("prod", "stop", "--yes", "--json", cwd=project.root, url=database.url)
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (130, "interrupted")
    assert ended.error["state"] == "rolled back; at 001"
    (warning,) = ended.warnings("stop-asked")
    assert "af-db stop" in warning
    assert stopped.code == 0, stopped.out
    assert [one["revision"] for one in stopped.document["current"]] == ["001"]
    assert stopped.document["stopped"]["application"].startswith("af-db/")
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


def test_nothing_runs_without_a_yes_or_at_all(
    af_db: CommandLine, project: AlembicProject, database: Database
) -> None:
    assert "no run to stop" in af_db("prod", "stop", cwd=project.root, url=database.url).out

    project.add("002", "001", SLEEP)
    with migrating(project, database.url) as run:
        database.backend_running("pg_sleep")
        asked = af_db("prod", "stop", "--json", cwd=project.root, url=database.url)
        assert (asked.code, asked.error["code"]) == (4, "no-terminal")
        assert database.is_busy("pg_sleep")
        run.process.kill()


def test_who_may_not_cancel_it_does_not_stop_it(
    project: AlembicProject, database: Database, migrator: Database
) -> None:
    """Any role that may connect may take such a lock."""
    project.add("002", "001", SLEEP)
    with migrating(project, database.url) as run:
        pid = database.backend_running("pg_sleep")
        with contextlib.closing(migrator.connect()) as stranger, stranger.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", [stop_request._KEY, pid])
            cursor.execute("SELECT pg_sleep(2.5)")
        assert database.is_busy("pg_sleep")
        run.process.kill()


def test_a_request_is_for_one_run_and_gone_with_who_asked(
    af_db: CommandLine, project: AlembicProject, database: Database
) -> None:
    project.add("002", "001", SLEEP)
    with migrating(project, database.url) as run:
        database.backend_running("pg_sleep")
        assert af_db("prod", "stop", "--yes", cwd=project.root, url=database.url).code == 0
        run.end()
    project.add("002", "001", make_table("t002"))

    with migrating(project, database.url) as run:
        assert run.end().code == 0
    assert database.advisory_locks == 0
