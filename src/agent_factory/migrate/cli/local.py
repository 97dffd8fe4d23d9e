"""``af-db local``: the database on a developer's machine."""

from typing import Annotated

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.database_checks import add_check_command
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.plans import add_plan_command
from agent_factory.migrate.cli.runs import add_run_commands
from agent_factory.migrate.cli.statuses import add_status_commands

app = typer.Typer(help="Migrate the database of a developer's machine.", no_args_is_help=True)


add_plan_command(app, Invocation.local_target)
add_run_commands(app, Invocation.local_target)
add_status_commands(app, Invocation.local_target)
add_check_command(app, Invocation.local_target)


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
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="same-table",
            help="Join branches that change the same table.",
            show_default=False,
        ),
    ] = None,
    scratch_url: options.ScratchUrl = None,
    no_rehearsal: options.NoRehearsal = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Write a revision that joins several heads, unless two of them change the same table."""
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.cli.limits import rehearsal_options
        from agent_factory.migrate.consents import OF_MERGES
        from agent_factory.migrate.workflows.merge import merge as run

        target = invocation.local_target()
        invocation.show(
            run(
                invocation.project,
                target,
                message,
                options=rehearsal_options(
                    invocation.project.root,
                    invocation.settings,
                    allow=allow,
                    scratch_url=scratch_url,
                    no_rehearsal=no_rehearsal,
                    known=OF_MERGES,
                ),
            )
        )


@app.command()
def rebase(
    context: typer.Context,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="REF",
            help="The branch to follow (the remote's main one): what it has stays.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    yes: options.Yes = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="applied",
            help="Do not look whether the database at hand has them.",
            show_default=False,
        ),
    ] = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Put this branch's revisions behind those of another branch: new ids, file names and parents.

    Only what git does not have there, and the database at hand does not have, is changed. After a pull
    the history is one line again. All files are changed, or none.
    """
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.cli.confirmation import rebase_confirmation
        from agent_factory.migrate.consents import OF_REBASES, parse_consents
        from agent_factory.migrate.workflows.rebase import rebase as run

        config_path = invocation.config_path
        target = invocation.local_target()
        invocation.show(
            run(
                config_path,
                target,
                against=against,
                allow=parse_consents(allow or (), OF_REBASES),
                dry_run=dry_run,
                confirm=rebase_confirmation(invocation.report, target, yes=yes),
            )
        )
