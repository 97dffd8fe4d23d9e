"""Readers that leave, and streams that were never there: they end no run, and change no exit code."""

import json
import subprocess
from pathlib import Path

import pytest

from agent_factory.url import parse_url
from tests.commands import INSTALLED, bare_environment, run_installed
from tests.projects import AlembicProject


def shell(command: str, project: AlembicProject, url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/bash", "-c", command.replace("af-db", str(INSTALLED))],
        cwd=project.root,
        env=bare_environment(url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("af-db local upgrade 2>&1 | head -n 3", id="a reader that leaves in the middle"),
        pytest.param("af-db local upgrade 2>&1 | true", id="a reader that leaves at once"),
        pytest.param("af-db local upgrade --json 2> >(true)", id="nobody reads the progress"),
        pytest.param("af-db local upgrade --progress json 2>&1 | head -n 1", id="events"),
        pytest.param("af-db local upgrade >&- 2>&-", id="closed streams"),
        pytest.param("af-db local upgrade <&- >&-", id="no input, and a closed stream"),
    ],
)
def test_a_run_goes_on_without_its_reader(project: AlembicProject, database_url: str, command: str) -> None:
    finished = shell(f"{command}; exit ${{PIPESTATUS[0]}}", project, database_url)

    assert finished.returncode == 0, finished.stderr
    assert run_installed("current", cwd=project.root, url=database_url).out == "003 (head)\n"


@pytest.mark.parametrize(
    "command",
    [
        "af-db current | true",
        "af-db local history | head -n 0",
        "af-db current --json | true",
        "af-db current >&-",
    ],
)
def test_reading_ends_quietly_without_its_reader(
    project: AlembicProject, sqlite_url: str, command: str
) -> None:
    finished = shell(f"{command}; exit ${{PIPESTATUS[0]}}", project, sqlite_url)

    assert (finished.returncode, finished.stderr) == (0, "")


def test_a_failure_keeps_its_exit_code_without_a_reader(project: AlembicProject, sqlite_url: str) -> None:
    project.add("004", "003", "raise ValueError('no')")

    finished = shell("af-db local upgrade --json | true; exit ${PIPESTATUS[0]}", project, sqlite_url)

    assert finished.returncode == 7
    assert str(parse_url(sqlite_url)) in finished.stderr


def test_a_revision_that_closes_the_stream_of_the_progress(project: AlembicProject, sqlite_url: str) -> None:
    """That nobody can be told does not end a run: its result is on the other stream."""
    project.add("002", "001", "import sys; sys.stderr.close()")

    for_machines = run_installed("local", "upgrade", "001", "--json", cwd=project.root, url=sqlite_url)
    assert for_machines.code == 0
    finished = run_installed("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)

    assert finished.code == 0
    assert [item["revision"] for item in finished.document["applied"]] == ["002", "003"]


def test_progress_that_cannot_be_shown(project: AlembicProject, postgresql_url: str) -> None:
    """A bug where an event becomes text costs that event and no more."""
    (project.root / "sitecustomize.py").write_text(
        "from agent_factory.migrate.report import json\n"
        "render = json.render_event\n"
        "def broken(event):\n"
        "    if type(event).__name__ == 'StatementStarted' and 't002' in event.sql:\n"
        "        raise AssertionError('no words for it')\n"
        "    return render(event)\n"
        "json.render_event = broken\n"
    )

    finished = run_installed(
        *("prod", "upgrade", "--yes", "--json", "--progress", "json"),
        cwd=project.root,
        url=postgresql_url,
        environment={"PYTHONPATH": str(project.root)},
    )

    assert finished.code == 0, finished.err
    assert [item["revision"] for item in finished.document["applied"]] == ["001", "002", "003"]
    events = [json.loads(line) for line in finished.err.splitlines()]
    (warning,) = [event for event in events if event.get("code") == "event-not-shown"]
    assert "no words for it" in warning["message"]
    assert events[-1]["event"] == "revision-applied"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("af-db current", 4, id="the quick answer"),
        pytest.param("af-db local history --json", 4, id="JSON"),
        pytest.param("af-db local plan --format markdown", 4, id="a comment"),
        pytest.param("af-db local plan --format html", 4, id="a report"),
        pytest.param("af-db check", 4, id="findings"),
        pytest.param("af-db --help", 4, id="help"),
        pytest.param("af-db", 4, id="no command"),
        pytest.param("af-db local", 4, id="a group without a command"),
        pytest.param("af-db --version", 4, id="version"),
        pytest.param("af-db local upgrade", 0, id="a run that is done"),
        pytest.param("af-db local upgrade --json", 0, id="the result of a run"),
    ],
)
def test_output_that_there_is_no_room_for_is_not_called_whole(
    project: AlembicProject, sqlite_url: str, command: str, code: int
) -> None:
    """A file that ends in the middle of a plan must not pass for the plan; what a run has done stays done."""
    finished = shell(f"{command} > /dev/full", project, sqlite_url)

    assert finished.returncode == code, finished.stderr
    assert "the output is not whole: No space left on device" in finished.stderr
    assert "bug" not in finished.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("options", ["2> /dev/full", "--json > /dev/full", "> /dev/full 2> /dev/full"])
def test_an_error_keeps_its_exit_code_where_there_is_no_room_for_it(
    project: AlembicProject, sqlite_url: str, options: str
) -> None:
    wrong = shell(f"af-db local upgrade nope {options}", project, sqlite_url)
    unknown = shell(f"af-db nonsense {options}", project, sqlite_url)

    assert (wrong.returncode, unknown.returncode) == (2, 2)
    assert "2>" in options or "no revision is called" in wrong.stderr


@pytest.mark.parametrize("command", ["af-db --help", "af-db local upgrade --help", "af-db"])
def test_help_ends_quietly_without_its_reader(project: AlembicProject, sqlite_url: str, command: str) -> None:
    finished = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}", project, sqlite_url)

    assert (finished.returncode, finished.stderr) == (0, "")
