"""Where a database is, and which revisions there are."""

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.applied import describe_past
from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.journal.records import read_if_any
from agent_factory.migrate.model.results import (
    CurrentHead,
    CurrentResult,
    HistoryEntry,
    HistoryResult,
    describe_current,
)
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project


def current(project: Project, target: Target, *, check_heads: bool = False) -> CurrentResult:
    """Say which revisions the database is at. With ``check_heads`` the result is well only at all heads."""
    found = read_current(project, target)
    return CurrentResult(
        database=str(target),
        current=describe(project, found),
        heads=project.effective_heads,
        at_head=set(found) == set(project.effective_heads),
        check_heads=check_heads,
        branches=alembic_project.find_branches(project, project.effective_heads),
    )


def history(project: Project, target: Target, *, with_differences: bool = False) -> HistoryResult:
    """List every revision, newest first, with what the database and its journal have of them."""
    with connect(target, read_only=True) as connection:
        position = alembic_project.read_position(project, connection)
        found = position.rows
        records = read_if_any(project, connection, position)
        listed = describe_past(
            alembic_project.revisions(project),
            applied=alembic_project.ancestors(project, found),
            current=found,
            entries=records.entries if records is not None else None,
        )
        if with_differences and records is not None:
            listed = tuple(_with_difference(entry, records.entries, connection) for entry in listed)
    return HistoryResult(
        database=str(target),
        entries=listed,
        heads=project.heads,
        unknown=tuple(head for head in found if not alembic_project.is_known(project, head)),
        of_unknown_table=records.unknown if records is not None else (),
        branches=alembic_project.find_branches(project, project.heads),
    )


def _with_difference(
    entry: HistoryEntry, entries: Mapping[str, Entry], connection: sa.Connection
) -> HistoryEntry:
    if not entry.is_edited:
        return entry
    difference = journal.difference(connection, entries[entry.revision.id], entry.revision)
    return replace(entry, difference=difference)


def read_current(project: Project, target: Target) -> tuple[str, ...]:
    """Return the revisions that the database is at, over a connection that cannot write."""
    with connect(target, read_only=True) as connection:
        return alembic_project.read_current(project, connection)


def describe(project: Project, current: tuple[str, ...]) -> tuple[CurrentHead, ...]:
    """Say of each revision that a database is at what this checkout knows of it."""
    known = {revision for revision in current if alembic_project.is_known(project, revision)}
    return describe_current(current, heads=project.effective_heads, known=known)
