"""One PostgreSQL per test run, one empty database per test, and no environment of the developer's own."""

import collections
import contextlib
import functools
import math
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import settings

from agent_factory import redaction
from agent_factory.url import DatabaseURL, parse_url
from tests.commands import CommandLine, processes
from tests.golden_files import GoldenFiles
from tests.postgres import FOR_SCRATCH, new_database, throwaway_server
from tests.projects import AlembicProject, make_project
from tests.temporary import temporary_files_in_memory

TESTS = Path(__file__).parent
QUICK_CASES = frozenset({TESTS / "unit", TESTS / "integration/catalog"})
"""Where the tests are whose cases take no command each."""
SERVER_VARIABLE = "AF_DB_TEST_URL"
GOES_ON = "goes_on_at_hangup"
WORKERS = 1.5
"""For each processor: many tests wait, for a lock, a limit or another process."""

Templates = Callable[[str, Callable[[str], None]], str]

_run = contextlib.ExitStack()
# A deadline for one example is a test of how busy the machine is.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("whole", max_examples=200, deadline=None)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write the files of tests/golden again.")


@pytest.hookimpl(tryfirst=True)  # before "not slow" is applied
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to ``make test-all`` the cases between the first and the last of a test that runs commands.

    They would take most of the time; the two ends of a list, or of the product of several, differ most.
    """
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if QUICK_CASES.isdisjoint(item.path.parents) and item.get_closest_marker("slow") is None:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for of_one_test in cases.values():
        for item in of_one_test[1:-1]:
            item.add_marker(pytest.mark.slow)


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that owns the run; the workers of pytest-xdist inherit where it is."""
    _let_children_have_signals(config)
    if hasattr(config, "workerinput"):
        return
    _run.enter_context(temporary_files_in_memory())
    if SERVER_VARIABLE not in os.environ:
        server = _run.enter_context(throwaway_server())
        os.environ[SERVER_VARIABLE] = server.url("postgres")
        _run.callback(os.environ.pop, SERVER_VARIABLE)


def _let_children_have_signals(config: pytest.Config) -> None:
    """Have what a test starts end by SIGINT and SIGHUP, even where this process was started to ignore them.

    A shell ignores Ctrl-C in what it starts behind itself, ``nohup`` ignores a terminal that is closed, and
    a program inherits what is ignored, but not what is handled. With ``nohup`` the run, its workers included,
    goes on when its terminal is closed.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    in_controller = getattr(config, "workerinput", {}).get(GOES_ON, False)
    if in_controller or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _go_on)


def _go_on(number: int, frame: object) -> None:
    """What ignores a signal without handing that on."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return math.ceil(WORKERS * (os.cpu_count() or 1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not tested and why: a number of skipped tests looks as if all was well."""
    reasons = collections.Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT TESTED: {reason} ({count} tests)", yellow=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist, which is a child itself, what this process ignores."""
    node.workerinput[GOES_ON] = signal.getsignal(signal.SIGHUP) is _go_on


def pytest_unconfigure(config: pytest.Config) -> None:
    processes.close()
    _run.close()


@pytest.fixture(scope="session", autouse=True)
def _commands_put_together_once() -> Iterator[None]:
    """Typer would build them for each command line, in 8 ms; they hold no state of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def _garbage_collected() -> Iterator[None]:
    """A run takes what is there for what stays, once in its process. Here it would be what other tests have
    left: half a gigabyte at the end, which each process that is forked costs time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.freeze", lambda: None)
        patch.setattr("gc.set_threshold", lambda *_thresholds: None)
        yield


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
    # What one test registers as a secret may be a plain word of another's.
    monkeypatch.setattr(redaction, "_known", dict(redaction._known))
    # Each project puts its folder in front, and whatever is looked up later is looked for in all of them.
    monkeypatch.setattr(sys, "path", list(sys.path))
    # A rehearsal takes a second; the tests that are about it switch it on.
    monkeypatch.setenv("AF_DB_REHEARSAL", "false")


@pytest.fixture
def postgresql_url(server_url: DatabaseURL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    with new_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def templates(server_url: DatabaseURL) -> Iterator[Templates]:
    """``templates("at 001", make)``: a database that ``make(url)`` was called for once, to be copied."""
    made: dict[str, str] = {}
    with contextlib.ExitStack() as stack:

        def template(name: str, make: Callable[[str], None]) -> str:
            if name not in made:
                url = stack.enter_context(new_database(server_url))
                make(url)
                made[name] = url
            return made[name]

        yield template


@pytest.fixture(scope="session")
def scratch_server() -> Iterator[str]:
    """A server for throwaway databases, for AF_DB_SCRATCH_URL: af-db would start one for each rehearsal."""
    with throwaway_server(settings=FOR_SCRATCH) as server:
        yield server.url("postgres")


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
