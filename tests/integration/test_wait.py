"""``wait``: until a database takes connections, and until it is at the head of the files."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, run_process, start_process
from tests.postgres import administering
from tests.projects import AlembicProject

SECRET = "Gu4rded-by-n0body"
NOWHERE = f"postgresql://u:{SECRET}@127.0.0.1:1/db"


@contextlib.contextmanager
def waiting(*arguments: str, cwd: Path, url: str) -> Iterator[tuple[Any, IO[str], IO[str]]]:
    """The process of a command, and what it says on both streams."""
    process = start_process(*arguments, cwd=cwd, url=url)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout as out, process.stderr as err:
        try:
            yield process, out, err
        finally:
            process.kill()


def test_a_database_that_is_there_is_waited_for_no_longer(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    for command in (("wait",), ("local", "wait")):
        outcome = af_db(*command, cwd=project.root, url=database_url)
        assert (outcome.code, outcome.err) == (0, "")
        assert "takes connections" in outcome.out

    document = af_db("wait", "--json", cwd=project.root, url=database_url).document
    assert (document["tries"], document["at_head"]) == (1, None)
    assert document["seconds"] < 10


def test_after_the_timeout_the_cause_of_the_last_try_is_the_error(
    af_db: CommandLine, project: AlembicProject
) -> None:
    began = time.monotonic()
    text = af_db("prod", "wait", "--timeout", "2500ms", cwd=project.root, url=NOWHERE)

    assert text.code == 5
    assert 2 < time.monotonic() - began < 10
    assert text.err.count("waiting for u@127.0.0.1:1/db, for at most 2.5 s: no server answers") == 1
    assert text.err.count("no server answers") == 2, "once when it begins, once as the error"
    assert "gave up after" in text.err
    assert "af-db prod doctor" in text.err
    assert SECRET not in text.err + text.out

    document = af_db("prod", "wait", "--timeout", "0s", "--json", cwd=project.root, url=NOWHERE)
    assert (document.code, document.error["code"]) == (5, "connection-refused")
    assert "1 try" in document.error["message"]
    assert SECRET not in document.out


def test_without_a_project_the_database_of_the_environment_is_meant(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    for command in (("wait",), ("local", "wait"), ("prod", "wait")):
        assert af_db(*command, cwd=tmp_path, url=postgresql_url).code == 0

    nothing = af_db("wait", "--json", cwd=tmp_path)
    assert (nothing.code, nothing.error["code"]) == (2, "no-project")


def test_it_ends_as_soon_as_the_database_is_made(project: AlembicProject, server_url: DatabaseURL) -> None:
    name = "af_db_waited_for"
    url = f"postgresql://{server_url.user}:{server_url.password}@{server_url.host}:{server_url.port}/{name}"
    with waiting("wait", "--timeout", "40s", cwd=project.root, url=url) as (process, _out, err):
        assert "the server has no database" in err.readline()
        with administering(server_url) as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        try:
            assert process.wait(20) == 0
        finally:
            with administering(server_url) as cursor:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_at_head_waits_for_the_migration(project: AlembicProject, postgresql_url: str) -> None:
    command = ("wait", "--at-head", "--timeout", "40s")
    with waiting(*command, cwd=project.root, url=postgresql_url) as (process, out, err):
        assert "the database is at base, and the files are at 003" in err.readline()
        assert run_process("local", "upgrade", "--yes", cwd=project.root, url=postgresql_url).code == 0
        assert process.wait(20) == 0
        assert "is at 003 (head)" in out.read()


def test_a_database_that_stays_behind_is_exit_3_and_is_not_written_to(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", "002", cwd=project.root, url=database_url)

    outcome = af_db("wait", "--at-head", "--timeout", "1s", "--json", cwd=project.root, url=database_url)

    assert outcome.code == 3
    assert outcome.document["at_head"] is False
    assert [head["revision"] for head in outcome.document["current"]] == ["002"]
    assert outcome.document["heads"] == ["003"]
    assert af_db("current", cwd=project.root, url=database_url).out == "002\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_while_it_connects(project: AlembicProject, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/db"
        with waiting("prod", "wait", cwd=project.root, url=url) as (process, _out, _err):
            client, _address = silent.accept()
            with client:
                began = time.monotonic()
                process.send_signal(number)
                assert process.wait(20) == 128 + number
                assert time.monotonic() - began < 3, "libpq would go on for 5 s"


def test_what_waiting_does_not_change_is_said_at_once(af_db: CommandLine, project: AlembicProject) -> None:
    began = time.monotonic()
    outcome = af_db("wait", "--json", cwd=project.root, url=f"{NOWHERE}?pgbouncer=true")

    assert (outcome.code, outcome.error["code"]) == (5, "unknown-url-option")
    assert time.monotonic() - began < 10


def test_a_timeout_that_is_none_is_refused(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = af_db("wait", "--timeout", "soon", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "bad-duration")
