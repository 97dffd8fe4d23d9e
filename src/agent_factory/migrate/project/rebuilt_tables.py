"""SQLite tables that Alembic's batch mode rebuilds: what they had stays, or the revision fails by its name.

Batch mode reads a table as far as SQLAlchemy can, makes another, and drops the old one. What SQLAlchemy does
not read is gone then: indexes on expressions, triggers, CHECKs without a name, collations, AUTOINCREMENT and
some clauses. What the revision itself drops, or changes, is not kept against it.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog.sqlite.tables import TableWords, parse_table
from agent_factory.migrate.catalog.sqlite.words import spelled, word_of, words, written
from agent_factory.migrate.db.driver import sqlite3_connection
from agent_factory.migrate.db.watched_file import own_file_cursor
from agent_factory.migrate.project.alembic_internals import Batch
from agent_factory.migrate.project.library_warnings import losses_kept_quiet

_COLUMNS_REFERRED_TO = re.compile(r'(REFERENCES (?:"(?:[^"]|"")*"|\S+)) \([^)]*\)')
"""Those that SQLite takes by itself, where none are written, are written by SQLAlchemy."""


class LostInRebuildError(Exception):
    """A table that batch mode has rebuilt lacks something that the revision does not say to drop."""

    code = "lost-in-rebuild"

    def __init__(self, table: str, lost: tuple[str, ...]) -> None:
        super().__init__(
            f"batch mode rebuilds the table {table}, and would lose what the revision does not drop: "
            + "; ".join(lost)
        )
        self.hint = (
            "drop it, and make it again after the block (op.execute); or say the whole table: "
            f"op.batch_alter_table({table!r}, copy_from=sa.Table(...))"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What a table is made of. ``indexes`` and ``triggers`` are statements by name; ``last_id`` is the
    highest that AUTOINCREMENT has given, None without one."""

    said: TableWords
    indexes: dict[str, str]
    triggers: dict[str, str]
    last_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    """What a batch says to change: columns as words of a definition, constraints and indexes by name.

    ``retyped`` are columns that get another type, ``restated`` those that the revision states itself.
    """

    dropped: frozenset[str] = field(default_factory=frozenset)
    renamed: frozenset[str] = field(default_factory=frozenset)
    retyped: frozenset[str] = field(default_factory=frozenset)
    restated: frozenset[str] = field(default_factory=frozenset)
    redefaulted: frozenset[str] = field(default_factory=frozenset)
    named: frozenset[str] = field(default_factory=frozenset)
    has_key: bool = False

    @property
    def gone(self) -> frozenset[str]:
        """Columns whose constraints cannot be expected to be as they were."""
        return self.dropped | self.renamed | self.retyped | self.restated


def rebuild(batch: Batch, flush: Callable[[], None], *, note: Callable[[str], None]) -> None:
    """Have Alembic rebuild the table, by ``flush``; what it loses is made again by its own statement.

    ``note`` is called with the words that say what. Raises LostInRebuildError where that is not certain.
    """
    connection = batch.connection
    before = None
    if connection is not None and connection.dialect.name == "sqlite" and batch.is_of_main_file:
        before = _read(sqlite3_connection(connection), batch.table)
    if connection is None or before is None:
        flush()
        return
    changes = _read_changes(batch)
    kept = [] if batch.restates_table else _hand_over(batch, before, changes)
    with losses_kept_quiet():
        flush()
    lost: list[str] = []
    driver = sqlite3_connection(connection)
    if (after := _read(driver, batch.table)) is None:
        return  # the revision has renamed it
    for kind, old, new in (("index", before.indexes, after.indexes), ("trigger", before.triggers, {})):
        for name, statement in old.items():
            if _is_as_said(kind, name, statement, new.get(name), changes):
                continue
            if _mentions(statement, changes.dropped | changes.renamed):
                lost.append(f"{kind} {written(name)} ({spelled(words(statement))})")
                continue
            if name in new:
                connection.exec_driver_sql(f"DROP INDEX {written(name)}")
            connection.exec_driver_sql(statement)
            kept.append(f"{kind} {written(name)}")
    if not batch.restates_table:
        lost += _find_lost(before.said, after.said, changes, restates_checks=batch.restates_checks)
    if lost:
        raise LostInRebuildError(batch.table, tuple(lost))
    if before.last_id is not None and after.last_id != before.last_id:
        _restore_last_id(connection, batch.table, before.last_id, is_there=after.last_id is not None)
    if kept:
        note(f"batch mode rebuilt the table {batch.table}; kept: {', '.join(kept)}")


