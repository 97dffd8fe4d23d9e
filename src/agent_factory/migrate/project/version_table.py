"""The table in which Alembic keeps where a database is."""

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import sqlite3_connection
from agent_factory.migrate.db.version_tables import refuse_without_column, resolve
from agent_factory.migrate.db.watched_file import own_file_cursor
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project.alembic_internals import version_rows_table, version_table_name


def resolve_version_table(connection: sa.Connection, context: MigrationContext) -> VersionTable:
    """Return the table that env.py's options mean on this connection, as it is set right now.

    That counts what env.py did to it before: search_path, a role, ``schema_translate_map``. Raises
    RefusedError where this role may not see every row, or where it is another table than Alembic makes.
    """
    name, _schema = version_table_name(context)
    if connection.dialect.name != "postgresql":
        table = VersionTable(schema=None, name=name)
        file = own_file_cursor(sqlite3_connection(connection))
        columns = file.execute("SELECT name FROM pragma_table_info(?)", [name]).fetchall()
        refuse_without_column(table, [column for (column,) in columns])
        return table
    schema = connection.schema_for_object(version_rows_table(context))
    with own_cursor(connection) as cursor:
        table, _is_there = resolve(cursor, name, schema)
        return table


def version_table_has_key(connection: sa.Connection, table: VersionTable) -> bool:
    """Say whether the table has a primary key; True where there is none yet: Alembic makes it with one."""
    inspector = sa.inspect(connection)
    is_there = inspector.has_table(table.name, schema=table.schema)
    has_columns = is_there and inspector.get_pk_constraint(table.name, schema=table.schema)
    connection.rollback()
    return bool(not is_there or (has_columns and has_columns["constrained_columns"]))
