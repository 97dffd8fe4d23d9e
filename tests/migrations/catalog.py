"""All that a database says of its own schema, as lines that can be compared."""

from collections.abc import Iterator

import sqlalchemy as sa

from agent_factory.migrate import catalog
from tests.migrations.runs import connect


def read_catalog(url: str) -> set[str]:
    """Everything in the database but the table ``alembic_version``."""
    with connect(url) as connection:
        told = catalog.read_catalog(connection)
        lines = {f"{one.kind} {one.name}: {one.definition}" for one in told.objects}
        if connection.dialect.name == "sqlite":
            lines |= set(_order_of_columns(connection))
        return lines


def _order_of_columns(connection: sa.Connection) -> Iterator[str]:
    """SQLite's tables are rebuilt by the migrations, and the models' order is to come out of it."""
    inspector = sa.inspect(connection)
    for table in inspector.get_table_names():
        if table != "alembic_version":
            yield f"order of {table}: {[column['name'] for column in inspector.get_columns(table)]}"
