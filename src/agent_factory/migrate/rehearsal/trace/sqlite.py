"""Traces the statements of one SQLite connection.

SQLite locks whole files and has no table locks to tell. What changed is found by comparing the schema before
and after, which is read again when SQLite says that it is another.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent_factory.migrate.catalog.sqlite.words import written
from agent_factory.migrate.db.watched_file import own_file_cursor
from agent_factory.migrate.rehearsal.trace.changes import in_order
from agent_factory.migrate.rehearsal.trace.reads import Reads
from agent_factory.migrate.rehearsal.trace.statements import Change, ChangeKind, TracedRead, TracedStatement

_COMMENTS = re.compile(r"^(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)
_COMMAND = re.compile(
    r"(?P<verb>CREATE|ALTER|DROP)\s+(?:(?:TEMP|TEMPORARY|UNIQUE|VIRTUAL)\s+)*(?P<noun>\w+)|\w+", re.IGNORECASE
)
_NOT_TOLD = frozenset(
    {
        "",
        "SELECT",
        "VALUES",
        "EXPLAIN",
        "PRAGMA",
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
    }
)

_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})

_MADE = {
    "table": (ChangeKind.CREATE_TABLE, ChangeKind.DROP_TABLE),
    "view": (ChangeKind.CREATE_VIEW, ChangeKind.DROP_VIEW),
    "index": (ChangeKind.ADD_INDEX, ChangeKind.DROP_INDEX),
    "trigger": (ChangeKind.ADD_TRIGGER, ChangeKind.DROP_TRIGGER),
}
"""By ``sqlite_master.type``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    type: str
    not_null: bool
    default: str | None

    @property
    def definition(self) -> str:
        default = f" DEFAULT {self.default}" if self.default is not None else ""
        return f"{self.type}{' NOT NULL' if self.not_null else ''}{default}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """A row of ``sqlite_master``. ``root`` is the page of a table, which a rename keeps."""

    kind: str
    name: str
    table: str
    root: int
    sql: str
    columns: tuple[_Column, ...]


class _Touched:
    """What a statement reads and whether it writes, as SQLite says when it compiles it."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.writes = False

    def note(self, action: int, table: str | None, *_names: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table is not None:
            self.tables.add(table)
        self.writes = self.writes or action in _WRITES
        return sqlite3.SQLITE_OK


class SQLiteTracer:
    """The schema as the last statement left it."""

    def __init__(self, driver: sqlite3.Connection, version_table: str, reads: Reads) -> None:
        self._driver = driver
        self._reads = reads
        self._version_table = version_table
        self._statements: list[TracedStatement] = []
        self._version: int | None = None
        self._objects: dict[tuple[str, str], _Object] = {}
        self._read_schema()
        self._first_tables = frozenset(name for _kind, name in self._objects)

    def take_reads(self) -> tuple[TracedRead, ...]:
        """Hand over what was read since the last time."""
        return self._reads.take()

    def take(self) -> tuple[TracedStatement, ...]:
        """Hand over the statements since the last time."""
        statements, self._statements = tuple(self._statements), []
        return statements

    def close(self) -> None:
        """Nothing was opened."""

    def note_end(self, *, rolled_back: bool) -> None:
        """Nothing to note: the next statement reads whether the schema is another."""

    def fill_in(self, _cursor: object, statement: str, _parameters: object) -> str | None:
        """Leave it to SQLite, which tells what it runs."""

    def run(self, cursor: Any, execute: Callable[[], None], *, sql: str | None, times: int) -> None:
        """Have ``execute`` run a statement, and note what it did. Raises what that raises.

        ``sql`` is its text, where SQLite does not tell it.
        """
        self._read_schema()
        before = self._objects
        texts: list[str] = []
        touched = _Touched()
        began = time.monotonic()
        self._driver.set_trace_callback(texts.append)
        self._driver.set_authorizer(touched.note)
        try:
            execute()
        finally:
            self._driver.set_authorizer(None)
            self._driver.set_trace_callback(None)
        seconds = time.monotonic() - began
        # What follows the first are later parameters, and the statements of triggers.
        text = sql or next(iter(texts), "")
        command = _command(text)
        if cursor.description is not None and not touched.writes:
            tables = sorted(touched.tables & self._first_tables)
            self._reads.note(cursor, text, tuple(map(written, tables)))
        if command in _NOT_TOLD:
            return
        self._read_schema()
        self._statements.append(
            TracedStatement(
                sql=text,
                command=command,
                transactional=bool(self._driver.in_transaction),
                changes=_compare(before, self._objects),
                times=times,
                seconds=seconds,
            )
        )

    def _read_schema(self) -> None:
        """Read the schema again where its version is another; a rollback brings the earlier version back."""
        ((version,),) = own_file_cursor(self._driver).execute("PRAGMA schema_version").fetchall()
        if version == self._version:
            return
        rows = (
            own_file_cursor(self._driver)
            .execute(
                "SELECT type, name, tbl_name, rootpage, coalesce(sql, '') FROM sqlite_master "
                "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> ?",
                [self._version_table],
            )
            .fetchall()
        )
        known = self._objects
        self._objects = {}
        for row in rows:
            kind, name = row[:2]
            old = known.get((kind, name))
            if old is not None and (old.table, old.root, old.sql) == tuple(row[2:]):
                self._objects[kind, name] = old
            else:
                columns = self._columns(name) if kind == "table" else ()
                self._objects[kind, name] = _Object(
                    kind=kind, name=name, table=row[2], root=row[3], sql=row[4], columns=columns
                )
        self._version = version

    def _columns(self, table: str) -> tuple[_Column, ...]:
        rows = own_file_cursor(self._driver).execute(
            'SELECT name, type, "notnull", dflt_value FROM pragma_table_xinfo(?) ORDER BY cid', [table]
        )
        return tuple(
            _Column(name=name, type=type_, not_null=bool(not_null), default=default)
            for name, type_, not_null, default in rows
        )


def _compare(
    before: Mapping[tuple[str, str], _Object], after: Mapping[tuple[str, str], _Object]
) -> tuple[Change, ...]:
    return in_order(_changes(before, after))


def _changes(
    before: Mapping[tuple[str, str], _Object], after: Mapping[tuple[str, str], _Object]
) -> Iterator[Change]:
    gone = {key: item for key, item in before.items() if key not in after}
    come = {key: item for key, item in after.items() if key not in before}
    pages = {item.root: item for item in come.values() if item.kind == "table"}
    renamed = {
        old.name: pages[old.root].name
        for old in gone.values()
        if old.kind == "table" and old.root in pages and old.columns == pages[old.root].columns
    }
    for was, now in renamed.items():
        yield Change(
            kind=ChangeKind.RENAME_TABLE, table=written(was), before=written(was), after=written(now)
        )
    dropped = {item.name for item in gone.values() if item.kind == "table"}
    for item in gone.values():
        if item.kind == "table" and item.name in renamed:
            continue
        if item.kind in ("table", "view"):
            yield Change(kind=_MADE[item.kind][1], table=written(item.name), before=item.sql)
        elif item.table not in dropped:
            yield Change(kind=_MADE[item.kind][1], table=written(item.table), name=item.name, before=item.sql)
    for item in come.values():
        if item.kind == "table" and item.name in renamed.values():
            continue
        name = item.name if item.kind in ("index", "trigger") else None
        yield Change(kind=_MADE[item.kind][0], table=written(item.table), name=name, after=item.sql)
    for key, old in before.items():
        if old.kind == "table" and key in after and after[key] != old:
            yield from _column_changes(written(old.name), old.columns, after[key].columns)


def _column_changes(table: str, old: tuple[_Column, ...], new: tuple[_Column, ...]) -> Iterator[Change]:
    if len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            if before.name != after.name and before.definition == after.definition:
                yield Change(
                    kind=ChangeKind.RENAME_COLUMN,
                    table=table,
                    name=before.name,
                    before=before.name,
                    after=after.name,
                )
        return
    was, now = {column.name for column in old}, {column.name for column in new}
    for column in old:
        if column.name not in now:
            yield Change(kind=ChangeKind.DROP_COLUMN, table=table, name=column.name, before=column.definition)
    for column in new:
        if column.name not in was:
            yield Change(kind=ChangeKind.ADD_COLUMN, table=table, name=column.name, after=column.definition)


def _command(text: str) -> str:
    """Return the first words: ``CREATE TABLE``, ``INSERT``."""
    match = _COMMAND.match(_COMMENTS.sub("", text))
    if match is None:
        return ""
    return f"{match['verb']} {match['noun']}".upper() if match["verb"] else match[0].upper()
