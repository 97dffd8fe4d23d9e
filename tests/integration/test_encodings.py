"""Text that some encoding has no character for: it is shown and kept as an escape, and ends no run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.commands import INSTALLED, CommandLine, bare_environment, run_installed
from tests.postgres import administering
from tests.projects import AlembicProject

ODD = "\u20ac \u0394\u65e5 Jos\u00e9 \U0001f40d"


@pytest.fixture
def other_url(request: pytest.FixtureRequest, server_url: DatabaseURL) -> Iterator[str]:
    name = f"af_db_in_{request.param.lower()}"
    with administering(server_url) as cursor:
        made = f"CREATE DATABASE {name} ENCODING '{request.param}' TEMPLATE template0"
        cursor.execute(f"{made} LC_COLLATE 'C' LC_CTYPE 'C'")
        try:
            yield f"postgresql://{server_url.user}:{server_url.password}@{server_url.host}:{server_url.port}/{name}"
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def journalled(url: str) -> list[tuple[str, str, str | None]]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT revision, source, error FROM af_db.journal WHERE state <> 'started' ORDER BY id"
        )
        return cursor.fetchall()


@pytest.mark.parametrize(
    ("other_url", "client"),
    [
        ("LATIN1", None),
        ("LATIN1", "UTF8"),
        ("LATIN1", "SQL_ASCII"),
        ("SQL_ASCII", None),
        ("SQL_ASCII", "UTF8"),
        ("SQL_ASCII", "LATIN1"),
        ("WIN1252", None),
        ("WIN1252", "UTF8"),
        ("EUC_JP", None),
        ("UTF8", "LATIN1"),
        ("UTF8", "SQL_ASCII"),
    ],
    indirect=["other_url"],
)
def test_a_database_that_cannot_hold_what_a_file_holds(
    af_db: CommandLine,
    project: AlembicProject,
    other_url: str,
    client: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A comment needs no character of the database's: plain Alembic runs such a revision."""
    if client is not None:
        monkeypatch.setenv("PGCLIENTENCODING", client)
    project.add("002", "001", f"op.execute('CREATE TABLE b (n int)')  # {ODD}", name="002_step_002.py")
    project.add("003", "002", f"raise ValueError({ODD!r} + '\\0' + '\\udcff')", name="003_step_003.py")

    outcome = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=other_url)

    assert (outcome.code, outcome.error["code"]) == (7, "revision-failed"), outcome.err
    assert ODD in outcome.error["message"]
    assert r"\x00\udcff" in outcome.error["message"]
    monkeypatch.delenv("PGCLIENTENCODING", raising=False)
    (_first, (_, source, _none), (_, _source, error)) = journalled(other_url)
    assert "# " in source
    assert r"\x00\udcff" in str(error)
    unchanged = af_db("prod", "history", "--diff", cwd=project.root, url=other_url)
    assert (unchanged.code, "edited" in unchanged.out) == (0, False)


