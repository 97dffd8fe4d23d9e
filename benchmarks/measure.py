"""What the benchmarks share: a project, a server, rounds that alternate, and the report.

Only what was measured in one run is compared: the rounds of both tools alternate, so that whatever else the
machine does falls on both. Nothing here passes or fails; a target is printed beside the ratio.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg2

from tests.postgres import throwaway_server
from tests.projects import AlembicProject, make_project

ALEMBIC, AF_DB = TOOLS = ("alembic", "af-db")
UPGRADE = {ALEMBIC: ("upgrade",), AF_DB: ("prod", "upgrade", "--yes", "--no-rehearsal")}

ENV_PY = """
import os

import sqlalchemy as sa
from alembic import context


def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = sa.make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg2")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        migrate(connection)
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One quantity in every round of both tools; the ratio is of the medians, af-db's over Alembic's."""

    name: str
    unit: str
    measured: Mapping[str, Sequence[float]]
    at_most: float | None = None
    decimals: int = 2

    def median(self, tool: str) -> float:
        return statistics.median(self.measured[tool])

    @property
    def ratio(self) -> float:
        return self.median(AF_DB) / self.median(ALEMBIC)

    @property
    def document(self) -> dict[str, Any]:
        """The comparison as it stands in the JSON document."""
        return {
            "name": self.name,
            "unit": self.unit,
            "measured": {tool: list(values) for tool, values in self.measured.items()},
            "median": {tool: self.median(tool) for tool in self.measured},
            "ratio": self.ratio,
            "target_ratio_at_most": self.at_most,
        }

    @property
    def cells(self) -> tuple[str, ...]:
        """The comparison as a line of the table."""

        def told(values: Sequence[float]) -> str:
            low, middle, high = (
                f"{value:.{self.decimals}f}"
                for value in (min(values), statistics.median(values), max(values))
            )
            return f"{middle} ({low} - {high})"

        target = "" if self.at_most is None else f"at most {self.at_most}"
        name = f"{self.name}, {self.unit}" if self.unit else self.name
        return (name, *(told(self.measured[tool]) for tool in TOOLS), f"{self.ratio:.2f}", target)


def command_line(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=(description or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=rounds, help="measured rounds of each tool")
    parser.add_argument(
        "--server", metavar="URL", help="a PostgreSQL of yours; the throwaway one has fsync off"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    return parser


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    """The URL of a server's maintenance database: the one given, or that of a throwaway server."""
    if url is not None:
        yield url
        return
    with throwaway_server() as started:
        yield started.url("postgres")


@contextlib.contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database that lives as long as the block.

    Commits are synchronous, as in production and as af-db demands; the tests' server has that off.
    """
    name = f"af_db_benchmark_{uuid.uuid4().hex}"
    with contextlib.closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE DATABASE {name}")
        cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
        try:
            yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def project_in(folder: Path) -> AlembicProject:
    """An Alembic project in ``folder`` without revisions, for both tools, one transaction per revision."""
    project = make_project(folder / "project")
    project.env_py.write_text(ENV_PY)
    return project


@contextlib.contextmanager
def upgrading(
    tool: str, project: AlembicProject, url: str, revision: str = "head"
) -> Iterator["subprocess.Popen[str]"]:
    """Start the installed tool; leaving the block waits for it, and raises RuntimeError when it failed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(tool)), *UPGRADE[tool], revision],
        cwd=project.root,
        env=kept | {"DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
        said, _ = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{tool} ended with {process.returncode}:\n{said}")


def timed_upgrade(tool: str, project: AlembicProject, url: str, revision: str = "head") -> float:
    """Upgrade, and return the seconds from the process's start to its end."""
    began = time.perf_counter()
    with upgrading(tool, project, url, revision):
        pass
    return time.perf_counter() - began


def in_turns(rounds: int, measure: Callable[[str], T]) -> dict[str, list[T]]:
    """Measure each tool ``rounds`` times in the order A B B A; a first round warms up and is dropped."""
    results: dict[str, list[T]] = {tool: [] for tool in TOOLS}
    for number in range(rounds + 1):
        for tool in TOOLS if number % 2 else reversed(TOOLS):
            what = f"round {number} of {rounds}" if number else "warming up"
            print(f"{what}: {tool}", file=sys.stderr, flush=True)  # noqa: T201 - a sign of life
            results[tool].append(measure(tool))
    return {tool: values[1:] for tool, values in results.items()}


def compare(
    name: str,
    unit: str,
    measured: Mapping[str, Sequence[T]],
    value: Callable[[T], float],
    *,
    at_most: float | None = None,
    decimals: int = 2,
) -> Comparison:
    """Compare the tools by one value of what was measured in each round."""
    values = {tool: [value(result) for result in results] for tool, results in measured.items()}
    return Comparison(name=name, unit=unit, measured=values, at_most=at_most, decimals=decimals)


def report(
    benchmark: str, settings: Mapping[str, object], comparisons: Sequence[Comparison], *, as_json: bool
) -> None:
    """Print what was measured, as a table or as one JSON document."""
    versions = {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in ("alembic", "sqlalchemy", "agent-factory")
    }
    if as_json:
        document = {
            "benchmark": benchmark,
            "settings": dict(settings),
            "versions": versions,
            "comparisons": [comparison.document for comparison in comparisons],
        }
        print(json.dumps(document, indent=2))  # noqa: T201 - this is the program's output
        return
    told = ", ".join(f"{name} {value}" for name, value in {**settings, **versions}.items())
    headings = ("median (least - most)", *TOOLS, "ratio", "target")
    lines = [headings, *(comparison.cells for comparison in comparisons)]
    print(f"{benchmark}: {told}\n\n{table(lines)}")  # noqa: T201 - this is the program's output


def table(lines: Sequence[Sequence[str]]) -> str:
    """Set lines of cells in columns: the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
