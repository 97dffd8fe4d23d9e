"""Running ``af-db`` as a user does: in this process for speed, installed in a subprocess for truth."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_factory.migrate.cli.main import run as run_command_line

INSTALLED = Path(sys.executable).with_name("af-db")


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
        return Outcome(code=code, out=said.out, err=said.err)


def run_installed(
    *arguments: str, cwd: Path, url: str | None = None, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run the installed console script, without a terminal and with a bare environment."""
    finished = subprocess.run(
        [str(INSTALLED), *arguments],
        cwd=cwd,
        env=bare_environment(url) | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(code=finished.returncode, out=finished.stdout, err=finished.stderr)


def bare_environment(url: str | None) -> dict[str, str]:
    """The environment of a container: a path, a home, and the database; plans are not rehearsed."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return environment | {"AF_DB_REHEARSAL": "false"} | ({"DATABASE_URL": url} if url else {})
