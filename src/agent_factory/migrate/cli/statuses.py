"""``current`` and ``history``, the same for both groups but for the target; they read only."""

from typing import Annotated

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import OUTPUT
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes


def add_status_commands(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the commands that read the database which ``open_target`` names."""

    @app.command()
    @takes(*OUTPUT)
    def current(context: typer.Context, *, json: bool) -> None:
        """Say which revision the database is at."""
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows import status

            target = open_target(invocation)
            result = invocation.call(invocation.setup(), status.current, target)
            if not json:
                invocation.report.database(str(target))
            invocation.show(result)

    @app.command()
    @takes(*OUTPUT)
    def history(
        context: typer.Context,
        diff: Annotated[
            bool, typer.Option("--diff", help="Show what changed in revisions edited since they ran.")
        ] = False,
    ) -> None:
        """List the revisions, newest first, which are applied, and who applied them."""
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows import status

            target = open_target(invocation)
            setup = invocation.setup("history")
            invocation.show(invocation.call(setup, status.history, target, with_differences=diff))
