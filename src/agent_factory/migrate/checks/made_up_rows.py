"""Rows in every table of a throwaway database, made up from its catalog."""

import contextlib
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, CatalogObject
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.checks.hints import Hints, checks_of, foreign_keys_of, name_of, reflect
from agent_factory.migrate.checks.made_up_values import FLAVOURS, literal
from agent_factory.migrate.checks.rows import count_rows, execute, select
from agent_factory.migrate.db.sql import in_quotes
from agent_factory.plain_text import text_of

ROWS = 2
"""Rows in each table: two, since one never breaks a unique constraint."""

_UNBOUNDED = 2**31

_UNCHECKED = {
    "postgresql": (
        ("SET CONSTRAINTS ALL DEFERRED", "SET CONSTRAINTS ALL IMMEDIATE"),
        ("SET LOCAL session_replication_role = replica", "SET LOCAL session_replication_role = origin"),
    ),
    "sqlite": (("PRAGMA defer_foreign_keys = ON", "PRAGMA defer_foreign_keys = OFF"),),
}
"""What lets a row refer to one that comes after it, and what ends that. The second way is a superuser's."""


@dataclass(slots=True)
class Filler:
    """Puts rows into the tables of one database. ``filled`` are those that have got some.

    ``unfilled`` are the tables that have none, each with the reason that the database gave at last.
    """

    hints: Hints
    filled: set[str] = field(default_factory=set)
    unfilled: dict[str, str] = field(default_factory=dict)
    _seen: tuple[Catalog | None, frozenset[str], Mapping[str, sa.Table]] = (None, frozenset(), {})
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fill(self, connection: sa.Connection, catalog: Catalog, *, since: Catalog) -> None:
        """Give every table rows, and rows of ours a value in each column that has none.

        An application would do both between two revisions. A table that has rows and is as it was in
        ``since`` is passed over: a long history has many of them at each step.
        """
        definitions, before = _definitions(catalog), _definitions(since)
        wanted = {
            name
            for name, count in count_rows(connection, catalog, most=ROWS).items()
            if count < ROWS or definitions[name] != before.get(name)
        }
        parents = {
            plain(parent)
            for name in wanted
            for _columns, parent, _theirs in (self.hints[name].foreign_keys if name in self.hints else ())
        }
        if not wanted:
            return
        tables = self._tables(connection, catalog, frozenset(wanted | parents))
        wanted_tables = [table for name, table in tables.items() if plain(name) in wanted]
        for is_first in (True, False):  # what refers to each other needs the rows of the first round
            stuck = []
            for table in wanted_tables:
                if not self._fill_table(connection, table, tables):
                    stuck.append(table)
                elif name_of(table) in self.filled:
                    self._fill_gaps(connection, table, tables)
            if not stuck:
                break
            for circle in self._circles(stuck, tables) if is_first else ():
                self._fill_circle(connection, circle, tables)

    def _tables(
        self, connection: sa.Connection, catalog: Catalog, only: frozenset[str]
    ) -> Mapping[str, sa.Table]:
        """The tables as SQLAlchemy sees them. To ask takes long, and up again they are as they were."""
        if (catalog, only) != self._seen[:2]:
            tables = {name_of(table): table for table in reflect(connection, catalog, only)}
            self._seen = (catalog, only, tables)
        return self._seen[2]

    def empty(self, connection: sa.Connection, tables: Collection[str]) -> None:
        """Delete the rows that were made up, and what refers to them."""
        names = [name for name in self.filled if plain(name) in {plain(table) for table in tables}]
        if names and connection.dialect.name == "postgresql":
            execute(connection, f"TRUNCATE {', '.join(sorted(names))} CASCADE")
        elif names:
            for name in sorted(names):
                execute(connection, f"DELETE FROM {name}")  # noqa: S608 - a name from the catalog
        self.filled.clear()

    def _fill_table(self, connection: sa.Connection, table: sa.Table, tables: Mapping[str, sa.Table]) -> bool:
        """Put in the rows that the table lacks; say whether it has any."""
        name = name_of(table)
        there = len(select(connection, f"SELECT 1 FROM {name} LIMIT {ROWS}"))  # noqa: S608
        for index in range(there, ROWS):
            why = self._insert(connection, table, tables, index)
            if why is None:
                self.filled.add(name)
                self.unfilled.pop(name, None)
            elif index == 0:
                self.unfilled[name] = why
                return False
        return True

    def _fill_circle(
        self, connection: sa.Connection, circle: frozenset[str], tables: Mapping[str, sa.Table]
    ) -> None:
        """Put rows into tables that refer to each other: their keys are known before they are there."""
        for index in range(ROWS):
            number = next(self._numbers)
            for (first, last), flavour in itertools.product(
                _UNCHECKED[connection.dialect.name], range(FLAVOURS)
            ):
                try:
                    with connection.begin_nested():
                        execute(connection, first)
                        for name in sorted(circle):
                            row = self._row(connection, tables[name], tables, number, index, flavour, circle)
                            execute(connection, _insert(name, row))
                        execute(connection, last)
                except _NoParentError:
                    return
                except sa.exc.DBAPIError as error:
                    self.unfilled |= dict.fromkeys(circle - self.filled, _said(error))
                else:
                    self.filled |= circle
                    break

    def _circles(
        self, stuck: Collection[sa.Table], tables: Mapping[str, sa.Table]
    ) -> Iterator[frozenset[str]]:
        """The tables of which each has to refer to another, and that one to it, if through further ones."""
        needs = {
            name_of(table): {
                parent
                for columns, parent, _theirs in self._foreign_keys(table, tables)
                if not all(table.c[column].nullable for column in columns)
            }
            for table in stuck
        }
        reached = {name: _reached(name, needs) for name in needs}
        yield from {
            frozenset(other for other in found if name in reached.get(other, ()))
            for name, found in reached.items()
            if name in found
        }

    def _insert(
        self, connection: sa.Connection, table: sa.Table, tables: Mapping[str, sa.Table], index: int
    ) -> str | None:
        """Put in one row, the ``index``-th; return None, or why the database takes none."""
        number = next(self._numbers)
        why = ""
        for flavour in range(FLAVOURS):
            try:
                row = self._row(connection, table, tables, number, index, flavour)
                with connection.begin_nested():
                    execute(connection, _insert(name_of(table), row))
            except _NoParentError as error:
                return text_of(error)
            except sa.exc.DBAPIError as error:
                why = _said(error)
            else:
                return None
        return why

    def _row(
        self,
        connection: sa.Connection,
        table: sa.Table,
        tables: Mapping[str, sa.Table],
        number: int,
        index: int,
        flavour: int,
        circle: Collection[str] = (),
    ) -> dict[str, object]:
        """Make up one row. What refers to a table of ``circle`` refers to its row of the same number."""
        row: dict[str, object] = {}
        for columns, parent, parent_columns in self._foreign_keys(table, tables):
            keys = _keys(connection, parent, parent_columns) if parent not in circle else []
            if parent in circle:
                row.update(
                    zip(columns, self._key(tables[parent], parent_columns, number, flavour), strict=True)
                )
            elif keys:
                row.update(zip(columns, keys[index % len(keys)], strict=True))
            elif all(table.c[column].nullable for column in columns):
                row.update(dict.fromkeys(columns))
            else:
                raise _NoParentError(f"it refers to {parent}, which has no rows")
        for name in circle:
            for _columns, parent, own in self._foreign_keys(tables[name], tables):
                if parent == name_of(table):
                    row.update(zip(own, self._key(table, own, number, flavour), strict=True))
        for place, column in enumerate(table.columns):
            if column.name not in row and _is_ours(column):
                row[column.name] = self._value(table, column, number, place, flavour)
        return row

    def _key(self, table: sa.Table, columns: Sequence[str], number: int, flavour: int) -> list[str]:
        """What these columns of a row of this number hold, wherever the row is referred to."""
        return [self._value(table, table.c[column], number, 0, flavour) for column in columns]

    def _value(self, table: sa.Table, column: sa.Column[Any], number: int, place: int, flavour: int) -> str:
        hint = self.hints.get(plain(name_of(table)))
        checks = [*checks_of(table), *(hint.checks if hint else ())]
        type_ = column.type
        if hint is not None and isinstance(type_, sa.String) and column.name in hint.types:
            newest = hint.types[column.name]  # whatever the newest type reads is a text today
            lengths = type_.length or _UNBOUNDED, getattr(newest, "length", None) or _UNBOUNDED
            if not isinstance(newest, sa.String) or lengths[1] < lengths[0]:
                type_ = newest
        return literal(column.name, type_, number, place, flavour, checks)

    def _foreign_keys(
        self, table: sa.Table, tables: Mapping[str, sa.Table]
    ) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...]]]:
        """Those of the table, and those to come between columns that are there already."""
        seen = set()
        for key in foreign_keys_of(table):
            seen.add(key[0])
            yield key
        hint = self.hints.get(plain(name_of(table)))
        for columns, parent, parent_columns in hint.foreign_keys if hint else ():
            other = tables.get(parent)
            if (
                columns not in seen
                and other is not None
                and all(column in table.c for column in columns)
                and all(column in other.c for column in parent_columns)
            ):
                yield columns, parent, parent_columns

    def _fill_gaps(self, connection: sa.Connection, table: sa.Table, tables: Mapping[str, sa.Table]) -> None:
        """Values in the columns of our rows that are NULL, as far as constraints let them."""
        name = name_of(table)
        place_of_row = "ctid" if connection.dialect.name == "postgresql" else "rowid"
        keys = {column: key for key in self._foreign_keys(table, tables) for column in key[0]}
        for place, column in enumerate(table.columns):
            if not column.nullable or column.computed is not None or column.identity is not None:
                continue
            spelled = in_quotes(column.name)
            with contextlib.suppress(sa.exc.DBAPIError), connection.begin_nested():
                found = select(
                    connection,
                    f"SELECT {place_of_row} FROM {name} WHERE {spelled} IS NULL LIMIT {ROWS}",  # noqa: S608
                )
                for index, (row,) in enumerate(found):
                    if column.name in keys:
                        _columns, parent, parent_columns = keys[column.name]
                        values = _keys(connection, parent, parent_columns)
                        if not values or len(parent_columns) > 1:
                            continue
                        value = values[index % len(values)][0]
                    else:
                        value = self._value(table, column, next(self._numbers), place, 0)
                    with contextlib.suppress(sa.exc.DBAPIError), connection.begin_nested():
                        execute(
                            connection,
                            f"UPDATE {name} SET {spelled} = {_spelled(value)}"  # noqa: S608
                            f" WHERE {place_of_row} = {_spelled(row)}",
                        )


