"""Rows in every table of a throwaway database, made up from its catalog, and what becomes of them."""

import contextlib
import itertools
import json
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, CatalogObject
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.checks.made_up_values import FLAVOURS, literal

ROWS = 2
"""Rows in each table: two, since one never breaks a unique constraint."""

_MOST_READ = 1000
"""A table with more rows, which a revision has put there, is not compared row by row."""

_AT_ONCE = 200
"""Of how many tables one statement reads; SQLite takes no more than 500."""

_UNBOUNDED = 2**31

Columns = Mapping[str, Mapping[str, str]]
"""Definitions of columns by table and column, as SQL needs these names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What the newest revision says of a table: rows that it accepts are not in the way of any revision."""

    checks: tuple[str, ...]
    types: Mapping[str, sa.types.TypeEngine[Any]]
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]


Hints = Mapping[str, Hint]


@dataclass(slots=True)
class Filler:
    """Puts rows into the tables of one database. ``filled`` are those that have got some.

    ``unfilled`` are the tables that have none, each with the reason that the database gave at last.
    """

    hints: Hints
    filled: set[str] = field(default_factory=set)
    unfilled: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fill(self, connection: sa.Connection, catalog: Catalog, *, since: Catalog) -> None:
        """Give every table rows, and rows of ours a value in each column that has none.

        An application would do both between two revisions. A table that has rows and is as it was in
        ``since`` is passed over: a long history has many of them at each step.
        """
        definitions, before = _definitions(catalog), _definitions(since)
        wanted = {
            name
            for name, count in _count_rows(connection, catalog).items()
            if count < ROWS or definitions[name] != before.get(name)
        }
        parents = {
            plain(parent)
            for name in wanted
            for _columns, parent, _theirs in (self.hints[name].foreign_keys if name in self.hints else ())
        }
        tables = {_name(table): table for table in reflect(connection, catalog, wanted | parents)}
        for _round in range(2):  # tables that refer to each other need the rows of the first round
            for name, table in tables.items():
                if plain(name) not in wanted:
                    continue
                self._fill_table(connection, table, tables)
                if name in self.filled:
                    self._fill_gaps(connection, table, tables)

    def empty(self, connection: sa.Connection, tables: Collection[str]) -> None:
        """Delete the rows that were made up, and what refers to them."""
        names = [name for name in self.filled if plain(name) in {plain(table) for table in tables}]
        if names and connection.dialect.name == "postgresql":
            _execute(connection, f"TRUNCATE {', '.join(sorted(names))} CASCADE")
        elif names:
            for name in sorted(names):
                _execute(connection, f"DELETE FROM {name}")  # noqa: S608 - a name from the catalog
        self.filled.clear()

    def _fill_table(self, connection: sa.Connection, table: sa.Table, tables: Mapping[str, sa.Table]) -> None:
        name = _name(table)
        there = len(_select(connection, f"SELECT 1 FROM {name} LIMIT {ROWS}"))  # noqa: S608
        for index in range(there, ROWS):
            why = self._insert(connection, table, tables, index)
            if why is None:
                self.filled.add(name)
                self.unfilled.pop(name, None)
            elif index == 0:
                self.unfilled[name] = why

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
                    _execute(connection, _insert(_name(table), row))
            except _NoParentError as error:
                return str(error)
            except sa.exc.DBAPIError as error:
                why = str(error.orig).strip().partition("\n")[0]
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
    ) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for columns, parent, parent_columns in self._foreign_keys(table, tables):
            keys = _keys(connection, parent, parent_columns)
            if keys:
                row.update(zip(columns, keys[index % len(keys)], strict=True))
            elif all(table.c[column].nullable for column in columns):
                row.update(dict.fromkeys(columns))
            elif parent == _name(table):
                own = str(number)
                row.update(dict.fromkeys((*columns, *parent_columns), own))
            else:
                raise _NoParentError(f"it refers to {parent}, which has no rows")
        for place, column in enumerate(table.columns):
            if column.name not in row and _is_ours(column):
                row[column.name] = self._value(table, column, number, place, flavour)
        return row

    def _value(self, table: sa.Table, column: sa.Column[Any], number: int, place: int, flavour: int) -> str:
        hint = self.hints.get(plain(_name(table)))
        checks = [*_checks(table), *(hint.checks if hint else ())]
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
        for key in _reflected_keys(table):
            seen.add(key[0])
            yield key
        hint = self.hints.get(plain(_name(table)))
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
        name = _name(table)
        place_of_row = "ctid" if connection.dialect.name == "postgresql" else "rowid"
        keys = {column: key for key in self._foreign_keys(table, tables) for column in key[0]}
        for place, column in enumerate(table.columns):
            if not column.nullable or column.computed is not None or column.identity is not None:
                continue
            spelled = _quoted(column.name)
            with contextlib.suppress(sa.exc.DBAPIError), connection.begin_nested():
                found = _select(
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
                        _execute(
                            connection,
                            f"UPDATE {name} SET {spelled} = {_spelled(value)}"  # noqa: S608
                            f" WHERE {place_of_row} = {_spelled(row)}",
                        )


class _NoParentError(Exception):
    """A row refers to a table that has none."""


def read_hints(connection: sa.Connection, catalog: Catalog) -> Hints:
    """Return what this schema asks of the rows of each table."""
    return {
        plain(_name(table)): Hint(
            checks=tuple(_checks(table)),
            types={column.name: column.type for column in table.columns},
            foreign_keys=tuple(_reflected_keys(table)),
        )
        for table in reflect(connection, catalog)
    }


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
        for number, row in _select(connection, " UNION ALL ".join(queries)):
            found[number].append(tuple(repr(value) for value in json.loads(row).values()))
        yield from zip(names, found, strict=True)


def _rows_one_by_one(connection: sa.Connection, tables: Mapping[str, tuple[str, ...]]) -> _Read:
    for name, columns in tables.items():
        rows = _select(connection, f"SELECT {', '.join(columns)} FROM {name} LIMIT {_MOST_READ + 1}")  # noqa: S608
        yield name, [tuple(repr(value) for value in row) for row in rows]


def _count_rows(connection: sa.Connection, catalog: Catalog) -> dict[str, int]:
    """How many rows each table has, by its name without quotes; no more than ROWS are counted."""
    counts = {}
    names = [one.name for one in catalog.objects if one.kind == "table"]
    for some in _batches(names):
        queries = [
            f"SELECT {number}, count(*) FROM (SELECT 1 FROM {name} LIMIT {ROWS}) AS t"  # noqa: S608
            for number, name in enumerate(some)
        ]
        for number, count in _select(connection, " UNION ALL ".join(queries)):
            counts[plain(some[number])] = int(count)
    return counts


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]


