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

MessageOption = Annotated[
    str | None, typer.Option("--message", "-m", help="The same, as Alembic has it.", show_default=False)
]


add_plan_command(app, Invocation.local_target)
add_run_commands(app, Invocation.local_target)
add_status_commands(app, Invocation.local_target)
add_check_command(app, Invocation.local_target)


@app.command()
def create(
    context: typer.Context,
    message: Annotated[
        str | None,
        typer.Argument(metavar="MESSAGE", help='What it does: "add projects".', show_default=False),
    ] = None,
    same_message: MessageOption = None,
    empty: Annotated[bool, typer.Option("--empty", help="Leave it empty, to be written by hand.")] = False,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Write the next revision from what the models have and the database lacks."""
    message = _one_of(message, same_message)
    if message is None:
        raise typer.BadParameter("MESSAGE is missing: it becomes the file's name.")
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.workflows import create as workflow

        invocation.show(workflow.create(invocation.project, invocation.local_target(), message, empty=empty))


@app.command()
def merge(
    context: typer.Context,
    message: Annotated[
        str | None,
        typer.Argument(metavar="MESSAGE", help="What the new revision is called.", show_default=False),
    ] = None,
    same_message: MessageOption = None,
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
    message = _one_of(message, same_message)
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.cli.limits import rehearsal_options
        from agent_factory.migrate.review.consents import OF_MERGES
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
            metavar="applied,pushed",
            help="Do not look whether the database at hand, or another branch of the remote, has them.",
            show_default=False,
        ),
    ] = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Put this branch's revisions behind those of another branch: new ids, file names and parents.

    Only what neither git has there, nor another fetched branch, nor the database at hand, is changed; that
    no other database has it, and no branch that was not fetched, is for you to know. After a pull the
    history is one line again. All files are changed, or none.
    """
    with Invocation(context, config, json=json) as invocation:
        from agent_factory.migrate.cli.confirmation import rebase_confirmation
        from agent_factory.migrate.review.consents import OF_REBASES, parse_consents
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


def _one_of(message: str | None, same_message: str | None) -> str | None:
    if message is not None and same_message is not None:
        raise typer.BadParameter("the message is given twice.")
    return message if same_message is None else same_message
