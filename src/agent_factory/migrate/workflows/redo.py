"""The last revision down and up again."""

from dataclasses import replace
from typing import TYPE_CHECKING

from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.migrate.model.events import Emit
from agent_factory.migrate.model.inspected import RedoResult
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.workflows.run import RunRequest, run

if TYPE_CHECKING:
    from agent_factory.migrate.review.build import Confirm


def redo(
    setup: Setup, request: RunRequest, *, ci_url: str | None, confirm: "Confirm", emit: Emit
) -> RedoResult:
    """Undo the last revision of the database and run it again; each way is asked about as it is by itself.

    ``request`` goes back one revision. Raises what a run raises: after the first one the database is one
    revision back.
    """
    down = run(setup, request, ci_url=ci_url, confirm=confirm, emit=emit)
    if not down.applied:  # somebody else was quicker
        raise RefusedError(
            "plan-changed",
            f"{request.target} was changed meanwhile",
            state=UNCHANGED,
            next_steps=(f"see where it is: {request.target.command('status')}",),
        )
    (revision,) = (item.revision for item in down.applied)
    again = replace(request, direction=Direction.UPGRADE, revision=revision)
    up = run(
        replace(setup, command="upgrade", options={"revision": revision}),
        again,
        ci_url=ci_url,
        confirm=confirm,
        emit=emit,
    )
    return RedoResult(revision=revision, down=down, up=up)