def _definitions(catalog: Catalog) -> dict[str, list[CatalogObject]]:
    """What each table is made of, by its name without quotes."""
    tables: dict[str, list[CatalogObject]] = {
        plain(one.name): [] for one in catalog.objects if one.kind == "table"
    }
    for one in catalog.objects:
        if one.table is not None and plain(one.table) in tables:
            tables[plain(one.table)].append(one)
    return tables


def reflect(
    connection: sa.Connection, catalog: Catalog, only: Collection[str] | None = None
) -> tuple[sa.Table, ...]:
    """Return the tables of the catalog as SQLAlchemy sees them, those that are referred to first.

    With ``only`` it is these, named without quotes, and those that they refer to.
    """
    present = {plain(one.name) for one in catalog.objects if one.kind == "table"}
    names = present if only is None else present & set(only)
    default = connection.dialect.default_schema_name
    metadata = sa.MetaData()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # types and expressions that it does not know
        for schema in sorted({name.rpartition(".")[0] for name in names}):
            metadata.reflect(
                connection,
                schema=None if schema in ("", default) else schema,
                only=lambda table, _metadata, schema=schema: (
                    (f"{schema}.{table}" if schema else table) in names
                ),
            )
        tables = metadata.sorted_tables
    for table in tables:
        table.info["schema"] = table.schema or (default if connection.dialect.name == "postgresql" else None)
    return tuple(table for table in tables if plain(_name(table)) in present)


def _name(table: sa.Table) -> str:
    schema = table.info.get("schema")
    return f"{_quoted(schema)}.{_quoted(table.name)}" if schema else _quoted(table.name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _spelled(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _insert(name: str, row: Mapping[str, Any]) -> str:
    if not row:
        return f"INSERT INTO {name} DEFAULT VALUES"
    columns = ", ".join(_quoted(column) for column in row)
    values = ", ".join(_spelled(value) for value in row.values())
    return f"INSERT INTO {name} ({columns}) VALUES ({values})"  # noqa: S608 - made up here


def _execute(connection: sa.Connection, statement: str) -> Any:
    # A percent sign is one: psycopg2 looks for parameters only where some are given.
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _select(connection: sa.Connection, query: str) -> Sequence[Any]:
    rows: Sequence[Any] = _execute(connection, query).fetchall()
    return rows


def _keys(connection: sa.Connection, parent: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    names = ", ".join(_quoted(column) for column in columns)
    present = " AND ".join(f"{_quoted(column)} IS NOT NULL" for column in columns)
    query = f"SELECT DISTINCT {names} FROM {parent} WHERE {present} ORDER BY {names} LIMIT {ROWS}"  # noqa: S608
    return [tuple(row) for row in _select(connection, query)]


def _is_ours(column: sa.Column[Any]) -> bool:
    """Say whether a row has to bring the value: the database has none of its own."""
    return column.server_default is None and column.computed is None and column.identity is None


def _checks(table: sa.Table) -> list[str]:
    return [str(item.sqltext) for item in table.constraints if isinstance(item, sa.CheckConstraint)]


def _reflected_keys(table: sa.Table) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    for constraint in table.foreign_key_constraints:
        parent = constraint.elements[0].column.table
        yield (
            tuple(constraint.column_keys),
            _name(parent),
            tuple(element.column.name for element in constraint.elements),
        )
