"""How long an application stands still while a migration waits behind somebody's open transaction.

An application reads and writes a table in short transactions. Another session has read the table and keeps
its transaction open. The migration adds a column to the table, so it has to wait for that session, and
whoever comes after the migration has to wait for the migration.
"""

import contextlib
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.measure import (
    command_line,
    compare,
    fresh_database,
    in_turns,
    project_in,
    report,
    server,
    upgrading,
)
from tests.projects import AlembicProject

CREATE = """
op.create_table("account", sa.Column("id", sa.Integer, primary_key=True), sa.Column("balance", sa.Integer))
op.execute("INSERT INTO account SELECT n, 0 FROM generate_series(1, 1000) n")
"""
ALTER = 'op.add_column("account", sa.Column("note", sa.Text))'

READ = "SELECT balance FROM account WHERE id = 1"
WRITE = "UPDATE account SET balance = balance + 1 WHERE id = 2"
PAUSE_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What the application saw of one migration."""

    worst_stall_s: float
    queries: int
    migration_s: float


@contextlib.contextmanager
def application(url: str) -> Iterator[list[float]]:
    """Read and write in turns until the block ends; the list holds the seconds that each query took."""
    stop = threading.Event()
    latencies: list[float] = []

    def work() -> None:
        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            for query in itertools.cycle((READ, WRITE)):
                began = time.perf_counter()
                cursor.execute(query)
                latencies.append(time.perf_counter() - began)
                if stop.wait(PAUSE_S):
                    return

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        try:
            yield latencies
        finally:
            stop.set()
        working.result()


def migrate_behind_a_reader(tool: str, project: AlembicProject, server_url: str, hold_s: float) -> Experience:
    """Let the tool add the column while a session that read the table stays in its transaction."""
    with fresh_database(server_url) as url:
        with upgrading(tool, project, url, "001"):
            pass
        with application(url) as latencies, contextlib.closing(psycopg2.connect(url)) as reader:
            reader.cursor().execute(READ)
            began = time.perf_counter()
            with upgrading(tool, project, url):
                time.sleep(hold_s)
                reader.rollback()
            migration_s = time.perf_counter() - began
        return Experience(worst_stall_s=max(latencies), queries=len(latencies), migration_s=migration_s)


def main(arguments: Sequence[str]) -> None:
    """Measure, and print the report."""
    parser = command_line(__doc__, rounds=5)
    parser.add_argument("--hold", type=float, default=4.0, metavar="S", help="length of the open transaction")
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory() as folder, server(options.server) as server_url:
        project = project_in(Path(folder))
        project.add("001", None, CREATE)
        project.add("002", "001", ALTER)
        measured = in_turns(
            options.rounds, lambda tool: migrate_behind_a_reader(tool, project, server_url, options.hold)
        )

    report(
        "stall",
        {"rounds": options.rounds, "hold_s": options.hold},
        [
            compare(
                "worst stall of a query",
                "s",
                measured,
                lambda seen: seen.worst_stall_s,
                at_most=0.1,
                decimals=3,
            ),
            compare("queries served", "", measured, lambda seen: seen.queries, decimals=0),
            compare("the migration took", "s", measured, lambda seen: seen.migration_s),
        ],
        as_json=options.json,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
