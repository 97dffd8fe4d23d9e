"""``af-db prod``: the production database, named by DATABASE_URL in the real environment only."""

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import run_revisions
from agent_factory.migrate.plan import Direction

app = typer.Typer(help="Migrate production: plan, question, run, result.", no_args_is_help=True)


@app.command()
def upgrade(
    context: typer.Context,
    revision: options.UpgradeRevision = "head",
    yes: options.Yes = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Upgrade to a revision, after showing the plan and asking; the default is the newest."""
    with Invocation(context, config, json=json) as invocation:
        run_revisions(invocation, invocation.production_target(), Direction.UPGRADE, revision, yes=yes)


@app.command(cls=options.RelativeRevisionCommand)
def downgrade(
    context: typer.Context,
    revision: options.DowngradeRevision,
    yes: options.Yes = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Go back to a revision; can lose data, so the database's name has to be typed."""
    with Invocation(context, config, json=json) as invocation:
        run_revisions(invocation, invocation.production_target(), Direction.DOWNGRADE, revision, yes=yes)


@app.command()
def current(context: typer.Context, config: options.Config = None, json: options.Json = False) -> None:
    """Say which revision the database is at; reads only."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import status

        invocation.show(status.current(invocation.project, invocation.production_target()))


@app.command()
def history(context: typer.Context, config: options.Config = None, json: options.Json = False) -> None:
    """List the revisions, newest first, and which of them are applied; reads only."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import status

        invocation.show(status.history(invocation.project, invocation.production_target()))
