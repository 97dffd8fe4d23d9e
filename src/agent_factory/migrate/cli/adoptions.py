"""``adopt``, the same for both groups but for the target."""

from typing import Annotated

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes


def add_adopt_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that finds where the database which ``open_target`` names is, and writes it down."""

    @app.command()
    @takes(
        options.YES,
        options.texts("--instead-of", "REVISION", "What its version table says, and wrongly."),
        options.texts("--allow", "drift", "Adopt it also where it differs: at the nearest revision."),
        options.LOCK_WAIT,
        *options.POOLERS,
        options.SCRATCH_URL,
        options.REHEARSAL_TIMEOUT,
        options.ENVIRONMENT,
        *options.OUTPUT,
    )
    def adopt(
        context: typer.Context,
        revision: Annotated[
            str | None,
            typer.Argument(
                metavar="REVISION",
                help="Compare with this one only; by default with all.",
                show_default=False,
            ),
        ] = None,
        *,
        yes: bool,
        instead_of: list[str] | None,
        allow: list[str] | None,
    ) -> None:
        """Take over a database that has tables and no version.

        Finds the revision that its schema is at, and records that.
        The history is run on a throwaway server, and its schema compared after each revision. Without an
        equal one, shows the nearest, what differs and the statements for it, writes nothing, and exits 3.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.confirmation import adoption_confirmation
            from agent_factory.migrate.review.consents import OF_ADOPTIONS, parse_consents
            from agent_factory.migrate.workflows.adopt import AdoptRequest
            from agent_factory.migrate.workflows.adopt import adopt as run

            target = open_target(invocation)
            request = AdoptRequest(
                target=target,
                revision=revision,
                instead_of=tuple(instead_of or ()),
                allows_drift=bool(parse_consents(allow or (), OF_ADOPTIONS)),
                rehearsal=invocation.rehearsal_options(known=OF_ADOPTIONS),
                options=invocation.run_options(),
            )
            result = run(
                invocation.setup("stamp", revisions=[revision or "head"]),
                request,
                ci_url=invocation.settings.ci_url,
                confirm=adoption_confirmation(invocation.report, target, yes=yes),
            )
            invocation.show(result)
