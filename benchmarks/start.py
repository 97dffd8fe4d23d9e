"""Start-up and looking: what a command costs that changes nothing, beside plain Alembic.

Nothing is pending: the database is at the head of a history of 2, 1,000 or 5,000 revisions. Measured are the
wall time of the whole process and its peak memory, as the kernel counts it for the process alone.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.measure import (
    AF_DB,
    ALEMBIC,
    Comparison,
    command_line,
    compare,
    fresh_database,
    in_turns,
    project_in,
    report,
    server,
)
from tests.projects import AlembicProject

FEW, MANY, MOST = 2, 1_000, 5_000
LONG_AGO = 1_700_000_000

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took: seconds by the clock, and MiB at most."""

    seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command of each tool on a database at the head of ``revisions`` revisions, and the target."""

    name: str
    revisions: int
    af_db: tuple[str, ...]
    alembic: tuple[str, ...]
    at_most: float
    memory_at_most: float | None = None


CASES = (
    Case(name="--version", revisions=FEW, af_db=("--version",), alembic=("--help",), at_most=0.15),
    Case(name="--help", revisions=FEW, af_db=("--help",), alembic=("--help",), at_most=0.5),
    *(
        Case(
            name="current",
            revisions=count,
            af_db=("current",),
            alembic=("current",),
            at_most=at_most,
            memory_at_most=0.5,
        )
        for count, at_most in ((FEW, 0.2), (MOST, 0.02))
    ),
    *(
        Case(
            name="upgrade, nothing to do",
            revisions=count,
            af_db=("local", "upgrade"),
            alembic=("upgrade", "head"),
            at_most=at_most,
        )
        for count, at_most in ((FEW, 0.25), (MANY, 0.15), (MOST, 0.1))
    ),
    Case(name="history", revisions=MOST, af_db=("local", "history"), alembic=("history",), at_most=0.3),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line(__doc__, rounds=7)
    parser.add_argument("--most", type=int, default=MOST, help="revisions of the longest history")
    options = parser.parse_args(arguments)
    comparisons: list[Comparison] = []
    with tempfile.TemporaryDirectory() as folder, server(options.server) as server_url:
        for count in (FEW, MANY, MOST):
            length = min(count, options.most)
            project = _project(Path(folder, str(count)), length)
            with fresh_database(server_url) as url:
                _write_head(url, length)
                for case in (case for case in CASES if case.revisions == count):
                    comparisons += _measure(case, project, url, Path(folder, "home"), options.rounds)
    report("start", {"rounds": options.rounds, "longest": options.most}, comparisons, as_json=options.json)


def _project(folder: Path, length: int) -> AlembicProject:
    folder.mkdir()
    project = project_in(folder)
    for number in range(1, length + 1):
        project.add(f"{number:05}", f"{number - 1:05}" if number > 1 else None)
    for path in folder.rglob("*.*"):
        os.utime(path, (LONG_AGO, LONG_AGO))  # af-db does not trust the times of files that are new
    return project


def _write_head(url: str, length: int) -> None:
    """Have the database be at the head: no revision of these does anything."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        cursor.execute("INSERT INTO alembic_version VALUES (%s)", [f"{length:05}"])


def _measure(case: Case, project: AlembicProject, url: str, home: Path, rounds: int) -> list[Comparison]:
    commands = {AF_DB: case.af_db, ALEMBIC: case.alembic}

    def run(tool: str) -> Cost:
        return _run((str(Path(sys.executable).with_name(tool)), *commands[tool]), project, url, home)

    measured = in_turns(rounds, run)
    name = f"{case.name}, {case.revisions:,} revisions"
    found = [compare(name, "ms", measured, _milliseconds, at_most=case.at_most, decimals=0)]
    if case.memory_at_most is not None:
        found.append(
            compare(
                f"peak memory of {name}",
                "MiB",
                measured,
                lambda cost: cost.peak_mib,
                at_most=case.memory_at_most,
                decimals=1,
            )
        )
    return found


def _milliseconds(cost: Cost) -> float:
    return cost.seconds * 1000


def _run(command: Sequence[str], project: AlembicProject, url: str, home: Path) -> Cost:
    """Run a command, and return what it cost. Raises RuntimeError where it failed."""
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCH, *command],
        cwd=project.root,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    code, seconds, peak_kib = json.loads(finished.stdout)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{finished.stderr}")
    return Cost(seconds=seconds, peak_mib=peak_kib / 1024)


if __name__ == "__main__":
    main()
