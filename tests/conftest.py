"""One PostgreSQL per test run, one empty database per test, and no environment of the developer's own."""

import contextlib
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.commands import CommandLine
from tests.golden_files import GoldenFiles
from tests.postgres import throwaway_server
from tests.projects import AlembicProject, make_project

SERVER_VARIABLE = "AF_DB_TEST_URL"
_run = contextlib.ExitStack()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write the files of tests/golden anew.")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that owns the run; the workers of pytest-xdist inherit where it is."""
    # A shell ignores Ctrl-C in what it starts behind itself, and what a test starts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput") and SERVER_VARIABLE not in os.environ:
        server = _run.enter_context(throwaway_server())
        os.environ[SERVER_VARIABLE] = server.url("postgres")
        _run.callback(os.environ.pop, SERVER_VARIABLE)


def pytest_unconfigure(config: pytest.Config) -> None:
    _run.close()


@pytest.fixture(scope="session")
def server_url() -> DatabaseURL:
    """The server's maintenance database, as a role that may create databases and roles."""
    return parse_url(os.environ[SERVER_VARIABLE])


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, server_url: DatabaseURL) -> None:
    """Hide what the developer's shell says to PostgreSQL, to the settings and to terminals.

    It needs the server's address read first, since that is hidden too.
    """
    for name in list(os.environ):
        if name.startswith(("PG", "SUPABASE_", "AF_DB_")) or name in {
            *("DATABASE_URL", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "CI"),
            *("GITHUB_ACTIONS", "PY_COLORS"),
        }:
            monkeypatch.delenv(name)
    # A rehearsal takes a second; the tests that are about it switch it on.
    monkeypatch.setenv("AF_DB_REHEARSAL", "false")


@pytest.fixture
def postgresql_url(server_url: DatabaseURL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    name = f"af_db_{uuid.uuid4().hex}"
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    login = f"{server_url.user}:{server_url.password}"
    try:
        yield f"postgresql://{login}@{server_url.host}:{server_url.port or 5432}/{name}"
    finally:
        with administering(server_url) as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def administering(server: DatabaseURL) -> Iterator["psycopg2.extensions.cursor"]:
    """A cursor in autocommit, for what PostgreSQL does not do in a transaction."""
    connection = psycopg2.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname=server.database
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'agent_factory.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind, in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def af_db(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """``af-db`` in this process: ``af_db("local", "upgrade", cwd=folder, url=url)``."""
    return CommandLine(capture=capsys, monkeypatch=monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> AlembicProject:
    """An Alembic project of its own with the revisions 001, 002 and 003, each of which makes a table."""
    return make_project(tmp_path / f"project_{uuid.uuid4().hex[:8]}", tables=3)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> GoldenFiles:
    """Compare a text with a file: ``golden("plan/plain.txt", text)``."""
    return GoldenFiles(updates=request.config.getoption("--update-golden"))
