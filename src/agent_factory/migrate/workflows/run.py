"""Upgrade and downgrade: plan, ask, run, look."""

import contextlib
import functools
from typing import TYPE_CHECKING

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.engine import preflight, run_plan
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.origin import find_origin
from agent_factory.migrate.journal.read import ran_outside
from agent_factory.migrate.model.errors import MigrationError, PartiallyAppliedError
from agent_factory.migrate.model.events import Emit, Warned
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.results import RunResult
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.workflows.status import describe, read_current

if TYPE_CHECKING:
    from agent_factory.migrate.review.build import Confirm
    from agent_factory.migrate.review.saved_plan import SavedPlan


def run(
    project: Project,
    target: Target,
    direction: Direction,
    revision: str,
    *,
    options: RunOptions,
    rehearsal: RehearsalOptions,
    saved: "SavedPlan | None",
    ci_url: str | None,
    confirm: "Confirm",
    emit: Emit,
) -> RunResult:
    """Bring the database to ``revision``.

    ``prod`` rehearses the plan first. ``confirm`` is handed it, unless it is empty, and raises RefusedError
    when the answer is no; only then is anything changed. With a ``saved`` plan nothing else than it is run.
    What the database is at afterwards is read over a second connection: a transaction that was rolled back
    silently is an error, not a success; and so is a schema that is not the rehearsal's.
    """
    with connect(target, read_only=True) as read_connection:
        current = alembic_project.read_current(project, read_connection)
        if saved is not None and _is_carried_out(saved, target, read_connection, current):
            done = Plan(direction=direction, target=revision, before=current, after=current, steps=())
            return _nothing_to_do(project, target, done, current)
        plan, warnings = _plan(project, target, read_connection, current, direction, revision, options)
        if not plan.steps and saved is None:
            return _nothing_to_do(project, target, plan, current)
        rehearsed_run = None
        if saved is not None or (rehearsal.wanted and target.environment is Environment.PROD):
            # A hundred modules that a run without a rehearsal does not need.
            from agent_factory.migrate.workflows.rehearsed_run import RehearsedRun

            with alembic_project.run_may_follow():
                rehearsed_run = RehearsedRun(project, target, plan, read_connection, rehearsal, saved)
            warnings = (*warnings, *rehearsed_run.warnings)
        confirm(plan, warnings, rehearsed_run.result if rehearsed_run else None)
        origin = find_origin(project.root, ci_url)
        with alembic_project.real_run(functools.partial(_announce, emit, plan)):
            applied = run_plan(
                project,
                target,
                plan,
                options,
                origin,
                emit,
                check_again=rehearsed_run.check_again if rehearsed_run else None,
                rehearsed=rehearsed_run.rehearsed if rehearsed_run else None,
            )
        reached = _look_again(project, target, read_connection)
    if not applied:
        return _nothing_to_do(project, target, plan, reached)
    if reached != plan.after:
        raise PartiallyAppliedError(
            "not-where-planned",
            f"every revision ran, but the database is at {', '.join(reached) or 'base'} "
            f"and not at {', '.join(plan.after) or 'base'}",
            state=f"at {', '.join(reached) or 'base'}",
            next_steps=(f"compare: {target.command('history')}",),
        )
    if rehearsed_run is not None:
        rehearsed_run.check_reached(applied)
    return RunResult(
        database=str(target),
        plan=plan,
        before=describe(project, plan.before),
        after=describe(project, reached),
        applied=applied,
    )


def _announce(emit: Emit, plan: Plan, own: alembic_project.OwnConnection) -> None:
    """Report what project code reaches by itself: the run's promises do not hold there."""
    revision = next(
        (f"revision {step.id}" for step in plan.steps if step.path.resolve() == own.file), own.where
    )
    message = (
        f"{revision} starts {own.to}: what that changes is outside of this run"
        if own.is_program
        else f"{revision} opens its own connection to {own.to}: what it commits there is outside of this run"
    )
    emit(Warned(code="own-connection", message=message))


def _is_carried_out(
    saved: "SavedPlan", target: Target, read_connection: sa.Connection, current: tuple[str, ...]
) -> bool:
    """Say whether a saved plan is done. Raises RefusedError where it is for another database or place."""
    from agent_factory.migrate.review import saved_plan

    return saved_plan.is_carried_out(saved, saved_plan.identify(target, read_connection), current)


def _plan(
    project: Project,
    target: Target,
    connection: sa.Connection,
    current: tuple[str, ...],
    direction: Direction,
    revision: str,
    options: RunOptions,
) -> tuple[Plan, tuple[Warned, ...]]:
    """Return the plan and its warnings, or raise what refuses it, over a connection that cannot write."""
    plan = alembic_project.plan(project, target, direction, revision, current)
    alembic_project.require_functions(project, plan)
    no_source = alembic_project.warn_of_bytecode(plan)
    if not plan.steps or target.url.backend != "postgresql":
        return plan, no_source
    facts = server.read_facts(connection)
    preflight.check_server(facts, target, options)
    entries = journal.read(connection) if facts.may_read_journal else {}
    applied = alembic_project.applied_revisions(project, current)
    if facts.may_read_journal:
        for refusal in preflight.find_refusals(connection, entries, applied, plan, target, options):
            raise refusal
    found = preflight.find_warnings(facts, server.invalid_indexes(connection), options)
    warnings = (*no_source, *found)
    outside = ran_outside(entries, applied) if entries else ()
    if outside:
        message = f"{', '.join(outside)} ran without af-db: it is not in the journal"
        warnings = (*warnings, Warned(code="ran-outside", message=message))
    return plan, warnings


def _look_again(project: Project, target: Target, read_connection: sa.Connection) -> tuple[str, ...]:
    """Read where the database is, over the connection that has waited since the plan, or over a new one."""
    if target.url.backend == "postgresql":
        # The server, or a proxy on the way, may have ended a connection that waited for so long.
        with contextlib.suppress(sa.exc.SQLAlchemyError, ReconnectedError, MigrationError):
            return alembic_project.read_current(project, read_connection)
    return read_current(project, target)


def _nothing_to_do(project: Project, target: Target, plan: Plan, current: tuple[str, ...]) -> RunResult:
    here = describe(project, current)
    return RunResult(database=str(target), plan=plan, before=here, after=here, applied=())
