"""Running ``af-db`` as a user does.

In this process for speed; in one of its own, forked from a warm one, where it is killed or one of several;
the installed script itself for truth.
"""

import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_factory.migrate.cli.main import run as run_command_line
from tests.json_schemas import validate_document, validate_events
from tests.warm import WarmProcess, WarmServer, can_be_warm, warm_server

INSTALLED = Path(sys.executable).with_name("af-db")
TIMEOUT_S = 60
_KEPT = ("PATH", "HOME", "LANG")
_MEASURED = "COVERAGE_PROCESS_CONFIG"
"""Set where the lines are counted that the tests execute, so that those of other processes count too."""
processes = contextlib.ExitStack()
"""What has to end with the test run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        validate_document(document)
        return document

    @property
    def error(self) -> dict[str, Any]:
        """The error of the JSON document."""
        error: dict[str, Any] = self.document["error"]
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """``af-db`` in process, in one folder, with ``DATABASE_URL`` in the environment."""

    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *arguments: str, cwd: Path, url: str | None = None) -> Outcome:
        self.monkeypatch.chdir(cwd)
        if url is None:
            self.monkeypatch.delenv("DATABASE_URL", raising=False)
        else:
            self.monkeypatch.setenv("DATABASE_URL", url)
        self.capture.readouterr()
        code = run_command_line(list(arguments))
        said = self.capture.readouterr()
        validate_events(said.err)
        return Outcome(code=code, out=said.out, err=said.err)


def run_installed(
    *arguments: str, cwd: Path, url: str | None = None, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run the installed console script, without a terminal and with a bare environment."""
    return run_process(*arguments, cwd=cwd, url=url, environment=environment, anew=True)


def run_process(
    *arguments: str,
    cwd: Path,
    url: str | None = None,
    environment: Mapping[str, str] | None = None,
    program: str = "af-db",
    anew: bool = False,
) -> Outcome:
    """Run ``af-db``, or another console script, to its end as ``start_process`` starts it."""
    process = start_process(*arguments, cwd=cwd, url=url, environment=environment, program=program, anew=anew)
    said: dict[str, str] = {}

    def read(name: str) -> None:
        with getattr(process, name) as stream:
            said[name] = stream.read()

    readers = [threading.Thread(target=read, args=(name,), daemon=True) for name in ("stdout", "stderr")]
    for reader in readers:
        reader.start()
    try:
        code = process.wait(TIMEOUT_S)
    finally:
        process.kill()
        for reader in readers:
            reader.join(TIMEOUT_S)
    return Outcome(code=code, out=said["stdout"], err=said["stderr"])


def start_process(
    *arguments: str,
    cwd: Path,
    url: str | None = None,
    environment: Mapping[str, str] | None = None,
    program: str = "af-db",
    anew: bool = False,
) -> "subprocess.Popen[str] | WarmProcess":
    """Start ``af-db``, or another console script, in a process and session of its own.

    It gets a bare environment, and both its streams are to be read. ``anew`` starts an interpreter for it.
    """
    whole = bare_environment(url) | dict(environment or {})
    if not anew and can_be_warm(environment or {}):
        return the_warm_server().start(program, *arguments, cwd=cwd, environment=whole)
    return subprocess.Popen(
        [str(INSTALLED.with_name(program)), *arguments],
        cwd=cwd,
        env=whole,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a signal that the test run gets is not theirs
    )


@functools.cache
def the_warm_server() -> WarmServer:
    """The one of this test process, which starts when it is needed first."""
    return processes.enter_context(warm_server())


def bare_environment(url: str | None) -> dict[str, str]:
    """The environment of a container: a path, a home, and the database; plans are not rehearsed."""
    environment = {name: os.environ[name] for name in (*_KEPT, _MEASURED) if name in os.environ}
    return environment | {"AF_DB_REHEARSAL": "false"} | ({"DATABASE_URL": url} if url else {})
