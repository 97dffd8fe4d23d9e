"""``af-db local``: the database on a developer's machine."""

from pathlib import Path
from typing import Annotated

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.adoptions import add_adopt_command
from agent_factory.migrate.cli.database_checks import add_check_command
from agent_factory.migrate.cli.doctor import add_doctor_command
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.plans import add_plan_command
from agent_factory.migrate.cli.runs import add_redo_command, add_run_commands
from agent_factory.migrate.cli.schemas import add_schema_command
from agent_factory.migrate.cli.statuses import add_status_commands
from agent_factory.migrate.cli.typer_internals import takes
from agent_factory.migrate.cli.waits import add_wait_command
from agent_factory.migrate.cli.watches import add_watch_command

app = typer.Typer(help="Migrate the database of a developer's machine.", no_args_is_help=True)

MessageOption = Annotated[
    str | None,
    typer.Option("--message", "-m", help="The same as MESSAGE, as in Alembic.", show_default=False),
]


add_plan_command(app, Invocation.local_target)
add_run_commands(app, Invocation.local_target)
add_redo_command(app, Invocation.local_target)
add_status_commands(app, Invocation.local_target)
add_watch_command(app, Invocation.local_target)
add_check_command(app, Invocation.local_target)
add_schema_command(app, Invocation.local_target)
add_adopt_command(app, Invocation.local_target)
add_doctor_command(app, Invocation.local_target_anywhere)
add_wait_command(app, Invocation.local_target_anywhere)


@app.command()
@takes(
    options.text("--head", "REVISION", "What it follows: an id, branch@head, or base; by default the head."),
    options.flag("--splice", meaning="It may follow a revision that others follow: a new branch."),
    options.text("--branch-label", "LABEL", "A name for the branch that begins with it."),
    options.option(
        *(Path | None, "--version-path"),
        metavar="FOLDER",
        meaning="Which of version_locations it is in.",
    ),
    options.texts("--depends-on", "REVISION", "A revision of another branch that must have run before it."),
    options.text("--rev-id", "ID", "Its id; by default the next number, or one of Alembic's."),
    *options.OUTPUT,
)
def create(
    context: typer.Context,
    message: Annotated[
        str | None,
        typer.Argument(
            metavar="MESSAGE", help='What it does, for example "add projects".', show_default=False
        ),
    ] = None,
    same_message: MessageOption = None,
    empty: Annotated[bool, typer.Option("--empty", help="Leave it empty: you write it by hand.")] = False,
    *,
    head: str | None,
    splice: bool,
    branch_label: str | None,
    version_path: Path | None,
    depends_on: list[str] | None,
    rev_id: str | None,
) -> None:
    """Write the next revision, from the models or empty.

    It has what the models have and the database lacks.
    """
    message = _one_of(message, same_message)
    if message is None:
        raise typer.BadParameter("MESSAGE is missing: it becomes the file's name.")
    with Invocation(context) as invocation:
        from agent_factory.migrate.model.written import NewRevision
        from agent_factory.migrate.workflows import create as workflow

        target = invocation.local_target()
        new = NewRevision(
            message=message,
            is_empty=empty,
            head=head,
            splice=splice,
            branch_label=branch_label,
            version_path=invocation.path(version_path) if version_path else None,
            depends_on=tuple(depends_on or ()),
            rev_id=rev_id,
        )
        setup = invocation.setup(
            "revision",
            message=message,
            autogenerate=not empty,
            head=head,
            splice=splice,
            branch_label=branch_label,
            version_path=str(version_path) if version_path else None,
            depends_on=depends_on,
            rev_id=rev_id,
        )
        invocation.show(invocation.call(setup, workflow.create, target, new))


@app.command()
@takes(
    options.texts("--allow", "same-table", "Join branches that change the same table."),
    *options.REHEARSAL,
    *options.OUTPUT,
)
def merge(
    context: typer.Context,
    message: Annotated[
        str | None,
        typer.Argument(metavar="MESSAGE", help="What the new revision is called.", show_default=False),
    ] = None,
    same_message: MessageOption = None,
) -> None:
    """Write a revision that joins several heads.

    Unless two of them change the same table.
    """
    message = _one_of(message, same_message)
    with Invocation(context) as invocation:
        from agent_factory.migrate.review.consents import OF_MERGES
        from agent_factory.migrate.workflows.merge import merge as run

        target = invocation.local_target()
        invocation.show(
            invocation.call(
                invocation.setup("merge", revisions=["heads"], message=message),
                run,
                target,
                message,
                options=invocation.rehearsal_options(known=OF_MERGES),
            )
        )


@app.command()
@takes(
    options.YES,
    options.texts(
        "--allow",
        "applied,pushed",
        "Do not check whether this database, or another branch of the remote, has them.",
    ),
    *options.OUTPUT,
)
def rebase(
    context: typer.Context,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="REF",
            help="The branch to follow (default: the remote's main one): its revisions stay.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    *,
    yes: bool,
    allow: list[str] | None,
) -> None:
    """Put this branch's revisions behind those of another branch.

    They get new ids, file names and parents.
    Only what neither git has there, nor another fetched branch, nor the database at hand, is changed; that
    no other database has it, and no branch that was not fetched, is for you to know. After a pull the
    history is one line again. All files are changed, or none.
    """
    with Invocation(context) as invocation:
        from agent_factory.migrate.cli.confirmation import rebase_confirmation
        from agent_factory.migrate.review.consents import OF_REBASES, parse_consents
        from agent_factory.migrate.workflows.child import in_child
        from agent_factory.migrate.workflows.rebase import rebase as run

        target = invocation.local_target()
        invocation.show(
            in_child(
                run,
                invocation.setup(),
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
