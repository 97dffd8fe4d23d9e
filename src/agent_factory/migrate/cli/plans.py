"""``plan``, the same for both groups but for the target; it reads only."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import ALLOW, ENVIRONMENT, OUTPUT, REHEARSAL, RevisionToReach
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.plan import Direction


class PlanForm(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    SQL = "sql"
    ANNOUNCEMENT = "announcement"


def add_plan_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that rehearses a plan for the database which ``open_target`` names."""

    @app.command()
    @takes(ALLOW, *REHEARSAL, ENVIRONMENT, *OUTPUT)
    def plan(
        context: typer.Context,
        revision: RevisionToReach = None,
        downgrade: Annotated[
            str | None,
            typer.Option(
                "--downgrade",
                metavar="REVISION",
                help="Plan the downgrade to this revision.",
                show_default=False,
            ),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                "--out", metavar="FILE", help="Save it for: upgrade --plan FILE.", show_default=False
            ),
        ] = None,
        valid_for: Annotated[
            str, typer.Option("--valid-for", metavar="DURATION", help="How long the saved plan is valid.")
        ] = "7d",
        form: Annotated[PlanForm, typer.Option("--format", help="How it is printed.")] = PlanForm.TEXT,
        full: Annotated[
            bool, typer.Option("--full", help="Show each statement whole, with its locks.")
        ] = False,
    ) -> None:
        """Rehearse what is pending and show it, without running it.

        What each statement locks, for how long, and what is at risk.
        Nothing is written to the database; a role that may only read is enough.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.limits import parse_limit
            from agent_factory.migrate.workflows.plan import plan as run

            target = open_target(invocation)
            if revision is not None and downgrade is not None:
                raise UsageError(
                    "usage",
                    f"{revision} and --downgrade {downgrade} were typed: a plan has one direction",
                    state=NOT_TOUCHED,
                    next_steps=(
                        target.command(f"plan {revision}"),
                        target.command(f"plan --downgrade {downgrade}"),
                    ),
                )
            direction = Direction.UPGRADE if downgrade is None else Direction.DOWNGRADE
            to = next((given for given in (downgrade, revision) if given is not None), "head")
            result = invocation.call(
                invocation.setup(str(direction), revision=to),
                run,
                target,
                direction,
                to,
                options=invocation.rehearsal_options(),
                environment=invocation.environment,
                save_to=invocation.path(out) if out else None,
                valid_for_s=parse_limit("--valid-for", valid_for),
            )
            invocation.show_plan(result, form, full=full)