@pytest.mark.parametrize(
    "raised",
    [
        pytest.param("ValueError('a\\0b')", id="a NUL"),
        pytest.param("ValueError('\\udcff')", id="half of a surrogate pair"),
        pytest.param(
            "type('E', (Exception,), {'__str__': lambda self: 1 / 0})()", id="a __str__ that raises"
        ),
        pytest.param("type('E', (Exception,), {'__str__': lambda self: 1})()", id="a __str__ of no text"),
        pytest.param("type('E\\udcff', (Exception,), {})('x')", id="a class of an odd name"),
        pytest.param("ValueError('')", id="nothing"),
        pytest.param("ValueError('\\n\\n')", id="empty lines"),
        pytest.param("SystemExit('\\0')", id="sys.exit with a NUL"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_whatever_an_exception_says_is_reported(
    af_db: CommandLine, project: AlembicProject, database_url: str, raised: str, form: tuple[str, ...]
) -> None:
    project.add("002", "001", f"raise {raised}", name="002_step_002.py")

    outcome = af_db("local", "upgrade", *form, cwd=project.root, url=database_url)

    assert outcome.code == 7, outcome.err
    assert "revision 002 failed" in outcome.out + outcome.err
    (outcome.out + outcome.err).encode()
    if database_url.startswith("postgresql"):
        assert [revision for revision, *_ in journalled(database_url)] == ["001", "002"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
@pytest.mark.parametrize("command", ["local history", "prod history", "local plan", "current", "check"])
def test_a_stream_that_cannot_show_every_character(
    project: AlembicProject, postgresql_url: str, encoding: str, command: str
) -> None:
    project.add("004", "003", message=ODD, name="004_odd.py")
    run_installed("prod", "upgrade", "003", "--yes", cwd=project.root, url=postgresql_url)

    finished = subprocess.run(
        [str(INSTALLED), *command.split()],
        cwd=project.root,
        env=bare_environment(postgresql_url) | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )

    assert finished.returncode in (0, 3), finished.stderr
    assert b"Traceback" not in finished.stderr
    (finished.stdout + finished.stderr).decode(encoding)


def test_a_file_that_declares_its_encoding(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    path = project.add(
        "004", "003", "op.execute(\"CREATE TABLE d (t text DEFAULT 'Jos\u00e9')\")", name="004_d.py"
    )
    path.write_bytes(b"# -*- coding: latin-1 -*-\n" + path.read_text().encode("latin-1"))

    outcome = af_db("local", "upgrade", cwd=project.root, url=database_url)

    assert outcome.code == 0, outcome.err


@pytest.mark.slow
def test_an_environment_that_is_no_utf8(project: AlembicProject, sqlite_url: str) -> None:
    environment = {
        os.fsencode(name): os.fsencode(value) for name, value in bare_environment(sqlite_url).items()
    }
    for name in (b"ODD", b"AF_DB_X", b"CI_JOB_URL", b"SUPABASE_URL", b"BUILD_URL"):
        finished = subprocess.run(
            [str(INSTALLED), "local", "upgrade"],
            cwd=project.root,
            env={**environment, name: b"\xff\xfe"},
            capture_output=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
    for command in ("local upgrade", "prod upgrade --yes", "current", "prod plan", "check"):
        finished = subprocess.run(
            [str(INSTALLED), *command.split()],
            cwd=project.root,
            env={**environment, b"DATABASE_URL": b"postgresql://u\xff:p\xfe@127.0.0.1:1/d\xff"},
            capture_output=True,
            check=False,
        )
        assert finished.returncode in (0, 2, 3, 5), finished.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param("af-db current", 2, id="quickly"),
        pytest.param("af-db local upgrade", 2, id="a run"),
        pytest.param("af-db check --json", 2, id="a check"),
        pytest.param("af-db -c {config} local upgrade", 0, id="a project that is named"),
    ],
)
@pytest.mark.slow
def test_a_working_directory_that_is_gone(
    project: AlembicProject, sqlite_url: str, tmp_path: Path, command: str, code: int
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = command.replace("af-db", str(INSTALLED)).format(config=project.config)

    finished = subprocess.run(
        ["/bin/sh", "-c", f"rmdir {gone}; {command}"],
        cwd=gone,
        env=bare_environment(sqlite_url),
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == code, finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    "command", ["current", "local upgrade", "prod upgrade", "prod plan", "nonsense", "check"]
)
def test_streams_that_are_closed(
    project: AlembicProject, postgresql_url: str, streams: str, command: str
) -> None:
    finished = subprocess.run(
        ["/bin/sh", "-c", f"{INSTALLED} {command} {streams}"],
        cwd=project.root,
        env=bare_environment(postgresql_url),
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode in (0, 2, 3, 4), finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    "line",
    [
        "import sys; sys.stdout = None",
        "import sys; sys.stdout = sys.stderr = None",
        "import sys; sys.stdout.close()",
        "import sys, io; sys.stdout = sys.stderr = io.StringIO()",
        "import os; os.close(1)",
        "import sys; sys.stdout.buffer.write('\u20ac\\n'.encode())",
    ],
)
def test_a_revision_that_takes_the_streams(project: AlembicProject, postgresql_url: str, line: str) -> None:
    project.add("002", "001", line, name="002_step_002.py")

    outcome = run_installed("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert (outcome.code, "Traceback" in outcome.err) == (0, False), outcome.err


@pytest.mark.slow
def test_a_keeper_that_cannot_start(project: AlembicProject, postgresql_url: str, tmp_path: Path) -> None:
    """Python itself cannot be executed any more, so no throwaway server can be started by it."""
    wrapper = tmp_path / "run.py"
    wrapper.write_text(
        "import sys\nsys.executable = '/dev/null'\nfrom agent_factory.migrate.__main__ import main\nmain()\n"
    )

    finished = subprocess.run(
        [sys.executable, str(wrapper), "prod", "plan"],
        cwd=project.root,
        env=bare_environment(postgresql_url) | {"AF_DB_REHEARSAL": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    assert "not rehearsed" in finished.stdout
    assert "cannot be started: Permission denied" in finished.stdout
