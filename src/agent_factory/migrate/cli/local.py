"""``af-db local``: the database on a developer's machine."""

from typing import Annotated

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import run_revisions
from agent_factory.migrate.plan import Direction

app = typer.Typer(help="Migrate the database of a developer's machine.", no_args_is_help=True)


@app.command()
def upgrade(
    context: typer.Context,
    revision: options.UpgradeRevision = "head",
    yes: options.Yes = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Upgrade to a revision; the default is the newest."""
    with Invocation(context, config, json=json) as invocation:
        run_revisions(invocation, invocation.local_target(), Direction.UPGRADE, revision, yes=yes)


@app.command(cls=options.RelativeRevisionCommand)
def downgrade(
    context: typer.Context,
    revision: options.DowngradeRevision,
    yes: options.Yes = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Go back to a revision: -1, -2, 001, base."""
    with Invocation(context, config, json=json) as invocation:
        run_revisions(invocation, invocation.local_target(), Direction.DOWNGRADE, revision, yes=yes)


@app.command()
def current(context: typer.Context, config: options.Config = None, json: options.Json = False) -> None:
    """Say which revision the database is at."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import status

        invocation.show(status.current(invocation.project, invocation.local_target()))


@app.command()
def history(context: typer.Context, config: options.Config = None, json: options.Json = False) -> None:
    """List the revisions, newest first, and which of them are applied."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import status

        invocation.show(status.history(invocation.project, invocation.local_target()))


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
