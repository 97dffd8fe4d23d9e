"""A database in ten lines, and one revision with all that is known of it; both only read."""

import ast
import contextlib

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.applied import applied_by, describe_past
from agent_factory.migrate.journal.read import Entry, find_edited
from agent_factory.migrate.journal.records import read_if_any
from agent_factory.migrate.model.inspected import LastRun, RenderedSql, ShowResult, StatusResult
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.normalise import text_of
from agent_factory.migrate.workflows.status import describe


def status(project: Project, target: Target) -> StatusResult:
    """Say where the database is, what is pending, edited or unfinished, and who ran the last revision."""
    with connect(target, read_only=True) as connection:
        position = alembic_project.read_position(project, connection)
        records = read_if_any(project, connection, position)
        environment = journal.read_environment(connection) if records is not None else None
    applied = alembic_project.ancestors(project, position.rows)
    revisions = alembic_project.revisions(project)
    pending = tuple(item for item in reversed(revisions) if item.id not in applied)
    entries = records.entries if records is not None else {}
    there = [item for item in revisions if item.id in applied]
    edited = tuple(item.revision for item in find_edited(entries, there))
    unfinished = tuple(entry.revision for entry in entries.values() if entry.state == "started")
    return StatusResult(
        database=str(target),
        environment=environment,
        current=describe(project, position.rows),
        heads=project.heads,
        pending=pending,
        has_journal=records is not None,
        edited=edited,
        unfinished=unfinished,
        last=_last(list(entries.values())),
        next_step=_next_step(target, is_pending=bool(pending), edited=edited, unfinished=unfinished),
    )


def show(project: Project, target: Target, typed: str) -> ShowResult:
    """Return the revision that is typed so, with its SQL in both directions as Alembic writes it offline.

    Raises UsageError where no revision, or more than one, is called so.
    """
    revision = alembic_project.find_revision(project, target, typed)
    with connect(target, read_only=True) as connection:
        position = alembic_project.read_position(project, connection)
        records = read_if_any(project, connection, position)
    (entry,) = describe_past(
        [revision],
        applied=alembic_project.ancestors(project, position.rows),
        current=position.rows,
        entries=records.entries if records is not None else None,
    )
    return ShowResult(
        database=str(target),
        entry=entry,
        text=_docstring(revision),
        upgrade=_rendered(project, revision, Direction.UPGRADE),
        downgrade=_rendered(project, revision, Direction.DOWNGRADE),
    )


def _last(entries: list[Entry]) -> LastRun | None:
    if not entries:
        return None
    last = max(entries, key=lambda entry: entry.id)
    return LastRun(revision=last.revision, direction=last.direction, by=applied_by(last))


def _next_step(
    target: Target, *, is_pending: bool, edited: tuple[str, ...], unfinished: tuple[str, ...]
) -> str:
    if unfinished:
        return f"see what a killed run has left: {target.command('check')}"
    if edited:
        return f"see what changed: {target.command('history --diff')}"
    return f"see what it does: {target.command('plan')}" if is_pending else ""


def _docstring(revision: Revision) -> str:
    content = content_of(revision.path)
    with contextlib.suppress(SyntaxError, ValueError):
        return (
            not content.is_bytecode and ast.get_docstring(ast.parse(text_of(content)))
        ) or revision.message
    return revision.message


def _rendered(project: Project, revision: Revision, direction: Direction) -> RenderedSql:
    is_upgrade = direction is Direction.UPGRADE
    plan = Plan(
        direction=direction,
        target=revision.id,
        before=revision.parents if is_upgrade else (revision.id,),
        after=(revision.id,) if is_upgrade else revision.parents,
        steps=(revision,),
    )
    sql = alembic_project.render_offline(project, plan)[revision.id]
    if isinstance(sql, Exception):
        why = f"Alembic cannot write it without a database ({type(sql).__name__}: {sql})"
        return RenderedSql(statements=None, why_not=why)
    return RenderedSql(statements=tuple(masked_sql(statement) for statement in sql))
