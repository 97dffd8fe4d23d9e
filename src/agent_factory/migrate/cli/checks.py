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
        """Check the project, for CI: a sound history, revisions that go up and down, models that match.

        Nothing shared edited, no credentials. Needs no database of yours; exits 3 when something is found.
        """
        as_json = json or form is CheckForm.JSON
        with Invocation(context, config, json=as_json) as invocation:
            from agent_factory.migrate.cli.limits import rehearsal_options
            from agent_factory.migrate.workflows.check import check as run

            settings = invocation.local_settings()
            url = settings.database_url
            result = run(
                invocation.config_path,
                against=against,
                uses_sqlite=url is not None and url.get_secret_value().startswith("sqlite"),
                options=rehearsal_options(
                    invocation.config_path.parent,
                    settings,
                    allow=None,
                    scratch_url=scratch_url,
                    no_rehearsal=no_rehearsal,
                ),
            )
            invocation.show_check(result, form)
