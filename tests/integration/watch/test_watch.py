"""Watching a database: what is shown of a state that a real server is in."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.commands import CommandLine, start_process
from tests.projects import make_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def samples(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@contextmanager
def watching(folder: Path, url: str) -> Iterator[Any]:
    """A process that watches, and has shown its first line."""
    process: Any = start_process("prod", "watch", cwd=folder, url=url)
    try:
        with process.stdout as out, process.stderr:
            assert "sessions" in out.readline()
            yield process
    finally:
        process.kill()


def test_it_ends_by_itself_and_leaves_nothing(af_db: CommandLine, folder: Path, postgresql_url: str) -> None:
    outcome = af_db("prod", "watch", "--for", "1500ms", cwd=folder, url=postgresql_url)

    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 2
    assert "nobody waits" in lines[0]
    assert "rollbacks 0.0/s" in lines[1]
    assert not list(folder.iterdir()), "no project is needed, and nothing is written"


def test_a_machine_gets_a_line_each_second(af_db: CommandLine, folder: Path, postgresql_url: str) -> None:
    with closing(psycopg2.connect(postgresql_url, application_name="holder")) as holder:
        holder.cursor().execute("CREATE TABLE orders (id int)")
        holder.commit()
        holder.cursor().execute("LOCK TABLE orders")
        with closing(psycopg2.connect(postgresql_url, application_name="waiter")) as waiter:
            waiting = threading.Thread(target=waiter.cursor().execute, args=("SELECT * FROM orders",))
            waiting.start()
            outcome = af_db(
                *("prod", "watch", "--for", "2s", "--progress", "json"), cwd=folder, url=postgresql_url
            )
            holder.rollback()
            waiting.join(10)

    assert outcome.code == 0
    last = samples(outcome.out)[-1]
    assert last["event"] == "health"
    (wait,) = last["waits"]
    assert (wait["session"]["application"], wait["table"]) == ("waiter", "orders")
    assert [one["application"] for one in wait["blockers"]] == ["holder"]
    assert last["longest"][0]["application"] == "holder"
    assert last["rates"]["rollbacks"] == 0, "watching rolls nothing back"


def test_one_document_on_stdout(af_db: CommandLine, folder: Path, postgresql_url: str) -> None:
    outcome = af_db("prod", "watch", "--for", "100ms", "--json", cwd=folder, url=postgresql_url)

    assert (outcome.code, outcome.document["looks"]) == (0, 1)
    assert "sessions" in outcome.err


def test_the_run_of_af_db_and_its_statement(af_db: CommandLine, folder: Path, postgresql_url: str) -> None:
    name = "af-db/0.4.0/12345678"
    with closing(psycopg2.connect(postgresql_url, application_name=name)) as run:
        run.cursor().execute("SELECT 812 AS in_a_run")
        pid = run.info.backend_pid
        line = af_db("prod", "watch", "--for", "0", cwd=folder, url=postgresql_url).out

    assert f"af-db pid {pid}, idle in transaction" in line
    assert "SELECT 812 AS in_a_run" in line


def test_ctrl_c_ends_it(folder: Path, postgresql_url: str) -> None:
    with watching(folder, postgresql_url) as process:
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 130
        assert "interrupted by SIGINT" in process.stderr.read()


def test_a_server_that_goes_away(folder: Path, postgresql_url: str) -> None:
    with watching(folder, postgresql_url) as process:
        with closing(psycopg2.connect(postgresql_url)) as admin:
            admin.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'af-db watch' AND datname = current_database()"
            )

        assert process.wait(20) == 5
        assert "the connection to" in process.stderr.read()


def test_locally_too(af_db: CommandLine, folder: Path, postgresql_url: str) -> None:
    project = make_project(folder / "shop")

    outcome = af_db("local", "watch", "--for", "0", cwd=project.root, url=postgresql_url)

    assert (outcome.code, "sessions" in outcome.out) == (0, True)


def test_a_file_has_no_sessions(af_db: CommandLine, folder: Path, sqlite_url: str) -> None:
    project = make_project(folder / "shop")

    outcome = af_db("local", "watch", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (4, "nothing-to-watch")


def test_a_duration_that_is_none(af_db: CommandLine, folder: Path, postgresql_url: str) -> None:
    outcome = af_db("prod", "watch", "--for", "soon", "--json", cwd=folder, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (2, "bad-duration")
