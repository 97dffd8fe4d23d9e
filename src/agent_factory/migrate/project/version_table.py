"""The table in which Alembic keeps where a database is, read as a table."""

from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate.project.alembic_internals import version_table_name
from agent_factory.migrate.project.environment import read_configured
from agent_factory.migrate.project.history import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTable:
    """``name`` is as env.py configures it. ``rows`` are all of them, sorted, one that is there twice as well.

    ``has_key`` is True for a table that is not there: Alembic makes it with its primary key.
    """

    name: str
    rows: tuple[str, ...]
    has_key: bool


def read_version_table(project: Project, connection: sa.Connection) -> VersionTable:
    """Read the version table; nothing is written. Raises what ``read_current`` raises."""
    configured = read_configured(project, connection)
    name, schema = version_table_name(configured.context)
    inspector = sa.inspect(connection)
    has_key = True
    if inspector.has_table(name, schema=schema):
        has_key = bool(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])
    connection.rollback()
    return VersionTable(name=name, rows=tuple(sorted(configured.rows)), has_key=has_key)
