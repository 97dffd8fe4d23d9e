"""``preflight``: the checklist of a plan, without running it; it reads only."""

from enum import StrEnum
from typing import Annotated

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import NOTE, OUTPUT, REHEARSAL, RevisionToReach
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes
from agent_factory.migrate.model.plan import Direction


class PreflightForm(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def add_preflight_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that answers every line of the checklist."""

    @app.command()
    @takes(*REHEARSAL, NOTE, *OUTPUT)
    def preflight(
        context: typer.Context,
        revision: RevisionToReach = None,
        form: Annotated[
            PreflightForm, typer.Option("--format", help="How it is printed.")
        ] = PreflightForm.TEXT,
    ) -> None:
        """Tick the checklist of an upgrade, with evidence.

        Tested, staging, way back, quiet, room: nothing is written. Exits 3 where a line fails, or one that
        has to pass does not.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows.preflight import preflight as run

            target = open_target(invocation)
            to = revision or "head"
            result = invocation.call(
                invocation.setup("upgrade", revision=to),
                run,
                target,
                Direction.UPGRADE,
                to,
                rehearsal=invocation.rehearsal_options(),
                options=invocation.preflight_options(),
                environment=invocation.environment,
            )
            invocation.show_preflight(result, form)
