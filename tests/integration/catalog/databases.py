"""PostgreSQL of every version that is to be had here, with the sample database of these tests."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from _pytest.mark import ParameterSet

from agent_factory.migrate.catalog import Catalog, read_catalog
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.rehearsal.scratch.installations import (
    Installation,
    local_installations,
    wheel_installations,
)
from agent_factory.migrate.rehearsal.scratch.own_server import OwnServer, own_server
from tests.integration.catalog.changes import SAMPLES

SAMPLE = "\n".join([(Path(__file__).parent / "sample.sql").read_text(), *SAMPLES])
OLDEST_FOR_THE_SAMPLE = 15
TEMPLATE = "sample_to_copy"
"""The sample again: a database that somebody is connected to cannot be copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A database with one of nearly everything, its catalog as it is, and a connection that stays open."""

    server: OwnServer
    name: str
    major: int
    catalog: Catalog
    connection: sa.Connection

    @contextlib.contextmanager
    def rolled_back(self) -> Iterator[sa.Connection]:
        """The connection, in a transaction that leaves nothing behind."""
        with self.connection.begin() as transaction:
            yield self.connection
            transaction.rollback()


def installations() -> tuple[Installation, ...]:
    """One installation of each major version: the wheel's, which are always there, and the machine's own."""
    found = {}
    for item in (*local_installations("initdb"), *wheel_installations("initdb")):
        folder = (item.bin_dir / "initdb").resolve().parent  # PATH may have links to a part of the programs
        if (folder / "pg_dump").exists():
            found[item.major] = Installation(bin_dir=folder, major=item.major)
    return tuple(found[major] for major in sorted(found) if major >= OLDEST_FOR_THE_SAMPLE)


def each_installation() -> list[ParameterSet]:
    """``installations`` as parameters of a fixture; `make test` takes the newest."""
    *older, newest = installations()
    each = [pytest.param(item, marks=pytest.mark.slow, id=f"postgresql-{item.major}") for item in older]
    return [*each, pytest.param(newest, id=f"postgresql-{newest.major}")]


@contextlib.contextmanager
def sample_on(installation: Installation) -> Iterator[Sample]:
    """Start a server and make the sample in it."""
    settings = {"wal_level": "logical"}  # CREATE PUBLICATION warns otherwise
    with own_server(installation.bin_dir, access=("local all all trust",), settings=settings) as server:
        make_database(server, "sample")
        with connected(server, "sample") as connection, connection.begin():
            execute(connection, SAMPLE)
        make_database(server, TEMPLATE, template="sample")
        with connected(server, "sample") as connection:
            yield Sample(
                server=server,
                name="sample",
                major=installation.major,
                catalog=read_catalog(connection),
                connection=connection,
            )


def make_database(server: OwnServer, name: str, *, template: str = "template1") -> None:
    with connected(server, "postgres", isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


def drop_database(server: OwnServer, name: str) -> None:
    with connected(server, "postgres", isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def connected(server: OwnServer, database: str, **options: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(server.url(database).to_sqlalchemy(), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection.execution_options(**options)
    engine.dispose()


def execute(connection: sa.Connection, statements: str) -> None:
    """Run statements in one go as they stand, ``%`` and ``:`` included."""
    with own_cursor(connection) as cursor:
        cursor.execute(statements)
