"""Views, and triggers of other tables, beside a SQLite table that batch mode rebuilds: they stay as they are.

SQLite renames no table while a view names one that is not there, as the rebuilt one is for a moment, unless
it is to check nothing (``legacy_alter_table``). So it checks nothing, and what worked before is tried after.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from agent_factory.migrate.catalog.sqlite.words import spelled, words
from agent_factory.migrate.db.sql import in_quotes
from agent_factory.migrate.db.watched_file import own_file_cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystander:
    """A view, or a trigger of another table or view, in the file ``schema``; ``of`` is what it belongs to."""

    kind: str
    name: str
    of: str
    schema: str
    statement: str

    def __str__(self) -> str:
        return f"{self.kind} {in_quotes(self.name)} ({spelled(words(self.statement))})"


def working_bystanders(driver: sqlite3.Connection, schema: str, table: str) -> tuple[Bystander, ...]:
    """Return those beside a table that SQLite understands right now."""
    found = own_file_cursor(driver).execute(
        f"SELECT type, name, tbl_name, sql FROM {in_quotes(schema)}.sqlite_master"  # noqa: S608 - quoted
        " WHERE type IN ('view', 'trigger') AND lower(tbl_name) <> lower(?)",
        [table],
    )
    beside = (
        Bystander(kind=kind, name=name, of=of, schema=schema, statement=sql)
        for kind, name, of, sql in found.fetchall()
    )
    return tuple(one for one in beside if _works(driver, one))


def broken_bystanders(driver: sqlite3.Connection, before: tuple[Bystander, ...]) -> Iterator[Bystander]:
    """Yield those of before that SQLite understands no more."""
    return (one for one in before if not _works(driver, one))


@contextlib.contextmanager
def checking_nothing(driver: sqlite3.Connection) -> Iterator[None]:
    """Have SQLite rename a table without a check of views and triggers, for the block."""
    cursor = own_file_cursor(driver)
    (before,) = cursor.execute("PRAGMA legacy_alter_table").fetchone()
    cursor.execute("PRAGMA legacy_alter_table = ON")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA legacy_alter_table = {before}")


def _works(driver: sqlite3.Connection, one: Bystander) -> bool:
    cursor = own_file_cursor(driver)
    try:
        for statement in _using(cursor, one):
            cursor.execute(f"EXPLAIN {statement}").fetchall()
    except sqlite3.Error:
        return False
    return True


def _using(cursor: sqlite3.Cursor, one: Bystander) -> Iterator[str]:
    """Statements that SQLite cannot compile where the view, or the trigger, is not understood."""
    name = f"{in_quotes(one.schema)}.{in_quotes(one.of)}"
    yield f"SELECT * FROM {name}"  # noqa: S608 - quoted
    if one.kind == "trigger":
        columns = [
            in_quotes(column)
            for (column,) in cursor.execute("SELECT name FROM pragma_table_info(?, ?)", [one.of, one.schema])
        ]
        yield f"DELETE FROM {name}"  # noqa: S608 - quoted
        yield f"UPDATE {name} SET {', '.join(f'{column} = NULL' for column in columns)}"  # noqa: S608 - quoted
        yield f"INSERT INTO {name} ({columns[0]}) VALUES (NULL)"  # noqa: S608 - quoted
