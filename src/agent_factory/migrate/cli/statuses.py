"""``current``, ``status``, ``history`` and ``show``, the same for both groups but for the target."""

from typing import Annotated

import typer

from agent_factory.migrate.cli.completions import revisions
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
        """List the revisions, newest first, and who applied them."""
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows import status

            target = open_target(invocation)
            setup = invocation.setup("history")
            invocation.show(invocation.call(setup, status.history, target, with_differences=diff))

    @app.command()
    @takes(*OUTPUT)
    def status(context: typer.Context) -> None:
        """Say in ten lines where the database is and what is pending.

        What was edited, what is unfinished, who ran the last revision and when, and the environment name.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows import inspect

            target = open_target(invocation)
            invocation.show(invocation.call(invocation.setup(), inspect.status, target))

    @app.command()
    @takes(*OUTPUT)
    def show(
        context: typer.Context,
        revision: Annotated[
            str,
            typer.Argument(
                metavar="REVISION",
                help="An id or its beginning, head, branch@head.",
                autocompletion=revisions,
            ),
        ],
    ) -> None:
        """Show a revision: its file, its SQL, and who ran it.

        The SQL is what Alembic writes without a database; plan shows what a rehearsal has seen.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows import inspect

            target = open_target(invocation)
            setup = invocation.setup("show", rev=revision)
            invocation.show(invocation.call(setup, inspect.show, target, revision))
