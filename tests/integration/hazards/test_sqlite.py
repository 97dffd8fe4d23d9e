"""Hazards of a plan on SQLite: what would be gone, and what running code uses."""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.target import local_target
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import tracing
from agent_factory.migrate.review.hazards import Hazard, Severity, count_hits, find_hazards
from tests.integration.hazards.stage import revision

SCHEMA = "CREATE TABLE users (id integer PRIMARY KEY, age integer); CREATE TABLE vacant (id integer)"
ROWS = "INSERT INTO users VALUES (1, 20), (2, NULL), (3, 30)"


def hazards(folder: Path, statements: Sequence[str]) -> tuple[Hazard, ...]:
    """Rehearse on one file, count in the other."""
    production, scratch = (
        local_target(f"sqlite:///{folder / name}") for name in ("production.db", "scratch.db")
    )
    for target in (production, scratch):
        with contextlib.closing(sqlite3.connect(target.url.database)) as file:
            file.executescript(f"{SCHEMA};{ROWS}")
    with connect(scratch) as connection, tracing(connection) as trace:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()
        rehearsed = [RehearsedRevision(revision=revision("1"), transactional=True, statements=trace.take())]
    with connect(production, read_only=True) as connection:
        return find_hazards(rehearsed, Direction.UPGRADE, {}, count_hits(connection, rehearsed))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ALTER TABLE users DROP COLUMN age", "drops users.age: 2 values in its rows"),
        ("DROP TABLE users", "drops users: 3 rows"),
        ("DELETE FROM users WHERE age > 25", "deletes 1 row of users"),
    ],
)
def test_data_that_would_be_gone(tmp_path: Path, statement: str, message: str) -> None:
    found = hazards(tmp_path, [statement])
    (hazard,) = [item for item in found if item.code == "deletes-data"]
    assert hazard.severity is Severity.HIGH
    assert hazard.message == f"statement 1 {message}"


def test_what_deletes_nothing(tmp_path: Path) -> None:
    found = hazards(tmp_path, ["CREATE TABLE made (a integer)", "DROP TABLE made", "DROP TABLE vacant"])
    assert [item.code for item in found] == ["breaks-running-code"]


def test_a_table_that_batch_mode_replaces_keeps_its_rows(tmp_path: Path) -> None:
    found = hazards(
        tmp_path,
        [
            "CREATE TABLE _alembic_tmp_users (id integer PRIMARY KEY, age bigint)",
            "INSERT INTO _alembic_tmp_users SELECT * FROM users",
            "DROP TABLE users",
            "ALTER TABLE _alembic_tmp_users RENAME TO users",
        ],
    )
    assert not found
