"""What the benchmarks share: a server, processes that are measured, rounds in turns, and the report.

Only what was measured in one run is compared: all tools take their turn in each round, so that whatever else
the machine does falls on all of them. Nothing here passes or fails; a target is printed beside the ratio.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg2

from benchmarks.picture import Chart, Line
from tests.postgres import throwaway_server

ALEMBIC, AF_DB = "alembic", "af-db"
HEADINGS = ("", "median", "least - most", "ratio", "target")

LAUNCH = """
import json, os, sys, time
said = os.dup(1)
nothing = os.open(os.devnull, os.O_RDWR)
os.dup2(nothing, 0), os.dup2(nothing, 1)
began = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(process, 0)
seconds = time.perf_counter() - began
code = os.waitstatus_to_exitcode(status)
os.write(said, json.dumps([code, seconds, used.ru_maxrss]).encode())
"""
"""A small parent: the kernel counts its memory to the process that it starts."""
PEAK_UNITS_PER_MIB = 1 << 20 if sys.platform == "darwin" else 1 << 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took: seconds by the clock, and MiB at most."""

    seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One quantity in every round of each tool; ratios are of medians, over that of ``against``.

    ``at_most`` is the ratio that af-db is meant to keep to, with ``allowance`` in words.
    """

    name: str
    unit: str
    measured: Mapping[str, Sequence[float]]
    at_most: float | None = None
    allowance: str = ""
    decimals: int = 2
    against: str = ALEMBIC

    def median(self, tool: str) -> float:
        return statistics.median(self.measured[tool])

    def ratio(self, tool: str) -> float:
        return self.median(tool) / self.median(self.against)

    @property
    def document(self) -> dict[str, Any]:
        """The comparison as it stands in the JSON document."""
        return {
            "name": self.name,
            "unit": self.unit,
            "measured": {tool: list(values) for tool, values in self.measured.items()},
            "median": {tool: self.median(tool) for tool in self.measured},
            "ratio_to": self.against,
            "ratio": {tool: self.ratio(tool) for tool in self.measured},
            "target_ratio_at_most": self.at_most,
        }

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """The comparison as lines of the table: its name, then one line for each tool."""
        name = f"{self.name}, {self.unit}" if self.unit else self.name
        return [(name, "", "", "", ""), *map(self._line, self.measured)]

    def _line(self, tool: str) -> tuple[str, ...]:
        values = self.measured[tool]
        low, middle, high = (
            f"{value:,.{self.decimals}f}" for value in (min(values), self.median(tool), max(values))
        )
        ratio = self.ratio(tool)
        target = "" if self.at_most is None or tool != AF_DB else f"at most {self.at_most}{self.allowance}"
        return (f"  {tool}", middle, f"{low} - {high}", f"{ratio:.{2 if ratio >= 0.1 else 3}f}", target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a benchmark found: for people, for programs, and as pictures by name."""

    text: str
    document: Mapping[str, Any]
    charts: Mapping[str, Chart] = field(default_factory=dict)


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    """The URL of a server's maintenance database: the one given, or that of a throwaway server."""
    if url is not None:
        yield url
        return
    with throwaway_server(scram_iterations=4096) as started:
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


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    home: Path,
    url: str,
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command with nothing to read, and return what it cost. Raises RuntimeError where it failed."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCH, *command],
        cwd=folder,
        env=kept | {"HOME": str(home), "DATABASE_URL": url} | dict(environment or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    code, seconds, peak = json.loads(finished.stdout)
    if code != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {code}:\n{finished.stderr}")
    return Cost(seconds=seconds, peak_mib=peak / PEAK_UNITS_PER_MIB)


def in_turns(tools: Sequence[str], rounds: int, measure: Callable[[str], T]) -> dict[str, list[T]]:
    """Measure each tool ``rounds`` times, in turn, there and back.

    A first round warms up and is dropped, unless one round is all that is wanted.
    """
    results: dict[str, list[T]] = {tool: [] for tool in tools}
    for number in range(0 if rounds > 1 else 1, rounds + 1):
        for tool in tools if number % 2 else reversed(tools):
            what = f"round {number} of {rounds}" if number else "warming up"
            print(f"{what}: {tool}", file=sys.stderr, flush=True)  # noqa: T201 - a sign of life
            results[tool].append(measure(tool))
    return {tool: values[-rounds:] for tool, values in results.items()}


def values(measured: Mapping[str, Sequence[T]], value: Callable[[T], float]) -> dict[str, list[float]]:
    """Take one value out of whatever was measured in each round."""
    return {tool: [value(result) for result in results] for tool, results in measured.items()}


def compared(
    benchmark: str,
    settings: Mapping[str, object],
    comparisons: Sequence[Comparison],
    charts: Mapping[str, Chart] | None = None,
) -> Report:
    """Report comparisons."""
    lines = [HEADINGS, *(line for comparison in comparisons for line in comparison.lines)]
    return Report(
        text=f"{heading(benchmark, settings)}\n\n{table(lines)}",
        document={
            "benchmark": benchmark,
            "settings": dict(settings),
            "comparisons": [comparison.document for comparison in comparisons],
        },
        charts=charts or {},
    )


def heading(benchmark: str, settings: Mapping[str, object]) -> str:
    """The line above a table."""
    told = (
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in settings.items()
    )
    return f"{benchmark}: {', '.join(told)}"


def chart(
    title: str, x_label: str, by_size: Mapping[int, Comparison], *, limits: Sequence[str] = ()
) -> Chart:
    """Draw the medians of a comparison that was made with several sizes."""
    largest = by_size[max(by_size)]
    return Chart(
        title=title,
        x_label=x_label,
        y_label=f"median of the wall time, {largest.unit}",
        lines=[
            Line(
                name=tool,
                points=[(size, comparison.median(tool)) for size, comparison in sorted(by_size.items())],
                limit=tool in limits,
            )
            for tool in largest.measured
        ],
    )


def versions(server_url: str) -> dict[str, str]:
    """Return what the numbers depend on."""
    with contextlib.closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        ((postgresql,),) = cursor.fetchall()
    return {
        "processors": str(os.cpu_count()),
        "python": platform.python_version(),
        "postgresql": postgresql,
        **{name: importlib.metadata.version(name) for name in ("alembic", "sqlalchemy", "agent-factory")},
    }


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
