"""Upgrade and downgrade: plan, ask, run, look."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.driver import rolled_back, rolled_back_beside
from agent_factory.migrate.engine import preflight, run_plan
from agent_factory.migrate.journal.origin import find_origin
from agent_factory.migrate.journal.read import Entry, ran_outside
from agent_factory.migrate.journal.records import find as find_journal
from agent_factory.migrate.journal.records import read_records
from agent_factory.migrate.model.checklist import Checklist, PreflightOptions
from agent_factory.migrate.model.errors import UNCHANGED, MigrationError, PartiallyAppliedError, RefusedError
from agent_factory.migrate.model.events import Emit, Warned
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.results import CurrentHead, RunResult
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project import FilesRead, Project, files_read, open_project
from agent_factory.migrate.workflows.child import on_project
from agent_factory.migrate.workflows.status import describe, read_current

if TYPE_CHECKING:
    from agent_factory.migrate.review.build import Confirm, PlanResult
    from agent_factory.migrate.review.saved_plan import SavedPlan
    from agent_factory.migrate.workflows.rehearsed_run import RehearsedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is asked of a run: where ``revision`` leads this database, within which limits and consents.

    With a ``saved`` plan nothing else than it is run. ``preflight`` is what the checklist is made with.
    ``watch_s``: for so long it is watched afterwards how the database is.
    """

    target: Target
    direction: Direction
    revision: str
    options: RunOptions
    rehearsal: RehearsalOptions
    saved: "SavedPlan | None" = None
    preflight: PreflightOptions = field(default_factory=PreflightOptions)
    watch_s: float | None = None

    @property
    def is_rehearsed(self) -> bool:
        """Whether the plan is tried on a copy first."""
        return self.rehearsal.wanted and self.target.environment is Environment.PROD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A run before its question. ``rehearsed`` is None where nothing was rehearsed and no plan was saved.

    ``begins_with_baseline`` says that the baseline comes first, ``is_nothing`` that there is nothing to do;
    ``next_steps`` are then what was meant, perhaps; ``read`` is what the files held. ``checklist`` is
    production's. ``rolled_back`` counts the transactions that the process which has planned has rolled back
    there.
    """

    plan: Plan
    table: VersionTable
    before: tuple[CurrentHead, ...]
    warnings: tuple[Warned, ...] = ()
    rehearsed: "RehearsedRun | None" = None
    begins_with_baseline: bool = False
    is_nothing: bool = False
    next_steps: tuple[str, ...] = ()
    read: FilesRead | None = None
    checklist: Checklist | None = None
    rolled_back: int = 0


def run(
    setup: Setup, request: RunRequest, *, ci_url: str | None, confirm: "Confirm", emit: Emit
) -> RunResult:
    """Bring the database to the revision that is asked for.

    ``prod`` rehearses the plan first, in a process of its own: this one executes the project's code for the
    run alone, and from the bytes that were read there. ``confirm`` is handed the plan, unless it is empty,
    and raises RefusedError when the answer is no; only then is anything changed. What the database is at
    afterwards is read over a second connection: a transaction that was rolled back silently is an error, not
    a success; and so is a schema that is not the rehearsal's.
    """
    target = request.target
    first = before = None
    if request.watch_s is not None:
        from agent_factory.migrate.workflows.after_run import look_first, rollbacks_before, watch_after

        first = look_first(target)
    with contextlib.ExitStack() as stack:
        if request.is_rehearsed:
            prepared = on_project(setup, target.url, _prepare_apart, request)
            if prepared.is_nothing:
                return _nothing_to_do(target, prepared)
            confirm(prepared.plan, prepared.warnings, _result(prepared), prepared.checklist)
            project = open_project(setup, target=target.url, read=prepared.read or FilesRead())
            read_connection = stack.enter_context(connect(target, read_only=True))
        else:
            project = open_project(setup, target=target.url)
            read_connection = stack.enter_context(connect(target, read_only=True))
            prepared = _prepare(project, read_connection, request)
            if prepared.is_nothing:
                return _nothing_to_do(target, prepared)
            confirm(prepared.plan, prepared.warnings, _result(prepared), prepared.checklist)
        plan, rehearsed = prepared.plan, prepared.rehearsed
        if first is not None:
            before = rollbacks_before(target, first, of_child=prepared.rolled_back)
        origin = find_origin(project.root, project.setup, ci_url, prepared.checklist)
        with alembic_project.real_run(functools.partial(_announce, emit, plan)):
            applied = run_plan(
                project,
                target,
                plan,
                prepared.table,
                request.options,
                origin,
                emit,
                check_again=functools.partial(rehearsed.check_again, project) if rehearsed else None,
                expected=rehearsed.expected if rehearsed else None,
                begins_with_baseline=prepared.begins_with_baseline,
            )
        reached = _look_again(project, target, read_connection)
    if not applied:
        return _nothing_to_do(target, replace(prepared, warnings=(), before=describe(project, reached)))
    if reached != plan.after:
        raise PartiallyAppliedError(
            "not-where-planned",
            f"every revision ran, but the database is at {', '.join(reached) or 'base'} "
            f"and not at {', '.join(plan.after) or 'base'}",
            state=f"at {', '.join(reached) or 'base'}",
            next_steps=(f"compare: {target.command('history')}",),
        )
    if rehearsed is not None:
        rehearsed.check_reached(applied)
    watched = None
    if request.watch_s is not None:
        watched = watch_after(target, plan, before=before, for_s=request.watch_s, emit=emit)
    return RunResult(
        database=str(target),
        plan=plan,
        before=prepared.before,
        after=describe(project, reached),
        applied=applied,
        checklist=prepared.checklist,
        watched=watched,
    )


def _prepare_apart(project: Project, request: RunRequest) -> _Prepared:
    with connect(request.target, read_only=True) as connection:
        prepared = _prepare(project, connection, request)
        count = rolled_back_beside(connection, rolled_back) if request.watch_s is not None else 0
    return prepared if prepared.is_nothing else replace(prepared, read=files_read(project), rolled_back=count)


def _prepare(project: Project, connection: sa.Connection, request: RunRequest) -> _Prepared:
    """Plan and rehearse, over a connection that only reads. Raises what refuses the run."""
    target, saved = request.target, request.saved
    if saved is not None:
        from agent_factory.migrate.review.saved_plan import check_arguments

        check_arguments(saved, project.setup)
    position = alembic_project.read_position(project, connection)
    table, current = position.table, position.rows
    here = describe(project, current)
    if saved is not None and _is_carried_out(saved, target, connection, position):
        done = Plan(
            direction=request.direction,
            target=request.revision,
            before=current,
            after=current,
            steps=(),
            arguments=project.setup.arguments,
        )
        return _nothing(project, connection, position, done, request)
    plan, warnings = _plan(project, connection, position, request)
    if not plan.steps and saved is None:
        return _nothing(project, connection, position, plan, request)
    baseline = alembic_project.find_needed_baseline(project, plan, table, connection)
    if baseline is not None:
        _require_consent(request, baseline)
        warnings = (*warnings, Warned(code="baseline", message=baseline.is_applied_first))
    rehearsed = None
    if saved is not None or request.is_rehearsed:
        # A hundred modules that a run without a rehearsal does not need.
        from agent_factory.migrate.workflows.rehearsed_run import RehearsedRun

        rehearsed = RehearsedRun(project, target, plan, table, connection, request.rehearsal, saved)
        warnings = (*warnings, *rehearsed.warnings)
    checklist = None
    if target.environment is Environment.PROD and plan.steps:
        from agent_factory.migrate.workflows.preflight import make_checklist

        checklist = make_checklist(
            project,
            target,
            plan,
            table,
            connection,
            review=rehearsed.result.review if rehearsed and rehearsed.result else None,
            saved=saved,
            rehearsal=request.rehearsal,
            options=request.preflight,
            environment=request.options.environment,
        )
    return _Prepared(
        plan=plan,
        table=table,
        before=here,
        warnings=warnings,
        rehearsed=rehearsed,
        begins_with_baseline=baseline is not None,
        checklist=checklist,
    )


def _require_consent(request: RunRequest, baseline: alembic_project.Baseline) -> None:
    """Raise RefusedError where production would get the baseline and nobody has consented to that by name."""
    target, allowed = (
        request.target,
        (*request.rehearsal.allow, *(request.saved.allowed if request.saved else ())),
    )
    if target.environment is not Environment.PROD:
        return
    from agent_factory.migrate.review.consents import BASELINE, flag_for

    flag = flag_for((BASELINE,), allowed)
    if flag:
        raise RefusedError(
            "needs-baseline",
            f"{target} has no tables, and its first revision begins with the baseline {baseline.name}",
            state=UNCHANGED,
            next_steps=(
                "is this the right database? Production mostly has its tables already",
                "make them as their owner, then run it again",
                f"or have af-db apply the baseline first: {target.again(flag)}",
            ),
        )


def _result(prepared: _Prepared) -> "PlanResult | None":
    return prepared.rehearsed.result if prepared.rehearsed else None


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
    saved: "SavedPlan", target: Target, read_connection: sa.Connection, position: Position
) -> bool:
    """Say whether a saved plan is done. Raises RefusedError where it is for another database or place."""
    from agent_factory.migrate.review import saved_plan

    identity = saved_plan.identify(target, read_connection, position.table)
    return saved_plan.is_carried_out(saved, identity, position.rows)


def _plan(
    project: Project, connection: sa.Connection, position: Position, request: RunRequest
) -> tuple[Plan, tuple[Warned, ...]]:
    """Return the plan and its warnings, or raise what refuses it, over a connection that cannot write."""
    target, options = request.target, request.options
    plan = alembic_project.plan(project, target, request.direction, request.revision, position.rows)
    alembic_project.require_functions(project, plan)
    alembic_project.require_recordable(project, connection, position.table, plan)
    no_source = alembic_project.warn_of_bytecode(plan)
    if not plan.steps or target.url.backend != "postgresql":
        return plan, no_source
    facts = server.read_facts(connection)
    preflight.check_server(facts, target, options)
    applied = alembic_project.applied_revisions(project, position.rows)
    entries = _check_journal(project, connection, position, applied, plan, request)
    found = preflight.find_warnings(facts, server.invalid_indexes(connection), options)
    warnings = (*no_source, *found)
    outside = ran_outside(entries, applied) if entries else ()
    if outside:
        message = f"{', '.join(outside)} ran without af-db: it is not in the journal"
        warnings = (*warnings, Warned(code="ran-outside", message=message))
    return plan, warnings


def _check_journal(
    project: Project,
    connection: sa.Connection,
    position: Position,
    applied: Sequence[Revision],
    plan: Plan,
    request: RunRequest,
) -> Mapping[str, Entry]:
    """Return the journal's entries, none where there is no journal. Raises what it refuses the plan for."""
    kept = find_journal(connection)
    if kept is None:
        return {}
    preflight.check_journal(kept)
    entries = read_records(project, connection, kept, position).entries
    for refusal in preflight.find_refusals(
        connection,
        entries,
        lambda: read_records(project, connection, kept, position).entries,
        applied,
        plan,
        position.table,
        request.target,
        request.options,
    ):
        raise refusal
    return entries


