"""``wait``, the same for both groups and for ``af-db`` itself but for the target; it reads only."""

from typing import Annotated

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import OUTPUT
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes


def add_wait_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that waits for the database which ``open_target`` names."""

    @app.command()
    @takes(*OUTPUT)
    def wait(
        context: typer.Context,
        timeout: Annotated[
            str, typer.Option("--timeout", metavar="DURATION", help="How long to try: 500ms, 60s, 5min.")
        ] = "60s",
        at_head: Annotated[
            bool, typer.Option("--at-head", help="Until it is at the head of the project's files, too.")
        ] = False,
    ) -> None:
        """Wait until the database takes connections.

        Exits 5 when it does not, 3 when it is not at the head.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.limits import parse_limit
            from agent_factory.migrate.workflows import wait as workflow
            from agent_factory.migrate.workflows.child import in_child

            timeout_s = parse_limit("--timeout", timeout)
            target = open_target(invocation)
            tell = invocation.report.note
            if at_head:
                setup = invocation.setup()
                result = invocation.call(
                    setup, workflow.wait_for_head, target, timeout_s=timeout_s, tell=tell
                )
            else:
                result = in_child(workflow.wait_for_database, target, timeout_s=timeout_s, tell=tell)
            invocation.show(result)
