"""SQLite tables that Alembic's batch mode rebuilds: what they had stays, or the revision fails by its name.

Batch mode reads a table as far as SQLAlchemy can, makes another, and drops the old one. What SQLAlchemy does
not read is gone then: indexes on expressions, triggers, CHECKs without a name, collations, AUTOINCREMENT and
some clauses. What the revision itself drops, or changes, is not kept against it.
"""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog.sqlite.tables import (
    TableConstraint,
    TableWords,
    parse_table,
)
from agent_factory.migrate.catalog.sqlite.words import spelled, word_of, words, written
from agent_factory.migrate.db.driver import sqlite3_connection
from agent_factory.migrate.db.sql import in_quotes
from agent_factory.migrate.db.watched_file import own_file_cursor
from agent_factory.migrate.project.alembic_internals import Batch
from agent_factory.migrate.project.batch_renames import rename_columns
from agent_factory.migrate.project.bystanders import (
    broken_bystanders,
    checking_nothing,
    working_bystanders,
)
from agent_factory.migrate.project.declared_columns import take_as_declared
from agent_factory.migrate.project.library_warnings import losses_kept_quiet

_COLUMNS_REFERRED_TO = re.compile(r'(REFERENCES (?:"(?:[^"]|"")*"|\S+)) \([^)]*\)')
"""Those that SQLite takes by itself, where none are written, are written by SQLAlchemy."""

_KIND_OF_STATEMENT = re.compile(r"^(CREATE (?:UNIQUE )?(?:INDEX|TRIGGER)) ")
"""SQLite keeps a statement from the name on as it was typed, and writes this before it."""


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