def _read(driver: sqlite3.Connection, table: str) -> _Made | None:
    """Read what the main file has of a table; None without one, and for a virtual one."""
    cursor = own_file_cursor(driver)
    rows = cursor.execute(
        "SELECT type, name, sql FROM main.sqlite_master WHERE lower(tbl_name) = lower(?) AND sql IS NOT NULL",
        [table],
    ).fetchall()
    statement = next((sql for kind, _, sql in rows if kind == "table"), None)
    if statement is None or words(statement)[1] == "VIRTUAL":
        return None
    last_id = None
    if cursor.execute("SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        found = cursor.execute("SELECT seq FROM main.sqlite_sequence WHERE name = ?", [table]).fetchone()
        last_id = found[0] if found else None
    return _Made(
        said=parse_table(statement),
        indexes={name: sql for kind, name, sql in rows if kind == "index"},
        triggers={name: sql for kind, name, sql in rows if kind == "trigger"},
        last_id=last_id,
    )


def _read_changes(batch: Batch) -> _Changes:
    dropped, renamed, retyped, redefaulted, named = set(), set(), set(), set(), set()
    has_key = False
    for name, given, options in batch.steps:
        if name == "drop_column":
            dropped.add(word_of(given[1].name))
        elif name == "alter_column":
            column = word_of(given[1])
            if options.get("name") not in (None, given[1]):
                renamed.add(column)
            if options.get("type_") is not None:
                retyped.add(column)
            if options.get("server_default", False) is not False:
                redefaulted.add(column)
            named.add(getattr(options.get("existing_type"), "name", None))
        elif name in ("drop_constraint", "drop_index", "create_index", "add_constraint"):
            named.add(given[0].name)
            has_key = has_key or isinstance(given[0], sa.PrimaryKeyConstraint)
    return _Changes(
        dropped=frozenset(dropped),
        renamed=frozenset(renamed),
        retyped=frozenset(retyped),
        restated=frozenset(map(word_of, batch.restated_columns)),
        redefaulted=frozenset(redefaulted),
        named=frozenset(str(name) for name in named if name),
        has_key=has_key,
    )


def _hand_over(batch: Batch, before: _Made, changes: _Changes) -> list[str]:
    """Tell Alembic what it does not read of the table, in its own arguments; return what that is."""
    kept = []
    checks = [
        constraint.definition
        for constraint in before.said.constraints
        if constraint.name is None
        and constraint.definition.startswith("CHECK ")
        and not _mentions(constraint.definition, changes.gone)
    ]
    if checks and not batch.restates_checks and not any(" ON CONFLICT " in check for check in checks):
        batch.add_checks([check.removeprefix("CHECK (").removesuffix(")") for check in checks])
        kept += checks
    if any(_autoincrements(item.definition) for item in before.said.constraints) and not changes.has_key:
        batch.set_option("sqlite_autoincrement", True)
        kept.append("AUTOINCREMENT")
    collations = {
        name: column.collation
        for name, column in before.said.columns.items()
        if column.collation and name not in changes.gone
    }

    def collate(_inspector: object, _table: object, column: dict[str, Any]) -> None:
        collation = collations.get(word_of(column["name"]))
        if collation and isinstance(column["type"], sa.String):
            column["type"].collation = collation

    if collations:
        batch.when_column_is_read(collate)
        kept += [f"COLLATE {collation} of {name}" for name, collation in collations.items()]
    return kept


def _autoincrements(definition: str) -> bool:
    return definition.startswith("PRIMARY KEY ") and definition.endswith(" AUTOINCREMENT")


def _is_as_said(kind: str, name: str, statement: str, now: str | None, changes: _Changes) -> bool:
    """Say whether an index or a trigger is as it was, or as the revision has asked for."""
    if name in changes.named:
        return True
    if kind == "trigger":
        return False
    if now is not None and (
        _mentions(statement, changes.renamed) or _comparable(now) == _comparable(statement)
    ):
        return True
    # As everywhere, what an index is of takes the index with it.
    return now is None and _mentions(statement, changes.dropped)


def _comparable(index: str) -> tuple[str, ...]:
    """An index without how its table is called: that is in quotes or not, and was another for a moment."""
    found = words(index)
    start = found.index("(")
    return ("UNIQUE" if found[1] == "UNIQUE" else "", *found[start:])


def _mentions(statement: str, columns: frozenset[str]) -> bool:
    """Say whether a column's name stands in a definition, wherever: a body is not understood."""
    found = words(statement)
    start = found.index("(") if "(" in found and found[:1] == ("CREATE",) and "TRIGGER" not in found else 0
    return not columns.isdisjoint(found[start:])


def _find_lost(
    before: TableWords, after: TableWords, changes: _Changes, *, restates_checks: bool
) -> Iterator[str]:
    """Yield what the table itself has no more, as the words of the statement that made it."""
    for option in before.options:
        if option not in after.options:
            yield option
    there = [_constraint(item.definition) for item in after.constraints]
    for constraint in before.constraints:
        said = _constraint(constraint.definition)
        if said in there:
            there.remove(said)
            continue
        is_restated = restates_checks and constraint.name is None and said.startswith("CHECK ")
        is_key = said.startswith("PRIMARY KEY ")
        if is_restated or constraint.name in changes.named or _mentions(said, changes.gone):
            continue
        if is_key and (changes.has_key or not _autoincrements(said)):
            continue  # SQLAlchemy spells a key differently, and the revision may say another
        name = f"{constraint.name} " if constraint.name else ""
        yield f"{name}{constraint.definition}"
    for name, column in before.columns.items():
        now = after.columns.get(name)
        if now is None or name in changes.gone:
            continue
        if column.collation and now.collation != column.collation:
            yield f"COLLATE {column.collation} of {name}"
        if column.generated and not now.generated and name not in changes.redefaulted:
            yield f"{column.generated} of {name}"
        if column.not_null_conflict and now.not_null_conflict != column.not_null_conflict:
            yield f"NOT NULL{column.not_null_conflict} of {name}"


def _constraint(definition: str) -> str:
    return _COLUMNS_REFERRED_TO.sub(r"\1", definition)


def _restore_last_id(connection: sa.Connection, table: str, last_id: int, *, is_there: bool) -> None:
    """Have AUTOINCREMENT go on behind the highest number that it has given, also where that row is gone."""
    change = (
        "UPDATE sqlite_sequence SET seq = ? WHERE name = ?"
        if is_there
        else "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
    )
    connection.exec_driver_sql(change, (last_id, table))
