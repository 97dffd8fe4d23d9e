"""Upgrade and downgrade: plan, ask, run, look."""

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.engine import run_plan
from agent_factory.migrate.errors import LeftBehindError
from agent_factory.migrate.events import Confirm, Emit
from agent_factory.migrate.plan import Direction
from agent_factory.migrate.project import Project
from agent_factory.migrate.results import RunResult
from agent_factory.migrate.target import Target
from agent_factory.migrate.workflows.status import describe, read_current


def run(
    project: Project, target: Target, direction: Direction, revision: str, *, confirm: Confirm, emit: Emit
) -> RunResult:
    """Bring the database to ``revision``.

    ``confirm`` is handed the plan, unless it is empty, and raises RefusedError when the answer is no; only
    then is anything changed. What the database is at afterwards is read over a second connection: a
    transaction that was rolled back silently is an error, not a success.
    """
    current = read_current(project, target)
    plan = alembic_project.plan(project, target, direction, revision, current)
    if not plan.steps:
        here = describe(project, current)
        return RunResult(database=str(target), plan=plan, before=here, after=here, applied=())
    confirm(plan)
    applied = run_plan(project, target, plan, emit)
    reached = read_current(project, target)
    if reached != plan.after:
        raise LeftBehindError(
            "not-where-planned",
            f"every revision ran, yet the database is at {', '.join(reached) or 'base'} "
            f"and not at {', '.join(plan.after) or 'base'}",
            state=f"at {', '.join(reached) or 'base'}",
            next_steps=(f"compare: {target.command('history')}",),
        )
    return RunResult(
        database=str(target),
        plan=plan,
        before=describe(project, current),
        after=describe(project, reached),
        applied=applied,
    )
