"""Watching after a run, beside an application that goes on as it was, or begins to fail."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.commands import CommandLine, start_process
from tests.postgres import SETTINGS, server_folders, throwaway_server
from tests.projects import AlembicProject, make_project

DROPS = "op.drop_column('users', 'nick')"


@pytest.fixture
def project(tmp_path: Path, af_db: CommandLine, postgresql_url: str) -> AlembicProject:
    """A project at 001, whose 002 drops a column, and its database."""
    found = make_project(tmp_path / "shop")
    found.add("001", None, "op.execute('CREATE TABLE users (id int, nick text)')")
    assert af_db("prod", "upgrade", "--yes", cwd=found.root, url=postgresql_url).code == 0
    found.add("002", "001", DROPS, "op.execute('ALTER TABLE users ADD nick text')")
    return found


@contextmanager
def application(url: str, *statements: str, every_s: float = 0.05) -> Iterator[None]:
    """Another session that sends these again and again for the block, each in a transaction of its own."""
    done = threading.Event()

    def work() -> None:
        with closing(psycopg2.connect(url, application_name="shop")) as connection:
            while not done.wait(every_s):
                for statement in statements:
                    with suppress(psycopg2.Error):
                        connection.cursor().execute(statement)
                        connection.commit()
                    connection.rollback()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)


def test_an_application_that_begins_to_fail(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    with application(postgresql_url, "SELECT nick FROM users", "SELECT id FROM users"):
        outcome = af_db(
            *("prod", "upgrade", "--yes", "--watch", "9s", "--json"), cwd=project.root, url=postgresql_url
        )

    assert outcome.code == 0, "the run was done"
    watched = outcome.document["watched"]
    assert watched["rollbacks_before"] < 1
    assert watched["rollbacks_after"] > 3
    assert watched["rose_at"] is not None
    assert watched["undo"] == "af-db prod downgrade 001"
    assert "warning" in outcome.err
    assert "way back: af-db prod downgrade 001" in outcome.err


def test_one_that_goes_on_as_it_was(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    scratch_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the rehearsal and the run roll back themselves is not the application's."""
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)

    with application(postgresql_url, "SELECT id FROM users"):
        outcome = af_db(
            *("prod", "upgrade", "--yes", "--allow", "deletes-data,breaks-running-code", "--watch", "7s"),
            *("--preflight", "--json"),
            cwd=project.root,
            url=postgresql_url,
        )

    assert outcome.code == 0, outcome.out
    watched = outcome.document["watched"]
    assert watched["rose_at"] is None
    assert watched["rollbacks_before"] < 0.5
    assert watched["rollbacks_after"] < 0.5
    (line,) = (one for one in outcome.document["checklist"]["lines"] if one["name"] == "watched")
    assert line["verdict"] == "pass"


def test_one_that_fails_as_often_as_before(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    with application(postgresql_url, "SELECT nothing", "SELECT id FROM users"):
        time.sleep(2)
        outcome = af_db("prod", "upgrade", "--yes", "--watch", "7s", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0
    assert "rose" not in outcome.err
    assert "/s after" in outcome.out


def test_sessions_that_wait(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    with (
        closing(psycopg2.connect(postgresql_url)) as holder,
        closing(psycopg2.connect(postgresql_url)) as waiter,
    ):
        holder.cursor().execute("SELECT pg_advisory_lock(812)")
        waiting = threading.Thread(target=waiter.cursor().execute, args=("SELECT pg_advisory_lock(812)",))
        waiting.start()
        outcome = af_db(
            *("prod", "upgrade", "--yes", "--watch", "2s", "--json"), cwd=project.root, url=postgresql_url
        )
        holder.cursor().execute("SELECT pg_advisory_unlock_all()")
        waiting.join(10)

    (wait,) = outcome.document["watched"]["waiting"]
    assert f"pid {waiter.info.backend_pid or ''}" in wait


def test_ctrl_c_ends_the_watching_and_not_the_run(project: AlembicProject, postgresql_url: str) -> None:
    process: Any = start_process(
        *("prod", "upgrade", "--yes", "--watch", "1h", "--json"), cwd=project.root, url=postgresql_url
    )
    with process.stdout as out, process.stderr as err:
        for line in err:
            if "done " in line:
                break
        with closing(psycopg2.connect(postgresql_url)) as other:
            until_watched(other)
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        document = json.loads(out.read())

    assert (code, document["exit_code"]) == (0, 0)
    assert document["watched"]["was_cut_short"]
    assert document["after"][0]["revision"] == "002"


def until_watched(connection: Any) -> None:
    """Wait until the session that watches has shown itself for a while."""
    cursor = connection.cursor()
    count = 0
    ends = time.monotonic() + 30
    while count < 15 and time.monotonic() < ends:
        time.sleep(0.1)
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'af-db watch' "
            "AND datname = current_database()"
        )
        count += cursor.fetchone()[0]
        connection.rollback()


def test_a_file_is_not_watched(af_db: CommandLine, project: AlembicProject, sqlite_url: str) -> None:
    outcome = af_db("local", "upgrade", "--watch", "1h", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.document["watched"]) == (0, None)
    assert "was not watched" in outcome.err


def test_nothing_to_do_is_not_watched(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    arguments = ("prod", "upgrade", "001", "--yes", "--watch", "1h", "--json")

    assert af_db(*arguments, cwd=project.root, url=postgresql_url).document["watched"] is None


def test_queries_that_get_slower(af_db: CommandLine, project: AlembicProject) -> None:
    major = next((one for one, place in server_folders().items() if _has_statements(place)), None)
    if major is None:
        pytest.skip("no PostgreSQL with pg_stat_statements is here")
    loaded = {**SETTINGS, "shared_preload_libraries": "pg_stat_statements"}
    with throwaway_server(major, settings=loaded) as server:
        url = server.url("postgres")
        with closing(psycopg2.connect(url)) as admin, admin:
            admin.cursor().execute("CREATE EXTENSION pg_stat_statements")
        assert af_db("prod", "upgrade", "001", "--yes", cwd=project.root, url=url).code == 0
        with closing(psycopg2.connect(url)) as admin, admin:
            cursor: Any = admin.cursor()
            cursor.execute("INSERT INTO users SELECT g, 'n' FROM generate_series(1, 400000) g")
            cursor.execute("CREATE INDEX by_id ON users (id)")
        project.add("002", "001", "op.drop_index('by_id')", "op.create_index('by_id', 'users', ['id'])")
        with application(url, "SELECT count(*) FROM users WHERE id = 4711"):
            time.sleep(1)
            outcome = af_db("prod", "upgrade", "--yes", "--watch", "6s", "--json", cwd=project.root, url=url)

    assert outcome.code == 0, outcome.out
    (slower,) = outcome.document["watched"]["slower"]
    assert slower.startswith("SELECT count(*) FROM users WHERE id = $1")


def _has_statements(bin_dir: Path) -> bool:
    return any(bin_dir.parent.glob("lib/**/pg_stat_statements.so"))
