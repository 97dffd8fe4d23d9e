"""What the journal of a database has of one history of a project."""

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.version_tables import other_version_tables
from agent_factory.migrate.journal.found import FoundJournal, find_journal
from agent_factory.migrate.journal.histories import Records, sort_out
from agent_factory.migrate.journal.moved import find_moved
from agent_factory.migrate.journal.read import Entry, read_rows
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project import Project
from agent_factory.migrate.revisions.normalise import file_sha256


def find(connection: sa.Connection) -> FoundJournal | None:
    """Return the journal that the database has, or None. Raises RefusedError as ``find_journal`` does."""
    with own_cursor(connection) as cursor:
        return find_journal(cursor)


def read_records(
    project: Project, connection: sa.Connection, found: FoundJournal, position: Position
) -> Records:
    """Return what this journal, which this role may read, has of the history that stands there."""
    with own_cursor(connection) as cursor:
        own, unassigned = read_rows(cursor, found, position.table)
        applied = alembic_project.ancestors(project, position.rows)
        moved = find_moved(cursor, found, position.rows, applied) if not own else None
        if moved is not None:
            own = moved.entries
        moved_from = moved.table if moved is not None else None
        if not unassigned:
            return Records(entries=own, moved_from=moved_from)
        is_alone = not other_version_tables(cursor, position.table)
    records = sort_out(
        own.values(),
        unassigned,
        is_alone=is_alone,
        files={one.id: file_sha256(one.path) for one in alembic_project.revisions(project)},
        applied=applied,
    )
    return replace(records, moved_from=moved_from)


def read_if_any(project: Project, connection: sa.Connection, position: Position) -> Records | None:
    """Return the same, or None where the database keeps no journal that this role may read."""
    if connection.dialect.name != "postgresql":
        return None
    found = find(connection)
    if found is None or not found.may_read:
        return None
    return read_records(project, connection, found, position)


def newest_of_others(connection: sa.Connection, table: VersionTable) -> int:
    """Return the id of the newest row of other histories than this table's; 0 where none can be known.

    Where it has grown, another history has run meanwhile.
    """
    found = find(connection) if connection.dialect.name == "postgresql" else None
    if found is None or not found.may_read or not found.names_version_tables:
        return 0
    with own_cursor(connection) as cursor:
        cursor.execute(
            "SELECT coalesce(max(id), 0) FROM af_db.journal"
            " WHERE (version_schema, version_table) IS DISTINCT FROM (%s::text, %s::text)",
            [table.schema, table.name],
        )
        ((newest,),) = cursor.fetchall()
        return int(newest)


def read_all_entries(connection: sa.Connection, table: VersionTable) -> Mapping[str, Entry]:
    """Return the latest entries of what may have run on this table, rows of an unknown one included.

    Unlike ``read_records`` it asks nothing of the revision files, which may have two of one id.
    """
    found = find(connection) if connection.dialect.name == "postgresql" else None
    if found is None or not found.may_read:
        return {}
    with own_cursor(connection) as cursor:
        own, unassigned = read_rows(cursor, found, table)
    return {entry.revision: entry for entry in sorted([*own.values(), *unassigned], key=lambda one: one.id)}