class _NoParentError(Exception):
    """A row refers to a table that has none."""


def _reached(name: str, needs: Mapping[str, Collection[str]]) -> set[str]:
    """Whatever one gets to from here."""
    found: set[str] = set()
    left = [name]
    while left:
        further = set(needs.get(left.pop(), ())) - found
        found |= further
        left += further
    return found


def _definitions(catalog: Catalog) -> dict[str, list[CatalogObject]]:
    """What each table is made of, by its name without quotes."""
    tables: dict[str, list[CatalogObject]] = {
        plain(one.name): [] for one in catalog.objects if one.kind == "table"
    }
    for one in catalog.objects:
        if one.table is not None and plain(one.table) in tables:
            tables[plain(one.table)].append(one)
    return tables


def _spelled(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _insert(name: str, row: Mapping[str, object]) -> str:
    if not row:
        return f"INSERT INTO {name} DEFAULT VALUES"
    columns = ", ".join(in_quotes(column) for column in row)
    values = ", ".join(_spelled(value) for value in row.values())
    return f"INSERT INTO {name} ({columns}) VALUES ({values})"  # noqa: S608 - made up here


def _said(error: sa.exc.DBAPIError) -> str:
    return text_of(error.orig or error).strip().partition("\n")[0]


def _keys(connection: sa.Connection, parent: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    names = ", ".join(in_quotes(column) for column in columns)
    present = " AND ".join(f"{in_quotes(column)} IS NOT NULL" for column in columns)
    query = f"SELECT DISTINCT {names} FROM {parent} WHERE {present} ORDER BY {names} LIMIT {ROWS}"  # noqa: S608
    return [tuple(row) for row in select(connection, query)]


def _is_ours(column: sa.Column[Any]) -> bool:
    """Say whether a row has to bring the value: the database has none of its own."""
    return column.server_default is None and column.computed is None and column.identity is None
