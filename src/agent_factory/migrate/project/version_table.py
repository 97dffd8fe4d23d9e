"""The table in which Alembic keeps where a database is."""

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import sqlite3_connection
from agent_factory.migrate.db.version_tables import refuse_without_column, resolve
from agent_factory.migrate.db.watched_file import own_file_cursor
from agent_factory.migrate.model.errors import UNCHANGED, UsageError
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project.alembic_internals import version_rows_table, version_table_name


def resolve_version_table(connection: sa.Connection, context: MigrationContext) -> VersionTable:
    """Return the table that env.py's options mean on this connection, as it is set right now.

    That counts what env.py did to it before: search_path, a role, ``schema_translate_map``. Raises
    RefusedError where this role may not see every row, or where it is another table than Alembic makes, and
    UsageError where its name is too long, or Alembic would not find the table that it has made.
    """
    name, named_schema = version_table_name(context)
    if connection.dialect.name != "postgresql":
        table = VersionTable(schema=None, name=name)
        file = own_file_cursor(sqlite3_connection(connection))
        columns = file.execute("SELECT name FROM pragma_table_info(?)", [name]).fetchall()
        refuse_without_column(table, [column for (column,) in columns])
        return table
    schema = connection.schema_for_object(version_rows_table(context))
    with own_cursor(connection) as cursor:
        table, is_there = resolve(cursor, name, schema)
        if schema != named_schema:
            _refuse_unseen(table, *resolve(cursor, name, named_schema))
    if not is_there:
        _require_room_for_key(connection, context, name)
    return table


def _refuse_unseen(table: VersionTable, looked_for: VersionTable, is_there: bool) -> None:
    """Raise UsageError where Alembic asks for its table by another schema than that in which it makes it.

    It does so where ``schema_translate_map`` has the version table's schema: it never finds a row again.
    """
    if not is_there and looked_for != table:
        raise UsageError(
            "bad-configuration",
            f"env.py's schema_translate_map has Alembic write its revisions to {table}, and it reads "
            f"them from {looked_for}: it would begin with the first revision again each time",
            state=UNCHANGED,
            next_steps=(f"name the schema: context.configure(version_table_schema={table.schema!r}, ...)",),
        )


def _require_room_for_key(connection: sa.Connection, context: MigrationContext, name: str) -> None:
    """Raise UsageError where the table cannot be made: its primary key has its name and four letters more.

    SQLAlchemy counts the characters, and refuses when the first revision has run.
    """
    key = version_rows_table(context).primary_key.name
    longest = connection.dialect.max_identifier_length
    if isinstance(key, str) and len(key) > longest:
        most = longest - (len(key) - len(name))
        raise UsageError(
            "bad-configuration",
            f"the version table's name is too long: that of its primary key, {key}, has {len(key)} "
            f"characters, and may have {longest}",
            state=UNCHANGED,
            next_steps=(f"give env.py a shorter one: version_table, up to {most} characters",),
        )


def version_table_has_key(connection: sa.Connection, table: VersionTable) -> bool:
    """Say whether the table has a primary key; True where there is none yet: Alembic makes it with one."""
    inspector = sa.inspect(connection)
    is_there = inspector.has_table(table.name, schema=table.schema)
    has_columns = is_there and inspector.get_pk_constraint(table.name, schema=table.schema)
    connection.rollback()
    return bool(not is_there or (has_columns and has_columns["constrained_columns"]))
