"""The rows of a throwaway database's tables: how they are read, and what a downgrade has made of them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog
from agent_factory.migrate.checks.expressible import plain

_MOST_READ = 1000
"""A table with more rows, which a revision has put there, is not compared row by row."""

_AT_ONCE = 200
"""Of how many tables one statement reads; SQLite takes no more than 500."""

_PRIMARY_KEY = re.compile(r"PRIMARY KEY \((.*?)\)")

Columns = Mapping[str, Mapping[str, str]]
"""Definitions of columns by table and column, as SQL needs these names."""


def columns_of(catalog: Catalog) -> Columns:
    """Return the definitions of all columns of tables."""
    tables: dict[str, dict[str, str]] = {one.name: {} for one in catalog.objects if one.kind == "table"}
    for one in catalog.objects:
        if one.kind == "column" and one.table in tables:
            tables[one.table][one.name.removeprefix(f"{one.table}.")] = one.definition
    return tables


def common_columns(*catalogs: Catalog) -> dict[str, tuple[str, ...]]:
    """Return the tables that all have, each with the columns that are the same in all."""
    first, *others = (columns_of(catalog) for catalog in catalogs)
    return {
        table: tuple(
            column
            for column, definition in columns.items()
            if all(other[table].get(column) == definition for other in others)
        )
        for table, columns in first.items()
        if all(table in other for other in others)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one table: each value as Python would write it, in the order of ``columns``."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def only(self, columns: Sequence[str]) -> Counter[tuple[str, ...]]:
        """Return how often there is each row, as far as these columns go."""
        places = [self.columns.index(column) for column in columns]
        return Counter(tuple(row[place] for place in places) for row in self.rows)

    def by_key(self, key: Sequence[str], columns: Sequence[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return these columns of each row, by its primary key."""
        of_key = [self.columns.index(column) for column in key]
        places = [self.columns.index(column) for column in columns]
        return {
            tuple(row[place] for place in of_key): tuple(row[place] for place in places) for row in self.rows
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a database has between two runs of a revision."""

    catalog: Catalog
    rows: Mapping[str, Rows]


def compare_rows(before: Step, up: Step, down: Step) -> tuple[list[str], list[str]]:
    """Return what a downgrade has taken away and what it has changed of what the upgrade has left as it was.

    Both are described in words, for each table. A row is known by its primary key; where there is none,
    whole rows are compared, and one that was changed is one that is gone.
    """
    lost: list[str] = []
    changed: list[str] = []
    steps = (before, up, down)
    keys = [_primary_keys(step.catalog) for step in steps]
    for table, columns in common_columns(*(step.catalog for step in steps)).items():
        if not columns or not all(table in step.rows for step in steps):
            continue
        rows = [step.rows[table] for step in steps]
        key = keys[0].get(table, ())
        if key and set(key) <= set(columns) and all(other.get(table) == key for other in keys):
            count, of, others = _compare_by_key(*(some.by_key(key, columns) for some in rows))
            changed += [f"{table}.{columns[place]}: {number} of {of} rows" for place, number in others]
        else:
            first, second, third = (some.only(columns) for some in rows)
            count, of = ((first & second) - third).total(), (first & second).total()
        if count:
            lost.append(f"{table}: {count} of {of} rows")
    return lost, changed


_ByKey = Mapping[tuple[str, ...], tuple[str, ...]]


def _compare_by_key(before: _ByKey, up: _ByKey, down: _ByKey) -> tuple[int, int, list[tuple[int, int]]]:
    """How many rows are gone, of how many, and in how many each column, by its place, is another's now."""
    kept = before.keys() & up.keys()
    changed = Counter(
        place
        for key in kept & down.keys()
        for place, (old, new, newest) in enumerate(zip(before[key], up[key], down[key], strict=True))
        if old == new != newest
    )
    return len(kept - down.keys()), len(kept), sorted(changed.items())


def _primary_keys(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The columns of the primary key of each table that has one."""
    return {
        one.table: tuple(match[1].split(", "))
        for one in catalog.objects
        if one.kind == "constraint" and one.table is not None
        for match in [_PRIMARY_KEY.match(one.definition)]
        if match is not None
    }


def read_rows(connection: sa.Connection, catalog: Catalog) -> dict[str, Rows]:
    """Return the rows of every table, but of one that has very many."""
    tables = {table: tuple(columns) for table, columns in columns_of(catalog).items() if columns}
    read = _rows_as_json if connection.dialect.name == "postgresql" else _rows_one_by_one
    return {
        table: Rows(columns=tables[table], rows=tuple(rows))
        for table, rows in read(connection, tables)
        if len(rows) <= _MOST_READ
    }


_Read = Iterator[tuple[str, list[tuple[str, ...]]]]


def _rows_as_json(connection: sa.Connection, tables: Mapping[str, tuple[str, ...]]) -> _Read:
    """A few messages for all tables: one for each would take most of the time of a long history."""
    for names in _batches(list(tables)):
        queries = [
            f"(SELECT {number}, to_json(ROW({', '.join(tables[name])}))::text"  # noqa: S608
            f" FROM {name} LIMIT {_MOST_READ + 1})"
            for number, name in enumerate(names)
        ]
        found: list[list[tuple[str, ...]]] = [[] for _name in names]
        for number, row in select(connection, " UNION ALL ".join(queries)):
            found[number].append(tuple(repr(value) for value in json.loads(row).values()))
        yield from zip(names, found, strict=True)


def _rows_one_by_one(connection: sa.Connection, tables: Mapping[str, tuple[str, ...]]) -> _Read:
    for name, columns in tables.items():
        rows = select(connection, f"SELECT {', '.join(columns)} FROM {name} LIMIT {_MOST_READ + 1}")  # noqa: S608
        yield name, [tuple(repr(value) for value in row) for row in rows]


def count_rows(connection: sa.Connection, catalog: Catalog, *, most: int) -> dict[str, int]:
    """Return how many rows each table has, by its name without quotes; no more than ``most`` are counted."""
    counts = {}
    names = [one.name for one in catalog.objects if one.kind == "table"]
    for some in _batches(names):
        queries = [
            f"SELECT {number}, count(*) FROM (SELECT 1 FROM {name} LIMIT {most}) AS t"  # noqa: S608
            for number, name in enumerate(some)
        ]
        for number, count in select(connection, " UNION ALL ".join(queries)):
            counts[plain(some[number])] = int(count)
    return counts


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]


def execute(connection: sa.Connection, statement: str) -> Any:
    """Run a statement as it is."""
    # A percent sign is one: psycopg2 reads parameters only where some are given.
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def select(connection: sa.Connection, query: str) -> Sequence[Any]:
    """Return all rows of a query."""
    rows: Sequence[Any] = execute(connection, query).fetchall()
    return rows
