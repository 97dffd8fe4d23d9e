"""How close the forecast of a statement's blocking time comes, on tables that are filled.

Each statement is traced on a database without rows, as a rehearsal does, and the forecast is made from that
and from the sizes of the filled tables. Then it runs on those, in a transaction of its own, while another
session takes a writer's lock on the same table again and again: the longest wait of that session is what was
measured. The transaction is rolled back, so that every round finds the same.
"""

import argparse
import contextlib
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.sizes import TableSize, table_sizes
from agent_factory.migrate.rehearsal.trace import tracing
from agent_factory.migrate.review.forecast import Estimate, estimate
from benchmarks.measure import Report, fresh_database, heading, table

FACTOR = 3
PAUSE_S = 0.001
ROUNDS = 3
SHORT = {"rounds": 1, "rows": [20_000]}

TABLES = """
CREATE TABLE customer (id integer PRIMARY KEY, name text);
CREATE TABLE payment (id bigint PRIMARY KEY, amount numeric(12,2));
CREATE TABLE invoice (id bigint PRIMARY KEY, customer_id integer, email text, amount numeric(12,2),
                      status varchar(20), note text, payload jsonb, created_at timestamptz);
CREATE INDEX invoice_customer_id ON invoice (customer_id);
"""
ROWS = """
INSERT INTO customer SELECT n, 'customer ' || n FROM generate_series(1, {rows} / 10) n;
INSERT INTO payment SELECT n, n FROM generate_series(1, {rows}) n;
INSERT INTO invoice
SELECT n, 1 + (random() * ({rows} / 10 - 1))::int, md5(n::text) || '@example.com',
       (1 + random() * 1000)::numeric(12,2), (ARRAY['new', 'open', 'paid'])[1 + n % 3],
       repeat('x', (random() * 60)::int), jsonb_build_object('a', n % 1000, 'b', md5((n % 100)::text)),
       now() - random() * 10000000 * interval '1 s'
FROM generate_series(1, {rows}) n;
"""
STATEMENTS = {
    "CREATE INDEX, integer": "CREATE INDEX i ON invoice (customer_id)",
    "CREATE INDEX, time and number": "CREATE INDEX i ON invoice (created_at, amount)",
    "CREATE INDEX, text": "CREATE INDEX i ON invoice (email)",
    "CREATE INDEX, lower(text)": "CREATE UNIQUE INDEX i ON invoice (lower(email))",
    "CREATE INDEX, gin": "CREATE INDEX i ON invoice USING gin (payload)",
    "SET NOT NULL": "ALTER TABLE invoice ALTER COLUMN amount SET NOT NULL",
    "ADD CHECK, number": "ALTER TABLE invoice ADD CONSTRAINT c CHECK (amount > 0)",
    "ADD CHECK, pattern": "ALTER TABLE invoice ADD CONSTRAINT c CHECK (email ~ '@')",
    "ADD FOREIGN KEY, to a tenth": (
        "ALTER TABLE invoice ADD CONSTRAINT c FOREIGN KEY (customer_id) REFERENCES customer"
    ),
    "ADD FOREIGN KEY, to as many": "ALTER TABLE invoice ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES payment",
    "ADD UNIQUE, text": "ALTER TABLE invoice ADD CONSTRAINT c UNIQUE (email)",
    "ALTER TYPE, integer to bigint": "ALTER TABLE invoice ALTER COLUMN customer_id TYPE bigint",
    "ALTER TYPE, shorter varchar": "ALTER TABLE invoice ALTER COLUMN status TYPE varchar(10)",
    "ADD COLUMN, random default": "ALTER TABLE invoice ADD COLUMN u uuid DEFAULT gen_random_uuid()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One statement on one size of table."""

    rows: int
    name: str
    predicted: Estimate
    measured_s: Sequence[float]

    @property
    def median_s(self) -> float:
        return statistics.median(self.measured_s)

    @property
    def ratio(self) -> float:
        """The forecast, over what was measured."""
        return self.predicted.seconds / self.median_s

    @property
    def factor(self) -> float:
        """How many times too long or too short the forecast is."""
        return max(self.ratio, 1 / self.ratio)


def forecasts(empty_url: str, sizes: Mapping[str, TableSize]) -> dict[str, Estimate]:
    """Trace each statement without rows and return its forecast for tables of these sizes."""
    found = {}
    for name, statement in STATEMENTS.items():
        with _connected(empty_url) as connection, tracing(connection) as trace:
            connection.execute(sa.text(statement))
            (traced,) = trace.take()
            found[name] = estimate(traced, sizes)
    return found


def blocking_time(url: str, statement: str) -> float:
    """Run the statement, roll it back, and return the longest that a writer had to wait meanwhile."""
    with writer(url) as waits, contextlib.closing(psycopg2.connect(url)) as connection:
        with connection.cursor() as cursor:
            time.sleep(0.05)
            cursor.execute(statement)
        connection.rollback()
    return max(waits)


@contextlib.contextmanager
def writer(url: str) -> Iterator[list[float]]:
    """Lock the table as a writer does until the block ends; the list holds how long each lock took, in s."""
    stop = threading.Event()
    waits: list[float] = []

    def work() -> None:
        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            while not stop.wait(PAUSE_S):
                began = time.perf_counter()
                cursor.execute("LOCK TABLE invoice IN ROW EXCLUSIVE MODE")
                waits.append(time.perf_counter() - began)
                connection.rollback()

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        try:
            yield waits
        finally:
            stop.set()
        working.result()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000], help="rows of the table"
    )


