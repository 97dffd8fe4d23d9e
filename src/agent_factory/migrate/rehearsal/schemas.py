"""Schemas that a database has before its first revision, since none makes them: those of tenants, mostly."""

import re
from collections.abc import Collection

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import autocommit_cursor, own_cursor
from agent_factory.migrate.db.sql import in_quotes
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.scratch import Scratch


def schemas_to_begin_with(
    project: Project, connection: sa.Connection, table: VersionTable
) -> tuple[str, ...]:
    """Return the schemas that the migrations need and none of them makes.

    That of the version table, which Alembic makes before the first revision runs; and the one in which this
    session makes tables, as env.py has left it, unless a revision's text says that it makes that.
    """
    if connection.dialect.name != "postgresql" or table.schema is None:
        return ()
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT current_schema()::text")
        ((here,),) = cursor.fetchall()
    needed = [table.schema]
    if here is not None and not _is_made_by_a_revision(project, here):
        needed.append(here)
    return tuple(dict.fromkeys(needed))


def make_schemas(scratch: Scratch, schemas: Collection[str]) -> None:
    """Make these schemas, empty, where the database lacks them."""
    if not schemas:
        return
    with connect(scratch.target) as connection, autocommit_cursor(connection) as cursor:
        for name in schemas:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {in_quotes(name)}")


def _is_made_by_a_revision(project: Project, schema: str) -> bool:
    makes = re.compile(rf"create_?schema\b.*\b{re.escape(schema)}\b", re.IGNORECASE)
    made = re.compile(rf"create\s+schema\b.*\b{re.escape(schema)}\b", re.IGNORECASE)
    for revision in alembic_project.revisions(project):
        text = revision.path.read_bytes().decode(errors="replace")
        if makes.search(text) or made.search(text):
            return True
    return False
