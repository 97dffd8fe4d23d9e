"""Running a plan: the only module that changes a database."""

import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.connection import connect
from agent_factory.migrate.errors import (
    InterruptedRunError,
    LeftBehindError,
    MigrationError,
    RolledBackError,
)
from agent_factory.migrate.events import Emit, RevisionApplied, RevisionStarted
from agent_factory.migrate.failures import explain_statement_failure
from agent_factory.migrate.plan import Plan, Revision
from agent_factory.migrate.project import Hooks, Project
from agent_factory.migrate.results import AppliedRevision
from agent_factory.migrate.target import Target


@dataclass(slots=True)
class _Progress:
    """Where a run is. ``running`` is the revision that began and is not known to be committed."""

    running: Revision | None = None
    began: float = 0.0
    is_recorded: bool = False
    partly_committed: bool = False
    applied: list[AppliedRevision] = field(default_factory=list)


def run_plan(project: Project, target: Target, plan: Plan, emit: Emit) -> tuple[AppliedRevision, ...]:
    """Run every revision of the plan, telling ``emit`` as each begins and ends, and return what ran.

    Raises RolledBackError when a revision failed and left nothing behind, LeftBehindError when it had
    committed a part of itself or its outcome is not known, CannotConnectError, and RefusedError when the
    database is no longer where the plan begins.
    """
    progress = _Progress()
    with connect(target) as connection:
        _watch_commits(connection.engine, progress)
        try:
            alembic_project.run(project, connection, plan, _hooks(plan, progress, emit))
        except MigrationError:
            raise
        except KeyboardInterrupt as interrupt:
            connection.invalidate()
            raise InterruptedRunError(
                state=_where(project, target), next_steps=(f"go on: {target.command('upgrade')}",)
            ) from interrupt
        except Exception as error:
            connection.invalidate()
            raise _failure(project, target, progress, error) from error
    return tuple(progress.applied)


def _hooks(plan: Plan, progress: _Progress, emit: Emit) -> Hooks:
    steps = {step.id: step for step in plan.steps}

    def started(revision: str) -> None:
        progress.running = steps[revision]
        progress.began = time.perf_counter()
        progress.is_recorded = progress.partly_committed = False
        emit(
            RevisionStarted(revision=steps[revision], number=len(progress.applied) + 1, total=len(plan.steps))
        )

    def recorded(_revision: str) -> None:
        progress.is_recorded = True

    def committed(revision: str) -> None:
        step = steps[revision]
        seconds = time.perf_counter() - progress.began
        progress.running = None
        progress.applied.append(AppliedRevision(revision=step.id, message=step.message, seconds=seconds))
        emit(
            RevisionApplied(
                revision=step, number=len(progress.applied), total=len(plan.steps), seconds=seconds
            )
        )

    return Hooks(started=started, recorded=recorded, committed=committed)


def _watch_commits(engine: sa.Engine, progress: _Progress) -> None:
    """A commit before the version row is written is a revision's own, and cannot be rolled back."""

    @sa.event.listens_for(engine, "commit")
    def note(_connection: sa.Connection) -> None:
        if progress.running is not None and not progress.is_recorded:
            progress.partly_committed = True


def _failure(
    project: Project, target: Target, progress: _Progress, error: Exception
) -> RolledBackError | LeftBehindError:
    """Look where the database is, and say it with the cause."""
    code, cause, next_steps = _explain(error, target)
    running = progress.running
    what = f"revision {running.id} failed" if running is not None else "the run failed"
    message = f"{what}: {cause}"
    where = _place_in_revision(error, running)
    if where:
        message = f"{message}\n{where}"
    try:
        with connect(target, read_only=True) as connection:
            current = alembic_project.read_current(project, connection)
    except MigrationError:
        return LeftBehindError(
            code,
            message,
            state="not known: the connection was lost, and there is no new one to look with",
            next_steps=(f"when the database answers again: {target.command('current')}", *next_steps),
        )
    at = ", ".join(current) or "base"
    retry = f"correct it, then: {target.command('upgrade')}"
    if running is not None and progress.partly_committed:
        return LeftBehindError(
            code,
            message,
            state=f"at {at}; a part of {running.id} is committed (what its autocommit block ran, "
            "and all before it)",
            next_steps=(*next_steps, f"undo or finish that part by hand before {running.id} runs again"),
        )
    if running is not None and progress.is_recorded and running.id in current:
        return LeftBehindError(
            code,
            message,
            state=f"at {at}: the commit of {running.id} arrived, only its answer was lost",
            next_steps=(f"see that all is well: {target.command('current')}",),
        )
    return RolledBackError(code, message, state=f"rolled back; at {at}", next_steps=(*next_steps, retry))


def _where(project: Project, target: Target) -> str:
    try:
        with connect(target, read_only=True) as connection:
            current = alembic_project.read_current(project, connection)
    except MigrationError:
        return "not known: it could not be reached again"
    return f"at {', '.join(current) or 'base'}"


def _explain(error: Exception, target: Target) -> tuple[str, str, tuple[str, ...]]:
    if isinstance(error, sa.exc.DBAPIError):
        return explain_statement_failure(error, target)
    return "revision-failed", f"{type(error).__name__}: {error}", ()


def _place_in_revision(error: Exception, revision: Revision | None) -> str:
    """The line of the revision file that failed, and its statement when there is one."""
    lines = []
    if revision is not None:
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == revision.path
        ]
        if frames:
            lines.append(f"at {revision.path.name}, line {frames[-1].lineno}: {frames[-1].line}")
    if isinstance(error, sa.exc.DBAPIError) and error.statement:
        lines.append("SQL: " + " ".join(error.statement.split()))
    return "\n".join(lines)