def measure(options: argparse.Namespace, server_url: str) -> Report:
    lines = [line for rows in options.rows for line in _lines(server_url, rows, options.rounds)]
    worst = max(lines, key=lambda line: line.factor)
    settings = {"rows": options.rows, "rounds": options.rounds}
    headings = ("statement", "rows", "predicted, s", "measured, s (least - most)", "ratio")
    cells = [
        (
            line.name,
            f"{line.rows:,}",
            f"{line.predicted.seconds:.3f}",
            f"{line.median_s:.3f} ({min(line.measured_s):.3f} - {max(line.measured_s):.3f})",
            f"{line.ratio:.2f}",
        )
        for line in lines
    ]
    return Report(
        text=f"{heading('forecast', settings)}\n\n{table([headings, *cells])}\n\n"
        f"worst factor {worst.factor:.2f} ({worst.name}, {worst.rows:,} rows); target at most {FACTOR}",
        document={
            "benchmark": "forecast",
            "settings": settings,
            "statements": [_document(line) for line in lines],
            "worst_factor": worst.factor,
            "target_factor_at_most": FACTOR,
        },
    )


def _lines(server_url: str, rows: int, rounds: int) -> Iterator[Line]:
    """Fill tables, and compare forecast and measurement of every statement."""
    with fresh_database(server_url) as empty_url, fresh_database(server_url) as url:
        _run(empty_url, TABLES)
        _run(url, TABLES, ROWS.format(rows=rows), "VACUUM ANALYZE", "CHECKPOINT")
        with _connected(url) as connection:
            sizes = table_sizes(connection)
        predicted = forecasts(empty_url, sizes)
        for name, statement in STATEMENTS.items():
            print(f"{rows:,} rows: {name}", file=sys.stderr, flush=True)  # noqa: T201 - a sign of life
            measured = [blocking_time(url, statement) for _round in range(rounds)]
            yield Line(rows=rows, name=name, predicted=predicted[name], measured_s=measured)


def _document(line: Line) -> dict[str, Any]:
    return {
        "statement": line.name,
        "rows": line.rows,
        "predicted_s": line.predicted.seconds,
        "how": line.predicted.how,
        "measured_s": list(line.measured_s),
        "ratio": line.ratio,
    }


@contextlib.contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    address = sa.make_url(url).set(drivername="postgresql+psycopg2")
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        yield connection


def _run(url: str, *statements: str) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)
