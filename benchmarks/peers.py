"""The tools that are measured: Alembic, af-db, the peers that can be installed, and the physical limits.

A peer is installed once, with pip or npm, into a folder of its own in the user's cache, which may be deleted
at any time. One that cannot be installed is left out and named.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chain import (
    Step,
    write_alembic,
    write_dbmate,
    write_django,
    write_sql,
    write_yoyo,
)
from benchmarks.measure import AF_DB, ALEMBIC, Cost, run
from tests.postgres import installation

DBMATE, DJANGO, YOYO = "dbmate", "Django", "yoyo"
PSQL, PSYCOPG2 = LIMITS = ("psql, one transaction", "psycopg2, connect and select")

UPGRADE: Mapping[str, tuple[str, ...]] = {
    ALEMBIC: ("upgrade", "head"),
    AF_DB: ("prod", "upgrade", "--yes", "--no-rehearsal"),
    DBMATE: ("migrate",),
    DJANGO: ("migrate",),
    YOYO: ("apply",),
    PSQL: (),
}
"""How each tool applies whatever is pending."""
CURRENT: Mapping[str, tuple[str, ...]] = {
    ALEMBIC: ("current",),
    AF_DB: ("current",),
    DBMATE: ("status",),
    DJANGO: ("showmigrations", "--plan"),
    YOYO: ("list",),
    PSYCOPG2: (),
}
"""How each tool says where the database is."""

CONNECT_AND_SELECT = """
import os, psycopg2
connection = psycopg2.connect(os.environ["DATABASE_URL"])
cursor = connection.cursor()
cursor.execute("SELECT 1")
cursor.fetchall()
connection.close()
"""
URL = "DATABASE_URL"
"""An argument in whose place the URL of the database is put."""
INSTALLING_TAKES_AT_MOST_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program, and how its revisions are written into a folder."""

    name: str
    program: Sequence[str | Path]
    write: Callable[[Path, Sequence[Step]], object]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, arguments: Sequence[str], *, folder: Path, url: str) -> Cost:
        """Run it in the folder of its revisions, as a user whose home is beside that."""
        command = [url if part == URL else part for part in self.program]
        return run(
            [*command, *arguments],
            folder=folder,
            home=folder.with_name("home"),
            url=url,
            environment=self.environment,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools that are there, the versions of the peers among them, and why others are left out."""

    by_name: Mapping[str, Tool]
    versions: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def settings(self) -> dict[str, object]:
        """The peers as they stand in a report."""
        told = ", ".join(f"{name} ({why})" for name, why in self.left_out.items())
        return {**self.versions, **({"left out": told} if told else {})}


@functools.cache
def tools() -> Tools:
    """Install what is not installed yet, and return what is there."""
    by_name, versions, left_out = {}, {}, {}
    beside = Path(sys.executable).with_name
    for name in (ALEMBIC, AF_DB):
        by_name[name] = Tool(name=name, program=(beside(name),), write=write_alembic)
    for name, peer in {DBMATE: _dbmate, DJANGO: _django, YOYO: _yoyo}.items():
        try:
            by_name[name], versions[name] = peer()
        except (OSError, subprocess.SubprocessError) as error:
            print(error, file=sys.stderr)  # noqa: T201 - why it is not there
            left_out[name] = "not installed"
    psql = (installation() / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    by_name[PSQL] = Tool(
        name=PSQL,
        program=(*psql, "--single-transaction", "--file=all.sql", "--dbname", URL),
        write=write_sql,
    )
    by_name[PSYCOPG2] = Tool(
        name=PSYCOPG2, program=(sys.executable, "-c", CONNECT_AND_SELECT), write=write_sql
    )
    return Tools(by_name=by_name, versions=versions, left_out=left_out)


def _dbmate() -> tuple[Tool, str]:
    """The program itself: npm's script around it would start node first."""
    programs = list(_installed(DBMATE, _with_npm, "dbmate").glob("node_modules/@dbmate/*/bin/dbmate"))
    if not programs:
        raise FileNotFoundError("there is no dbmate for this system")
    environment = {"DBMATE_NO_DUMP_SCHEMA": "true", "PGSSLMODE": "disable"}  # it knows no "prefer"
    tool = Tool(name=DBMATE, program=programs[:1], write=write_dbmate, environment=environment)
    return tool, _said(programs[0], "--version").split()[-1]


def _django() -> tuple[Tool, str]:
    python = _installed(DJANGO, _with_pip, "Django", "psycopg[binary]") / "bin" / "python"
    tool = Tool(name=DJANGO, program=(python, "manage.py"), write=write_django)
    return tool, _said(python, "-m", "django", "--version")


def _yoyo() -> tuple[Tool, str]:
    programs = _installed(YOYO, _with_pip, "yoyo-migrations", "psycopg2-binary") / "bin"
    asked = "from importlib.metadata import version; print(version('yoyo-migrations'))"
    return Tool(name=YOYO, program=(programs / "yoyo",), write=write_yoyo), _said(
        programs / "python", "-c", asked
    )


def _installed(name: str, install: Callable[..., None], *packages: str) -> Path:
    """Return the folder with these packages; install them unless an earlier run has."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "af-db-benchmarks" / name
    complete = folder / "complete"
    if not complete.exists():
        print(f"installing {name}", file=sys.stderr, flush=True)  # noqa: T201 - a sign of life
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder, *packages)
        complete.touch()
    return folder


def _with_pip(folder: Path, *packages: str) -> None:
    _said(sys.executable, "-m", "venv", folder)
    _said(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages)


def _with_npm(folder: Path, *packages: str) -> None:
    _said("npm", "install", "--prefix", folder, *packages)


def _said(*command: str | Path) -> str:
    """Run a command and return what it said. Raises CalledProcessError where it failed."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=INSTALLING_TAKES_AT_MOST_S,
    ).stdout.strip()
