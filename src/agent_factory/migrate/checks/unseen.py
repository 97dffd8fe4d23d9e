"""What env.py keeps out of autogenerate's sight, by include_name and include_object: nothing to compare."""

from collections.abc import Iterator

import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, CatalogObject
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.project import Models


def find_unseen(
    made: Catalog, migrated: Catalog, models: Models, connection: sa.Connection
) -> frozenset[str]:
    """Return the names of tables and columns that env.py leaves out, and of the types that only these have.

    ``made`` is the catalog of what the models make, ``migrated`` of what the migrations do.
    """
    dialect = connection.dialect
    tables = {
        one.name
        for one in migrated.objects
        if one.kind == "table" and not models.includes(_reflected(one.name, dialect), True)
    }
    modelled = dict(_columns(models, dialect))
    seen, hidden = list[CatalogObject](), list[CatalogObject]()
    for one in (*made.objects, *migrated.objects):
        if one.kind != "column" or one.table is None:
            continue
        column = modelled.get(plain(one.name))
        is_reflected = column is None
        if column is None:
            column = sa.Column(plain(one.name.removeprefix(f"{one.table}.")), sa.types.NullType())
            _reflected(one.table, dialect).append_column(column)
        is_seen = one.table not in tables and models.includes(column, is_reflected)
        (seen if is_seen else hidden).append(one)
    columns = {one.name for one in hidden}
    types = {one.name for one in (*made.objects, *migrated.objects) if one.kind in ("enum", "domain")}
    return frozenset(tables | columns | (types & set(_types(hidden)) - set(_types(seen))))


def _reflected(name: str, dialect: sa.Dialect) -> sa.Table:
    """Return a table as autogenerate finds it in the database, as far as its name goes."""
    schema, _, own = plain(name).rpartition(".")
    is_default = schema in ("", dialect.default_schema_name)
    return sa.Table(own, sa.MetaData(), schema=None if is_default else schema)


def _columns(models: Models, dialect: sa.Dialect) -> Iterator[tuple[str, sa.Column[object]]]:
    """Yield the models' columns with their names in a catalog, without quotes."""
    for table in models.tables:
        schema = f"{table.schema or dialect.default_schema_name or 'public'}."
        prefix = "" if dialect.name == "sqlite" else schema
        for column in table.columns:
            yield plain(f"{prefix}{table.name}.{column.name}"), column


def _types(columns: list[CatalogObject]) -> Iterator[str]:
    """Yield what may be the type of these columns, or of what an array of theirs holds."""
    for one in columns:
        for clause in one.clauses:
            yield clause.removesuffix("[]")