class TableNotReadError(Exception):
    """SQLAlchemy does not understand the statement of a table that batch mode is to rebuild."""

    code = "table-not-read"

    def __init__(self, table: str) -> None:
        super().__init__(
            f"SQLAlchemy {sa.__version__} cannot read the table {table}, which batch mode rebuilds: it has a "
            "generated column, and behind its columns more than it understands (STRICT, WITHOUT ROWID)"
        )
        self.hint = (
            f"say the whole table: op.batch_alter_table({table!r}, copy_from=sa.Table(...)); SQLAlchemy 2.1 "
            "reads STRICT and WITHOUT ROWID"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What a table is made of. ``indexes`` and ``triggers`` are statements by name; ``last_id`` is the
    highest that AUTOINCREMENT has given, None without one. ``name`` is its own, in its own letters."""

    name: str
    columns: tuple[str, ...]
    said: TableWords
    indexes: dict[str, str]
    triggers: dict[str, str]
    last_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changes:
    """What a batch says to change: columns as words of a definition, constraints and indexes by name.

    ``retyped`` are columns that get another type, of which ``listed`` had one that lists its values in a
    CHECK (Boolean, Enum); ``restated`` are those that the revision states itself. ``unnamed`` are how
    constraints without a name begin that it drops by ``naming_convention``.
    """

    dropped: frozenset[str] = field(default_factory=frozenset)
    renamed: frozenset[str] = field(default_factory=frozenset)
    retyped: frozenset[str] = field(default_factory=frozenset)
    listed: frozenset[str] = field(default_factory=frozenset)
    restated: frozenset[str] = field(default_factory=frozenset)
    redefaulted: frozenset[str] = field(default_factory=frozenset)
    named: frozenset[str] = field(default_factory=frozenset)
    unnamed: tuple[str, ...] = ()
    has_key: bool = False

    @property
    def gone(self) -> frozenset[str]:
        """Columns whose constraints cannot be expected to be as they were."""
        return self.dropped | self.renamed | self.restated

    def drops(self, constraint: TableConstraint) -> bool:
        """Say whether the revision drops it, itself or with what it is about."""
        said = _folded(constraint.definition)
        is_of_type = any(said.startswith(_folded(f"CHECK ({column} IN (")) for column in self.listed)
        by_convention = constraint.name is None and any(map(said.startswith, self.unnamed))
        return (
            constraint.name in self.named
            or by_convention
            or is_of_type
            or _mentions(constraint.definition, self.gone)
        )


def rebuild(batch: Batch, flush: Callable[[], None], *, note: Callable[[str], None]) -> None:
    """Have Alembic rebuild the table, by ``flush``; what it loses is made again by its own statement.

    ``note`` is called with the words that say what. Raises LostInRebuildError where that is not certain, and
    TableNotReadError.
    """
    connection = batch.connection
    before = None
    if connection is not None and connection.dialect.name == "sqlite":
        before = _read(sqlite3_connection(connection), batch.schema, batch.table)
    if connection is None or before is None:
        flush()
        return
    batch.call_table(before.name)
    driver = sqlite3_connection(connection)
    if not batch.restates_table:
        if not rename_columns(batch, connection, before.columns):
            return
        before = _read(driver, batch.schema, batch.table) or before
    beside = working_bystanders(driver, batch.schema, batch.table)
    with losses_kept_quiet():
        changes = _read_changes(batch)
    kept = [] if batch.restates_table else _hand_over(batch, before, changes, connection.dialect)
    with losses_kept_quiet(), checking_nothing(driver), _reading(batch.table):
        flush()
    lost = [str(one) for one in broken_bystanders(driver, beside)]
    if (after := _read(driver, batch.schema, batch.table)) is None:
        return  # the revision has renamed it
    for kind, old, new in (("index", before.indexes, after.indexes), ("trigger", before.triggers, {})):
        for name, statement in old.items():
            if _is_as_said(kind, name, statement, new.get(name), changes):
                continue
            if _mentions(statement, changes.dropped | changes.renamed):
                lost.append(f"{kind} {written(name)} ({spelled(words(statement))})")
                continue
            if name in new:
                connection.exec_driver_sql(f"DROP INDEX {written(batch.schema)}.{written(name)}")
            connection.exec_driver_sql(_in_file(statement, batch.schema))
            kept.append(f"{kind} {written(name)}")
    if not batch.restates_table:
        lost += _find_lost(before.said, after.said, changes, restates_checks=batch.restates_checks)
    if lost:
        raise LostInRebuildError(batch.table, tuple(lost))
    if before.last_id is not None and after.last_id != before.last_id:
        _restore_last_id(connection, batch, before.last_id, is_there=after.last_id is not None)
    if kept:
        note(f"batch mode rebuilt the table {batch.table}; kept: {', '.join(kept)}")


@contextlib.contextmanager
def _reading(table: str) -> Iterator[None]:
    """Say which table it is that SQLAlchemy cannot read: it asserts that it can."""
    try:
        yield
    except AssertionError as error:
        if not str(error).startswith("create table not found in"):
            raise
        raise TableNotReadError(table) from error


def _in_file(statement: str, schema: str) -> str:
    """Return what SQLite has kept of a statement, for the file that it was made in."""
    return (
        statement
        if schema == "main"
        else _KIND_OF_STATEMENT.sub(rf"\1 {written(schema)}.", statement, count=1)
    )


def _read(driver: sqlite3.Connection, schema: str, table: str) -> _Made | None:
    """Read what a file has of a table; None without one, and for a virtual one."""
    cursor = own_file_cursor(driver)
    file = in_quotes(schema)
    rows = cursor.execute(
        f"SELECT type, name, sql FROM {file}.sqlite_master"  # noqa: S608 - quoted
        " WHERE lower(tbl_name) = lower(?) AND sql IS NOT NULL",
        [table],
    ).fetchall()
    name, statement = next(((name, sql) for kind, name, sql in rows if kind == "table"), (table, None))
    if statement is None or words(statement)[1] == "VIRTUAL":
        return None
    last_id = None
    if cursor.execute(
        f"SELECT 1 FROM {file}.sqlite_master WHERE name = 'sqlite_sequence'"  # noqa: S608 - quoted
    ).fetchone():
        found = cursor.execute(
            f"SELECT seq FROM {file}.sqlite_sequence WHERE name = ?",  # noqa: S608 - quoted
            [name],
        ).fetchone()
        last_id = found[0] if found else None
    columns = cursor.execute("SELECT name FROM pragma_table_xinfo(?, ?)", [name, schema]).fetchall()
    return _Made(
        name=name,
        columns=tuple(column for (column,) in columns),
        said=parse_table(statement),
        indexes={name: sql for kind, name, sql in rows if kind == "index"},
        triggers={name: sql for kind, name, sql in rows if kind == "trigger"},
        last_id=last_id,
    )


def _read_changes(batch: Batch) -> _Changes:
    dropped, renamed, retyped, listed, redefaulted, named = set(), set(), set(), set(), set(), set()
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
                if isinstance(options.get("existing_type"), sa.Boolean | sa.Enum):
                    listed.add(column)
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
        listed=frozenset(listed),
        restated=frozenset(map(word_of, batch.restated_columns)),
        redefaulted=frozenset(redefaulted),
        named=frozenset(str(name) for name in named if name),
        unnamed=tuple(
            start
            for name, constraint in batch.named_by_convention()
            if name in named and (start := _start_of(constraint)) is not None
        ),
        has_key=has_key,
    )


def _hand_over(batch: Batch, before: _Made, changes: _Changes, dialect: sa.Dialect) -> list[str]:
    """Tell Alembic what it does not read of the table, in its own arguments; return what that is."""
    kept = []
    checks = [
        constraint.definition
        for constraint in before.said.constraints
        if constraint.name is None
        and constraint.definition.startswith("CHECK ")
        and not changes.drops(constraint)
    ]
    if checks and not batch.restates_checks and not any(" ON CONFLICT " in check for check in checks):
        batch.add_checks([check.removeprefix("CHECK (").removesuffix(")") for check in checks])
        kept += checks
    if any(_autoincrements(item.definition) for item in before.said.constraints) and not changes.has_key:
        batch.set_option("sqlite_autoincrement", True)
        kept.append("AUTOINCREMENT")
    said = before.said.columns

    def as_declared(_inspector: object, _table: object, column: dict[str, Any]) -> None:
        name = word_of(column["name"])
        if name in said and name not in changes.gone:
            take_as_declared(column, said[name], dialect, is_retyped=name in changes.retyped)

    batch.when_column_is_read(as_declared)
    kept += [
        f"COLLATE {column.collation} of {name}"
        for name, column in said.items()
        if column.collation and name not in changes.gone | changes.retyped
    ]
    return kept


def _start_of(constraint: sa.Constraint) -> str | None:
    """Return the words that a constraint without a name begins with."""
    if not isinstance(constraint, sa.UniqueConstraint | sa.ForeignKeyConstraint):
        return None
    kind = "UNIQUE" if isinstance(constraint, sa.UniqueConstraint) else "FOREIGN KEY"
    columns = ", ".join(word_of(column.name) for column in constraint.columns)
    return _folded(f"{kind} ({columns})")


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
    return ("UNIQUE" if found[1] == "UNIQUE" else "", *map(_folded, found[start:]))


def _mentions(statement: str, columns: frozenset[str]) -> bool:
    """Say whether a column's name stands in a definition, wherever: a body is not understood."""
    found = words(statement)
    start = found.index("(") if "(" in found and found[:1] == ("CREATE",) and "TRIGGER" not in found else 0
    return not {_folded(column) for column in columns}.isdisjoint(map(_folded, found[start:]))


def _folded(text: str) -> str:
    """Return a text for comparison: SQLite's names are the same in small letters and in capitals."""
    return text.casefold()


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
        is_restated = restates_checks and constraint.name is None and said.startswith("check ")
        if is_restated or changes.drops(constraint):
            continue
        if said.startswith("primary key ") and changes.has_key:
            continue  # the revision says another one
        name = f"{constraint.name} " if constraint.name else ""
        yield f"{name}{constraint.definition}"
    for name, column in before.columns.items():
        now = after.columns.get(name)
        if now is None or name in changes.gone:
            continue
        has_collation = column.collation and name not in changes.retyped
        if has_collation and _folded(now.collation or "") != _folded(column.collation or ""):
            yield f"COLLATE {column.collation} of {name}"
        if column.generated and not now.generated and name not in changes.redefaulted:
            yield f"{column.generated} of {name}"
        if column.not_null_conflict and now.not_null_conflict != column.not_null_conflict:
            yield f"NOT NULL{column.not_null_conflict} of {name}"


def _constraint(definition: str) -> str:
    """Return a definition in the one form that two spellings of it have."""
    return _folded(_COLUMNS_REFERRED_TO.sub(r"\1", definition).replace(" ASC)", ")").replace(" ASC,", ","))


def _restore_last_id(connection: sa.Connection, batch: Batch, last_id: int, *, is_there: bool) -> None:
    """Have AUTOINCREMENT go on behind the highest number that it has given, also where that row is gone."""
    count = "sqlite_sequence" if batch.schema == "main" else f"{written(batch.schema)}.sqlite_sequence"
    change = (
        f"UPDATE {count} SET seq = ? WHERE name = ?"  # noqa: S608 - quoted
        if is_there
        else f"INSERT INTO {count} (seq, name) VALUES (?, ?)"  # noqa: S608 - quoted
    )
    connection.exec_driver_sql(change, (last_id, batch.table))
