"""Where a database is, and which revisions there are."""

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.connection import connect
from agent_factory.migrate.project import Project
from agent_factory.migrate.results import CurrentHead, CurrentResult, HistoryEntry, HistoryResult
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


def history(project: Project, target: Target) -> HistoryResult:
    """List every revision, newest first, with what the database has of them."""
    found = read_current(project, target)
    applied = alembic_project.ancestors(project, found)
    return HistoryResult(
        database=str(target),
        entries=tuple(
            HistoryEntry(
                revision=revision, is_applied=revision.id in applied, is_current=revision.id in found
            )
            for revision in alembic_project.revisions(project)
        ),
        heads=project.heads,
        unknown=tuple(head for head in found if not alembic_project.is_known(project, head)),
    )


def read_current(project: Project, target: Target) -> tuple[str, ...]:
    """Return the revisions that the database is at, over a connection that cannot write."""
    with connect(target, read_only=True) as connection:
        return alembic_project.read_current(project, connection)


def describe(project: Project, current: tuple[str, ...]) -> tuple[CurrentHead, ...]:
    """Say of each revision that a database is at what this checkout knows of it."""
    return tuple(
        CurrentHead(
            revision=revision,
            is_head=revision in project.heads,
            known=alembic_project.is_known(project, revision),
        )
        for revision in current
    )
