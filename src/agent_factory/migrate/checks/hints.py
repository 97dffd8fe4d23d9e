"""What a schema asks of the rows of its tables, as SQLAlchemy sees them."""

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.db.sql import in_quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What the newest revision says of a table: rows that it accepts hinder no revision."""

    checks: tuple[str, ...]
    types: Mapping[str, sa.types.TypeEngine[Any]]
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]


Hints = Mapping[str, Hint]


def read_hints(connection: sa.Connection, catalog: Catalog) -> Hints:
    """Return what this schema asks of the rows of each table."""
    return {
        plain(name_of(table)): Hint(
            checks=tuple(checks_of(table)),
            types={column.name: column.type for column in table.columns},
            foreign_keys=tuple(foreign_keys_of(table)),
        )
        for table in reflect(connection, catalog)
    }


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
    return tuple(table for table in tables if plain(name_of(table)) in present)


def name_of(table: sa.Table) -> str:
    """Return the name of a table as SQL needs it."""
    schema = table.info.get("schema")
    return f"{in_quotes(schema)}.{in_quotes(table.name)}" if schema else in_quotes(table.name)


def checks_of(table: sa.Table) -> list[str]:
    """Return the conditions of the CHECKs of a table."""
    return [str(item.sqltext) for item in table.constraints if isinstance(item, sa.CheckConstraint)]


def foreign_keys_of(table: sa.Table) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """Yield the columns of each foreign key, the table that it refers to, and the columns there."""
    for constraint in table.foreign_key_constraints:
        parent = constraint.elements[0].column.table
        yield (
            tuple(constraint.column_keys),
            name_of(parent),
            tuple(element.column.name for element in constraint.elements),
        )
