"""How long it takes to look for drift: the catalog fingerprint beside ``alembic check``, on one database.

Every table has eight columns, two indexes and a foreign key, and the models say so. Both work in this
process, on a connection that is open, with everything imported: ``alembic check`` reflects the tables and
compares them with the models; the fingerprint reads all there is, is hashed and compared with another one.
"""

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2.extensions
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from agent_factory.migrate.catalog import Catalog, compare, read_catalog
from agent_factory.url import parse_url
from benchmarks.measure import (
    AF_DB,
    ALEMBIC,
    Comparison,
    Report,
    chart,
    compared,
    fresh_database,
    in_turns,
    values,
)
from tests.projects import AlembicProject, make_project

AT_MOST = {1_000: 0.1}
ROUNDS = 7
SHORT = {"rounds": 1, "tables": [10, 100]}

MODELS = """
metadata = sa.MetaData()
for number in range({tables}):
    table = sa.Table(
        f"t{{number}}",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("kind", sa.String(20), nullable=False, server_default="plain"),
        sa.Column("note", sa.Text),
        sa.Column("parent_id", sa.ForeignKey(f"t{{max(number - 1, 0)}}.id", name=f"fk_t{{number}}")),
    )
    sa.Index(f"ix_t{{number}}_name", table.c.name)
    sa.Index(f"ix_t{{number}}_parent", table.c.parent_id, table.c.kind, postgresql_where=table.c.is_active)
"""


class CountingCursor(psycopg2.extensions.cursor):
    """psycopg2's cursor, which counts the statements of all of its kind."""

    statements = 0

    def execute(self, query: Any, values: Any = None) -> None:
        CountingCursor.statements += 1
        super().execute(query, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the database."""

    seconds: float
    statements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database with its tables, the project that describes them, and its catalog."""

    project: AlembicProject
    connection: sa.Connection
    catalog: Catalog

    def look(self, tool: str) -> Look:
        """Look whether it is as it should be. Raises when it is not, or seems not to be."""
        CountingCursor.statements = 0
        began = time.perf_counter()
        if tool == ALEMBIC:
            config = Config(self.project.config, stdout=io.StringIO())
            config.attributes["connection"] = self.connection
            command.check(config)
        else:
            found = read_catalog(self.connection)
            if found.sha256 != self.catalog.sha256 or compare(self.catalog, found):
                raise RuntimeError("the database changed while it was measured")
        seconds = time.perf_counter() - began
        self.connection.rollback()
        return Look(seconds=seconds, statements=CountingCursor.statements)


@contextlib.contextmanager
def database_of(server_url: str, tables: int) -> Iterator[Database]:
    """Make a database with so many tables, and look at it once with either tool."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(server_url) as url:
        project = make_project(Path(folder) / f"project_{tables}")
        project.write_models(MODELS.format(tables=tables))
        engine = sa.create_engine(
            parse_url(url).to_sqlalchemy(),
            connect_args={"cursor_factory": CountingCursor},
            poolclass=sa.NullPool,
        )
        models: dict[str, sa.MetaData] = {}
        exec(f"import sqlalchemy as sa\n{MODELS.format(tables=tables)}", models)  # noqa: S102 - our own text
        with engine.begin() as connection:
            models["metadata"].create_all(connection)
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
            yield Database(project=project, connection=connection, catalog=read_catalog(connection))
        engine.dispose()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tables", type=int, nargs="+", default=[10, 100, 1_000], help="how many tables there are"
    )


def measure(options: argparse.Namespace, server_url: str) -> Report:
    comparisons, times = [], {}
    for tables in sorted(options.tables):
        with database_of(server_url, tables) as database:
            looks = in_turns((ALEMBIC, AF_DB), options.rounds, database.look)
        times[tables] = Comparison(
            name=f"time, {tables:,} tables",
            unit="s",
            measured=values(looks, lambda look: look.seconds),
            at_most=AT_MOST.get(tables),
            decimals=3,
        )
        statements = values(looks, lambda look: look.statements)
        comparisons += [
            times[tables],
            Comparison(name=f"statements, {tables:,} tables", unit="", measured=statements, decimals=0),
        ]
    title = "Looking for drift: alembic check, and the fingerprint of the catalog"
    return compared(
        "check",
        {"tables": options.tables, "rounds": options.rounds},
        comparisons,
        {"check": chart(title, "tables", times)} if len(times) > 1 else {},
    )
