"""SQLite's foreign keys: off while tables are rebuilt, so what they forbid is checked afterwards."""

import sqlite3
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.db.driver import sqlite3_connection

Violation = tuple[Any, ...]
"""Table, row id, table referred to, and which of the table's foreign keys, as SQLite lists them."""


class ForeignKeysBrokenError(Exception):
    """A revision on SQLite has left rows that refer to rows that are not there."""

    code = "data-violates-foreign-key"
    hint = "correct these rows in the revision; SQLite's foreign keys are off while it runs"

    def __init__(self, violations: list[Violation]) -> None:
        rows = "; ".join(f"{table}, row {row}, refers to {other}" for table, row, other, _ in violations[:5])
        super().__init__(f"rows refer to rows that do not exist: {rows}")


def violations(connection: sa.Connection) -> list[Violation]:
    """Return the rows of the whole database that violate a foreign key."""
    try:
        found: list[Violation] = sqlite3_connection(connection).execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.OperationalError:
        # A key that refers to columns without a unique index is legal, and cannot be checked.
        return []
    return found


def check(connection: sa.Connection, before: list[Violation]) -> None:
    """Raise ForeignKeysBrokenError when there are violations that were not there before."""
    new = [violation for violation in violations(connection) if violation not in before]
    if new:
        raise ForeignKeysBrokenError(new)
