"""``check``, the same for both groups but for the target; it reads only."""

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.checks import CheckForm, Form
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import OpenTarget


def add_check_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that looks for what the database which ``open_target`` names should not have."""

    @app.command()
    def check(
        context: typer.Context,
        form: Form = CheckForm.TEXT,
        scratch_url: options.ScratchUrl = None,
        no_rehearsal: options.NoRehearsal = False,
        environment: options.Environment = None,
        config: options.Config = None,
        json: options.Json = False,
    ) -> None:
        """Compare the database with its migrations and its journal: drift, leftovers, edited revisions.

        Nothing is written to it; a role that may only read is enough. Exits 3 when something is found.
        """
        as_json = json or form is CheckForm.JSON
        with Invocation(context, config, json=as_json) as invocation:
            from agent_factory.migrate.cli.limits import rehearsal_options
            from agent_factory.migrate.workflows.check_database import check_database

            target = open_target(invocation)
            result = check_database(
                invocation.project,
                target,
                options=rehearsal_options(
                    invocation.project.root,
                    invocation.settings,
                    allow=None,
                    scratch_url=scratch_url,
                    no_rehearsal=no_rehearsal,
                ),
                environment=environment,
            )
            invocation.show_check(result, form)
