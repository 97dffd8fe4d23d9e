"""What project code does to its process while it is looked at or rehearsed reaches no run."""

import json
import os
import signal
import time
from pathlib import Path

import psycopg2
import pytest

from tests.acceptance.faults.waiting import until
from tests.commands import CommandLine, start_process
from tests.processes import HAS_PROC, command_lines
from tests.projects import AlembicProject

STATE = """
import os
ROWS = ["one", "two"]
TIMES = []
"""


def rows(url: str) -> list[str]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT a FROM kept ORDER BY a")
            return [str(row[0]) for row in cursor.fetchall()]
    finally:
        connection.close()


@pytest.fixture
def prepared(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    scratch_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AlembicProject:
    """A project whose database is at 004, with an empty table ``kept``."""
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)
    project.add("004", "003", "op.execute('CREATE TABLE kept (a text)')", "op.drop_table('kept')")
    assert af_db("local", "upgrade", "004", cwd=project.root, url=postgresql_url).code == 0
    return project


KEEPS = {
    "a list of an imported module": (
        "import state_{name}\n"
        "while state_{name}.ROWS:\n"
        "    op.execute(f\"INSERT INTO kept VALUES ('{{state_{name}.ROWS.pop()}}')\")"
    ),
    "a variable of the environment": (
        "import os\n"
        "if os.environ.setdefault('AF_TEST_RUNS', 'one two') == 'one two':\n"
        "    op.execute(\"INSERT INTO kept VALUES ('one'), ('two')\")\n"
        "os.environ['AF_TEST_RUNS'] = 'used'"
    ),
    "the working directory": (
        "import os, pathlib\n"
        "for row in pathlib.Path('rows.txt').read_text().split():\n"
        "    op.execute(f\"INSERT INTO kept VALUES ('{{row}}')\")\n"
        "os.chdir('/')"
    ),
    "a patched library": (
        "import json\n"
        'for row in json.loads(\'["one", "two"]\'):\n'
        "    op.execute(f\"INSERT INTO kept VALUES ('{{row}}')\")\n"
        "json.loads = lambda text: []"
    ),
}


