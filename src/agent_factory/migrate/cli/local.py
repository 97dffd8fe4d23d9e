"""``af-db local``: the database on a developer's machine."""

from typing import Annotated

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import add_run_commands
from agent_factory.migrate.cli.statuses import add_status_commands

app = typer.Typer(help="Migrate the database of a developer's machine.", no_args_is_help=True)


add_run_commands(app, Invocation.local_target)
add_status_commands(app, Invocation.local_target)


@app.command()
def create(
    context: typer.Context,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help='What it does: "add projects".')],
    empty: Annotated[bool, typer.Option("--empty", help="Leave it empty, to be written by hand.")] = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Write the next revision from what the models have and the database lacks."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import create as workflow

        invocation.show(workflow.create(invocation.project, invocation.local_target(), message, empty=empty))


@app.command()
def merge(
    context: typer.Context,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", help="What the new revision is called.", show_default=False),
    ] = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Write a revision that joins several heads."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import create as workflow

        invocation.show(workflow.merge(invocation.project, message))
