"""Where a database is, and which revisions there are."""

import sqlalchemy as sa

from agent_factory.migrate import journal, preflight, server
from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.connection import connect
from agent_factory.migrate.plan import Revision
from agent_factory.migrate.project import Project
from agent_factory.migrate.results import (
    AppliedBy,
    CurrentHead,
    CurrentResult,
    HistoryEntry,
    HistoryResult,
    describe_current,
)
from agent_factory.migrate.target import Target


def current(project: Project, target: Target, *, check_heads: bool = False) -> CurrentResult:
    """Say which revisions the database is at. With ``check_heads`` the result is well only at all heads."""
    found = read_current(project, target)
    return CurrentResult(
        database=str(target),
        current=describe(project, found),
        heads=project.heads,
        at_head=set(found) == set(project.heads),
        check_heads=check_heads,
    )


def history(project: Project, target: Target, *, with_differences: bool = False) -> HistoryResult:
    """List every revision, newest first, with what the database and its journal have of them."""
    with connect(target, read_only=True) as connection:
        found = alembic_project.read_current(project, connection)
        entries = read_journal(connection)
        applied = alembic_project.ancestors(project, found)
        listed = tuple(
            _entry(revision, applied, found, entries, connection if with_differences else None)
            for revision in alembic_project.revisions(project)
        )
    return HistoryResult(
        database=str(target),
        entries=listed,
        heads=project.heads,
        unknown=tuple(head for head in found if not alembic_project.is_known(project, head)),
    )


def _entry(
    revision: Revision,
    applied: frozenset[str],
    current: tuple[str, ...],
    entries: dict[str, journal.Entry] | None,
    diff_from: sa.Connection | None,
) -> HistoryEntry:
    is_applied = revision.id in applied
    outside = entries is not None and is_applied and bool(preflight.ran_outside(entries, [revision]))
    entry = entries.get(revision.id) if entries and is_applied and not outside else None
    edited = entry is not None and bool(journal.edited({revision.id: entry}, [revision]))
    return HistoryEntry(
        revision=revision,
        is_applied=is_applied,
        is_current=revision.id in current,
        by=AppliedBy(
            at=entry.started_at,
            db_role=entry.db_role,
            os_user=entry.os_user,
            host=entry.host,
            git_commit=entry.git_commit,
            git_dirty=entry.git_dirty,
            ci_url=entry.ci_url,
            af_db_version=entry.af_db_version,
            duration_s=entry.duration_s,
        )
        if entry
        else None,
        is_outside=outside,
        is_edited=edited,
        difference=journal.difference(diff_from, entry, revision) if diff_from and entry and edited else None,
    )


def read_journal(connection: sa.Connection) -> dict[str, journal.Entry] | None:
    """Return the journal's latest entries, or None when the database keeps none that this role may read."""
    if connection.dialect.name != "postgresql" or not server.read_facts(connection).may_read_journal:
        return None
    return journal.read(connection)


def read_current(project: Project, target: Target) -> tuple[str, ...]:
    """Return the revisions that the database is at, over a connection that cannot write."""
    with connect(target, read_only=True) as connection:
        return alembic_project.read_current(project, connection)


def describe(project: Project, current: tuple[str, ...]) -> tuple[CurrentHead, ...]:
    """Say of each revision that a database is at what this checkout knows of it."""
    known = {revision for revision in current if alembic_project.is_known(project, revision)}
    return describe_current(current, heads=project.heads, known=known)