@pytest.mark.parametrize("what", KEEPS)
def test_what_a_rehearsal_leaves_in_its_process_reaches_no_run(
    prepared: AlembicProject,
    af_db: CommandLine,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    name = prepared.root.name
    monkeypatch.setattr(json, "loads", json.loads)  # the run of this test is in this process, and patches it
    monkeypatch.setenv("AF_TEST_RUNS", "one two")
    (prepared.root / f"state_{name}.py").write_text(STATE)
    (prepared.root / "rows.txt").write_text("one two")
    prepared.add("005", "004", KEEPS[what].format(name=name))

    outcome = af_db("prod", "upgrade", "--yes", cwd=prepared.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert rows(postgresql_url) == ["one", "two"]
    assert "other statements" not in outcome.err


def test_a_rehearsal_finds_the_copy_in_the_environment_and_the_run_the_database(
    prepared: AlembicProject, af_db: CommandLine, postgresql_url: str
) -> None:
    """Also in a module that keeps what it has read there."""
    name = f"settings_{prepared.root.name}"
    (prepared.root / f"{name}.py").write_text("import os\nURL = os.environ['DATABASE_URL']\n")
    seen = prepared.root / "seen.txt"
    prepared.add(
        "005",
        "004",
        f"import {name}\nwith open({str(seen)!r}, 'a') as file:\n    print({name}.URL, file=file)",
    )

    outcome = af_db("prod", "upgrade", "--yes", cwd=prepared.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    rehearsed, ran = seen.read_text().splitlines()
    assert rehearsed != postgresql_url
    assert ran == postgresql_url


@pytest.mark.parametrize("command", [("prod", "plan"), ("prod", "upgrade", "--yes"), ("local", "plan")])
@pytest.mark.parametrize(
    ("ends", "how"),
    [("os._exit(0)", "ended with exit code 0"), ("os.kill(os.getpid(), 9)", "was ended by SIGKILL")],
)
def test_a_revision_that_ends_its_process_is_named_and_nothing_is_changed(
    prepared: AlembicProject,
    af_db: CommandLine,
    postgresql_url: str,
    ends: str,
    how: str,
    command: tuple[str, ...],
) -> None:
    prepared.add("005", "004", f"import os\nop.execute(\"INSERT INTO kept VALUES ('one')\")\n{ends}")

    outcome = af_db(*command, "--json", cwd=prepared.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "project-code-ended"), outcome.err
    assert f"it {how}, in revision 005" in outcome.error["message"]
    assert outcome.error["state"] == "unchanged"
    assert rows(postgresql_url) == []


def test_an_env_py_that_ends_its_process_is_named(
    prepared: AlembicProject, af_db: CommandLine, postgresql_url: str
) -> None:
    prepared.env_py.write_text(f"import os\n{prepared.env_py.read_text()}\nos._exit(1)\n")

    outcome = af_db("current", "--json", cwd=prepared.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "project-code-ended")
    assert "env.py" in outcome.error["message"]


def test_what_is_printed_below_python_is_on_stderr_and_without_secrets(
    prepared: AlembicProject, af_db: CommandLine, postgresql_url: str
) -> None:
    password = "correct-horse-battery"
    prepared.env_py.write_text(
        "import os, subprocess, sys\n"
        "from agent_factory.redaction import register_secret\n"
        f"register_secret({password!r})\n"
        f"os.write(1, b'below {password[:9]}')\n"
        f"os.write(1, b'{password[9:]}\\n')\n"
        f"print('above {password}')\n"
        "print('input:', repr(sys.stdin.read()))\n"
        f"{prepared.env_py.read_text()}"
    )

    outcome = af_db("prod", "plan", "--json", cwd=prepared.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert outcome.document["command"] == "prod plan"
    assert "below ***\n" in outcome.err
    assert "above ***\n" in outcome.err
    assert "input: ''\n" in outcome.err


def test_what_is_printed_at_the_rehearsal_says_so(
    prepared: AlembicProject, af_db: CommandLine, postgresql_url: str
) -> None:
    prepared.add("005", "004", "print('first\\n\\nsecond')\nimport os\nos.write(1, b'below\\n')")

    outcome = af_db("prod", "upgrade", "--yes", cwd=prepared.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    printed = [line for line in outcome.err.splitlines() if line.endswith(("first", "second", "below"))]
    labelled = [f"rehearsal: {word}" for word in ("first", "second", "below")]
    assert printed == [*labelled, "first", "second", "below"]


SLEEPS = {
    "in the database": "op.execute('SELECT pg_sleep(60)')",
    "in Python": "import time\ntime.sleep(60)",
    "in a loop that catches all": (
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass"
    ),
    "in C code that lets nothing else run": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
}


@pytest.mark.skipif(not HAS_PROC, reason="no list of processes")
@pytest.mark.parametrize("how", SLEEPS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_rehearsal_leaves_no_process(
    prepared: AlembicProject, postgresql_url: str, how: str, number: signal.Signals
) -> None:
    began = prepared.root / "began"
    prepared.add("005", "004", f"import pathlib\npathlib.Path({str(began)!r}).touch()\n{SLEEPS[how]}")
    process = start_process(
        *("prod", "plan", "--json"),
        cwd=prepared.root,
        url=postgresql_url,
        environment={"AF_DB_REHEARSAL": "true"},  # on a server of its own
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        until(began.exists, "the revision has begun")
        ours = _descendants(process.pid)
        assert len(ours) > 2  # the child, the keeper, its server

        started = time.monotonic()
        os.kill(process.pid, number)
        code = process.wait(30)
        until(lambda: not (ours & command_lines().keys()), "every process is gone")
        took = time.monotonic() - started

    assert code == (-9 if number == signal.SIGKILL else 128 + number)
    assert took < 5  # a second, and a slow machine


def _descendants(pid: int) -> set[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


@pytest.mark.parametrize(
    ("leaving", "named"),
    [
        ("raise GeneratorExit('enough')", "GeneratorExit: enough"),
        ("raise KeyboardInterrupt('enough')", "KeyboardInterrupt: enough"),
        ("raise type('Odd', (BaseException,), {})('enough')", "Odd: enough"),
        ("import sys; sys.exit('enough')", "it ends Python itself: sys.exit('enough')"),
    ],
)
def test_what_a_revision_raises_at_its_rehearsal_is_its_own(
    af_db: CommandLine, prepared: AlembicProject, postgresql_url: str, leaving: str, named: str
) -> None:
    prepared.add("005", "004", leaving)

    outcome = af_db("prod", "plan", "--json", cwd=prepared.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed"), outcome.out
    assert named in outcome.error["message"]
    assert "005_step_005.py, line" in outcome.error["message"]


@pytest.mark.parametrize(
    "leaving", ["raise GeneratorExit", "raise KeyboardInterrupt", "import sys; sys.exit()"]
)
def test_what_a_file_raises_while_it_is_loaded_is_its_own(
    af_db: CommandLine, prepared: AlembicProject, postgresql_url: str, leaving: str
) -> None:
    path = prepared.add("005", "004")
    path.write_text(f"{leaving}\n{path.read_text()}")

    outcome = af_db("prod", "plan", "--json", cwd=prepared.root, url=postgresql_url)

    assert outcome.code == 2, outcome.out
    assert "005_step_005.py" in outcome.error["message"]
