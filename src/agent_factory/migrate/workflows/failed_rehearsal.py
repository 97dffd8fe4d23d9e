"""Why a plan could not be rehearsed, or a revision failed at it, as the error that a command ends with."""

from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.failures import is_outside_of_revision
from agent_factory.migrate.engine import explain, is_raised_by, place_in_revision, steps_in_revision
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.rehearsal.copies import RehearsalFailedError
from agent_factory.migrate.rehearsal.run import NotRehearsedError
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.review.hazards import find_refused

_MAY_BE_LACKING = ("0A000", "22023", "3F000", "42704", "42883", "42P01", "58P01")
"""What a server says of an extension, a role, a type, a function, a table or a schema that it has not."""
_OF_ROWS = ("P0001", "P0002", "P0003", "P0004")
"""Raised by a function or a DO block, which may have read rows."""


def not_rehearsed(
    target: Target, found: Plan, error: ScratchUnavailableError | NotRehearsedError
) -> RefusedError:
    """What a plan is refused for that has to be rehearsed and cannot be."""
    return RefusedError(
        "rehearsal-required",
        "[tool.af-db] requires a rehearsal of every plan, and it is not possible: "
        + "; ".join(error.reasons),
        state=UNCHANGED,
        next_steps=(
            "pip install 'agent-factory[rehearsal]'",
            f"or name a PostgreSQL to use: {target.command(f'{found.command} --scratch-url URL')}",
        ),
    )


def rehearsal_failed(target: Target, found: Plan, error: RehearsalFailedError, root: Path) -> RefusedError:
    """What a plan is refused for of which a revision failed; its file first, the copy only where it may be.

    ``root`` is the folder that files are named from.
    """
    step = next((step for step in found.steps if step.id == error.revision), None)
    cause = error.cause
    _code, said, next_steps = explain(cause, target)
    lines = [f"at the rehearsal, revision {error.revision} failed: {said}"]
    lines += [line for line in place_in_revision(cause, step).splitlines() if line]
    lines += [f"the copy differs: {note}" for note in error.notes]
    if isinstance(cause, sa.exc.DBAPIError):
        hazard = find_refused(error.revision, cause.statement or "", getattr(cause.orig, "pgcode", None))
        next_steps = (hazard.remedy,) if hazard else next_steps
    in_its_file = steps_in_revision(cause, step, root)
    return RefusedError(
        "rehearsal-failed",
        "\n".join(lines),
        state=UNCHANGED,
        next_steps=(
            *in_its_file,
            *(_consent_to_edit(target, found, error.revision) if in_its_file else ()),
            *next_steps,
            *_of_the_copy(target, error, step),
        ),
    )


def _consent_to_edit(target: Target, found: Plan, revision: str) -> tuple[str, ...]:
    """Return how a corrected downgrade is run: its file is that of an applied revision."""
    if found.direction is Direction.UPGRADE or target.url.backend != "postgresql":
        return ()
    return (
        f"{revision} is applied, so accept the change by name: {target.again(f'--accept-edited {revision}')}",
    )


def _of_the_copy(target: Target, error: RehearsalFailedError, step: Revision | None) -> tuple[str, ...]:
    """Return what to do where the copy is the cause, or may be."""
    cause = error.cause
    state = getattr(getattr(cause, "orig", cause), "pgcode", None) or ""
    is_of_database = isinstance(cause, sa.exc.DBAPIError | psycopg2.Error)
    is_lacking = bool(error.notes) and state in _MAY_BE_LACKING
    if is_lacking or (isinstance(cause, Exception) and is_of_database and is_outside_of_revision(cause)):
        return (
            "if only the copy is the cause, use a server that has what it lacks: "
            + target.again("--scratch-url URL"),
            f"or run without a rehearsal: {target.again('--no-rehearsal')}",
        )
    is_of_rows = state in _OF_ROWS if is_of_database else step is not None and not is_raised_by(cause, step)
    if is_of_rows and target.url.backend == "postgresql" and not hasattr(cause, "hint"):
        return ("the copy has no rows: if the revision needs some, have it do without them",)
    return ()
