"""``check``: the project itself, without any database."""

from enum import StrEnum
from typing import Annotated

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation


class CheckForm(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    MARKDOWN = "markdown"


Form = Annotated[CheckForm, typer.Option("--format", help="How the findings are printed.")]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="REF",
        help="The branch to merge into (origin/main): what it has must stay, and one head be left.",
        show_default=False,
    ),
]


def add_project_check(app: typer.Typer) -> None:
    """Add the command that checks the project; it needs no database."""

    @app.command()
    def check(
        context: typer.Context,
        against: Against = None,
        form: Form = CheckForm.TEXT,
        scratch_url: options.ScratchUrl = None,
        no_rehearsal: options.NoRehearsal = False,
        config: options.Config = None,
        json: options.Json = False,
    ) -> None:
        """Check the project, for CI: one sound history, nothing shared was edited, no credentials.

        No database is needed; the current one is not looked at. Exits 3 when something is found.
        """
        as_json = json or form is CheckForm.JSON
        with Invocation(context, config, json=as_json) as invocation:
            from agent_factory.migrate.cli.limits import rehearsal_options
            from agent_factory.migrate.workflows.check import check as run

            result = run(
                invocation.config_path,
                against=against,
                options=rehearsal_options(
                    invocation.config_path.parent,
                    invocation.local_settings(),
                    allow=None,
                    scratch_url=scratch_url,
                    no_rehearsal=no_rehearsal,
                ),
            )
            invocation.show_check(result, form)
