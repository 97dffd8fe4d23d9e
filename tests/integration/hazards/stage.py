"""Production with rows and a copy of its schema without any, to rehearse on."""

import ast
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.sizes import TableSize, table_sizes
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import tracing
from agent_factory.migrate.review.hazards import RULES, Counted, Hazard, count_hits, find_hazards

LARGE = 20_000
"""Times as large as they are: tables of 1,000 rows pass for ones of 20,000,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autocommit:
    """A statement that runs outside of a transaction; ``in_batches``: until it changes no row."""

    sql: str
    in_batches: bool = False


Statement = str | Autocommit


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Two databases with one schema; only production has rows."""

    production_url: str
    scratch_url: str

    def build(self, schema: str, rows: str = "") -> None:
        """Make the schema in both, and fill production's."""
        run_script(self.scratch_url, schema)
        run_script(self.production_url, f"{schema};{rows}")
        run_script(self.production_url, "ANALYZE")

    def rehearse(self, *revisions: Sequence[Statement]) -> tuple[RehearsedRevision, ...]:
        """Run each revision's statements on the copy, traced; they are called 1, 2, ..."""
        return run_traced(self.scratch_url, *revisions)

    def measure(self, revisions: Sequence[RehearsedRevision]) -> tuple[dict[str, TableSize], Counted]:
        """Read production's sizes, and count what the revisions ask for."""
        with connected(self.production_url) as connection:
            reading = connection.execution_options(postgresql_readonly=True)
            return table_sizes(reading), count_hits(reading, revisions)

    def hazards(
        self,
        *revisions: Sequence[Statement],
        times: int = LARGE,
        direction: Direction = Direction.UPGRADE,
    ) -> tuple[Hazard, ...]:
        """Rehearse, and find the hazards on tables that are so many times as large as production's."""
        rehearsed = self.rehearse(*revisions)
        sizes, counted = self.measure(rehearsed)
        return find_hazards(rehearsed, direction, grown(sizes, times), counted)


def run_traced(url: str, *revisions: Sequence[Statement]) -> tuple[RehearsedRevision, ...]:
    """Run each revision's statements on this database, and return what was seen of them."""
    rehearsed = []
    with connected(url) as connection, tracing(connection) as trace:
        for number, statements in enumerate(revisions, 1):
            execute(connection, statements)
            traced = trace.take()
            rehearsed.append(
                RehearsedRevision(
                    revision=revision(str(number)),
                    transactional=all(statement.transactional for statement in traced),
                    statements=traced,
                )
            )
    return tuple(rehearsed)


def run_script(url: str, script: str) -> None:
    """Run statements in autocommit, as psql would."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(script)


def of_code(hazards: Sequence[Hazard], code: str) -> list[Hazard]:
    """Return those of these hazards that have this code; a KeyError for one that is none."""
    rule = RULES[code]
    return [hazard for hazard in hazards if hazard.code == rule.code]


def grown(sizes: Mapping[str, TableSize], times: int) -> dict[str, TableSize]:
    """The sizes of tables with so many times as many rows."""
    return {
        name: replace(
            size, rows=size.rows * times, bytes=size.bytes * times, index_bytes=size.index_bytes * times
        )
        for name, size in sizes.items()
    }


def revision(id_: str, path: Path = Path("of_a_test.py")) -> Revision:
    return Revision(id=id_, message=id_, path=path, parents=(), branch_labels=(), is_head=False)


def execute(connection: sa.Connection, statements: Sequence[Statement]) -> None:
    """Run one revision's statements as Alembic would: a transaction around all that is not alone."""
    for statement in statements:
        if isinstance(statement, str):
            connection.exec_driver_sql(statement)
            continue
        connection.commit()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        while connection.exec_driver_sql(statement.sql).rowcount > 0 and statement.in_batches:
            pass
        connection.commit()
        connection.execution_options(isolation_level="READ COMMITTED")
    connection.commit()


@contextlib.contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    address = sa.make_url(url).set(drivername="postgresql+psycopg2")
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        yield connection


def rewrite_in(remedy: str) -> list[list[Statement]]:
    """Read the revisions that a remedy proposes, from the code that a person would copy."""
    revisions: list[list[Statement]] = []
    for part in re.split(r"^  revision \d+$", remedy, flags=re.MULTILINE):
        code = "\n".join(line[4:] for line in part.splitlines() if line.startswith("    "))
        found = [item for node in ast.parse(code).body for item in _statements(node)]
        if found:
            revisions.append(found)
    return revisions


def _statements(node: ast.stmt) -> Iterator[Statement]:
    literals = [
        item.value.replace(r"\:", ":")
        for item in ast.walk(node)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    if isinstance(node, ast.With):
        in_batches = any(isinstance(item, ast.While) for item in ast.walk(node))
        yield from (Autocommit(sql=sql, in_batches=in_batches) for sql in literals)
    else:
        yield from literals
