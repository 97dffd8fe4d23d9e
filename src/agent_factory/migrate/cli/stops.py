"""``stop``: it ends the run of another terminal."""

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes


def add_stop_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that ends a run on the database which ``open_target`` names."""

    @app.command()
    @takes(options.YES, *options.OUTPUT)
    def stop(context: typer.Context, *, yes: bool) -> None:
        """End the run of another terminal as Ctrl-C there does.

        Says what is left. It may be on another machine.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.confirmation import stop_confirmation
            from agent_factory.migrate.workflows.stop import stop as run

            target = open_target(invocation)
            confirm = stop_confirmation(invocation.report, target, yes=yes)
            invocation.show(invocation.call(invocation.setup(), run, target, confirm=confirm))
