"""What a person should know of a run that has nothing to do: what was edited, and what was meant perhaps."""

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.journal.read import find_edited
from agent_factory.migrate.journal.records import read_if_any
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import Position
from agent_factory.migrate.project import Project


def edited_warnings(
    project: Project, connection: sa.Connection, position: Position, target: Target, options: RunOptions
) -> tuple[Warned, ...]:
    """Name the applied revisions whose files have changed: the next run will be refused for them."""
    records = read_if_any(project, connection, position)
    if records is None:
        return ()
    applied = alembic_project.applied_revisions(project, position.rows)
    edited = [
        item.revision
        for item in find_edited(records.entries, applied)
        if item.revision not in options.accept_edited
    ]
    if not edited:
        return ()
    message = (
        f"{', '.join(edited)} changed after it was applied; see what: {target.command('history --diff')}"
    )
    return (Warned(code="edited-revision", message=message),)


def where_it_is(project: Project, target: Target, plan: Plan) -> tuple[str, ...]:
    """Return the command that goes back, for an upgrade to a revision that the database is past."""
    if plan.steps or not plan.before or plan.direction is not Direction.UPGRADE:
        return ()
    wanted = alembic_project.named(project, plan.target)
    if wanted is None or wanted in plan.before:
        return ()
    back = target.command(f"downgrade {plan.target}")
    what = f"{wanted} is applied already" if wanted else "base is before all revisions"
    return (f"{what}; to go back to it: {back}",)
