"""``check``: the project itself, without any database."""

from enum import StrEnum
from typing import Annotated

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import OUTPUT, REHEARSAL
from agent_factory.migrate.cli.typer_internals import takes


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
        help="The branch to merge into (origin/main): its revisions must stay, and one head must remain.",
        show_default=False,
    ),
]


def add_project_check(app: typer.Typer) -> None:
    """Add the command that checks the project; it needs no database."""

    @app.command()
    @takes(*REHEARSAL, *OUTPUT)
    def check(context: typer.Context, against: Against = None, form: Form = CheckForm.TEXT) -> None:
        """Check the project's files, for CI; exits 3 on findings.

        A valid history, revisions that go up and down, models that match, nothing shared edited, no
        credentials. Needs no database of yours.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows.check import check as run
            from agent_factory.migrate.workflows.child import in_child

            url = invocation.local_settings().database_url
            result = in_child(
                run,
                invocation.setup("check"),
                against=against,
                uses_sqlite=url is not None and url.get_secret_value().startswith("sqlite"),
                options=invocation.rehearsal_options(),
            )
            invocation.show_check(result, form)