def _look_again(project: Project, target: Target, read_connection: sa.Connection) -> tuple[str, ...]:
    """Read where the database is, over the connection that has waited since the plan, or over a new one."""
    if target.url.backend == "postgresql":
        # The server, or a proxy on the way, may have ended a connection that waited for so long.
        with contextlib.suppress(sa.exc.SQLAlchemyError, ReconnectedError, MigrationError):
            return alembic_project.read_current(project, read_connection)
    return read_current(project, target)


def _nothing(
    project: Project, connection: sa.Connection, position: Position, plan: Plan, request: RunRequest
) -> _Prepared:
    """Return a run that has nothing to do, with what a person should know of the database all the same."""
    from agent_factory.migrate.workflows.nothing_to_do import edited_warnings, where_it_is

    return _Prepared(
        plan=plan,
        table=position.table,
        before=describe(project, position.rows),
        warnings=edited_warnings(project, connection, position, request.target, request.options),
        next_steps=where_it_is(project, request.target, plan),
        is_nothing=True,
    )


def _nothing_to_do(target: Target, prepared: _Prepared) -> RunResult:
    return RunResult(
        database=str(target),
        plan=prepared.plan,
        before=prepared.before,
        after=prepared.before,
        applied=(),
        warnings=prepared.warnings,
        next_steps=prepared.next_steps,
    )
