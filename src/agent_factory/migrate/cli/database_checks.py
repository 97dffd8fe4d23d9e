"""``check``, the same for both groups but for the target; it reads only."""

import typer

from agent_factory.migrate.cli.checks import CheckForm, Form
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import ENVIRONMENT, OUTPUT, REHEARSAL
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes


def add_check_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that finds what the database which ``open_target`` names should not have."""

    @app.command()
    @takes(*REHEARSAL, ENVIRONMENT, *OUTPUT)
    def check(context: typer.Context, form: Form = CheckForm.TEXT) -> None:
        """Compare the database with its migrations and its journal.

        Finds drift, leftovers and edited revisions.
        Nothing is written to it; a role that may only read is enough. Exits 3 when something is found.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows.check_database import check_database

            target = open_target(invocation)
            result = invocation.call(
                invocation.setup("check"),
                check_database,
                target,
                options=invocation.rehearsal_options(),
                environment=invocation.environment,
            )
            invocation.show_check(result, form)
