"""How long an application stands still while a migration waits behind somebody's open transaction.

An application reads and writes a table in short transactions. Another session has read the table and keeps
its transaction open. The migration adds a column to the table, so it has to wait for that session, and
whoever comes after the migration has to wait for the migration.
"""

import argparse
import contextlib
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.chain import Step
from benchmarks.measure import Comparison, Report, compared, fresh_database, in_turns, values
from benchmarks.peers import LIMITS, UPGRADE, Tool, tools

ROWS = "INSERT INTO account SELECT n, 0 FROM generate_series(1, 1000) n"
CREATE = Step(
    op=f"""
op.create_table("account", sa.Column("id", sa.Integer, primary_key=True), sa.Column("balance", sa.Integer))
op.execute("{ROWS}")
""",
    sql=f"CREATE TABLE account (id integer PRIMARY KEY, balance integer);\n{ROWS};",
    operations=f"""
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.IntegerField(primary_key=True)),
                ("balance", models.IntegerField(null=True)),
            ],
            options={{"db_table": "account"}},
        ),
        migrations.RunSQL("{ROWS}"),
""",
)
ALTER = Step(
    op='op.add_column("account", sa.Column("note", sa.Text))',
    sql="ALTER TABLE account ADD COLUMN note text;",
    operations='migrations.AddField("account", "note", models.TextField(null=True))',
)

READ = "SELECT balance FROM account WHERE id = 1"
WRITE = "UPDATE account SET balance = balance + 1 WHERE id = 2"
PAUSE_S = 0.002

AT_MOST = {4.0: 0.1}
ROUNDS = 5
SHORT = {"rounds": 1, "hold": 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What the application saw of one migration."""

    worst_stall_s: float
    queries: int
    migration_s: float


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hold", type=float, default=4.0, metavar="S", help="length of the open transaction")


def measure(options: argparse.Namespace, server_url: str) -> Report:
    there = tools().by_name
    names = [name for name in UPGRADE if name in there and name not in LIMITS]
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            there[name].write(Path(folder, name, "before"), [CREATE])
            there[name].write(Path(folder, name, "after"), [CREATE, ALTER])
        measured = in_turns(
            names,
            options.rounds,
            lambda name: _migrate_behind_a_reader(there[name], Path(folder, name), server_url, options.hold),
        )
    return compared(
        "stall",
        {"rounds": options.rounds, "hold_s": options.hold} | tools().settings,
        [
            Comparison(
                name="worst stall of a query",
                unit="s",
                measured=values(measured, lambda seen: seen.worst_stall_s),
                at_most=AT_MOST.get(options.hold),
                decimals=3,
            ),
            Comparison(
                name="queries served",
                unit="",
                measured=values(measured, lambda seen: seen.queries),
                decimals=0,
            ),
            Comparison(
                name="the migration took", unit="s", measured=values(measured, lambda seen: seen.migration_s)
            ),
        ],
    )


def _migrate_behind_a_reader(tool: Tool, folder: Path, server_url: str, hold_s: float) -> Experience:
    """Let the tool add the column while a session that read the table stays in its transaction."""
    upgrade = UPGRADE[tool.name]
    with fresh_database(server_url) as url:
        tool.run(upgrade, folder=folder / "before", url=url)
        with (
            _application(url) as latencies,
            contextlib.closing(psycopg2.connect(url)) as reader,
            ThreadPoolExecutor(1) as threads,
        ):
            reader.cursor().execute(READ)
            migrating = threads.submit(tool.run, upgrade, folder=folder / "after", url=url)
            time.sleep(hold_s)
            reader.rollback()
            migration_s = migrating.result().seconds
        return Experience(worst_stall_s=max(latencies), queries=len(latencies), migration_s=migration_s)


@contextlib.contextmanager
def _application(url: str) -> Iterator[list[float]]:
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
