"""``schema``, the same for both groups but for the target; it reads the database only."""

from pathlib import Path
from typing import Annotated

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import OUTPUT
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.redaction import redact


def add_schema_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that writes the schema of the database which ``open_target`` names."""

    @app.command()
    @takes(*OUTPUT)
    def schema(
        context: typer.Context,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="FILE", help="Write it there, whole or not at all."),
        ] = None,
        check: Annotated[
            bool, typer.Option("--check", help="Compare it with the file of --out; exits 3 on a difference.")
        ] = False,
        *,
        json: bool,
    ) -> None:
        """Write the schema of the database as SQL.

        It is sorted, and without rows, owners and grants.
        What is kept so beside the revisions is a baseline, or shows in a review what they do.
        """
        if check and out is None:
            raise typer.BadParameter("--check needs the file to compare: --out schema.sql")
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows.schema import schema as run

            target = open_target(invocation)
            path = invocation.path(out) if out is not None else None
            result = invocation.call(invocation.setup(), run, target, out=path, compares=check)
            if json:
                _refuse_masked(result.sql or "")
            invocation.show(result)


def _refuse_masked(sql: str) -> None:
    """Raise RefusedError where JSON, which never has what looks like a secret, would not be the schema."""
    if redact(sql) != sql:
        raise RefusedError(
            "sql-not-whole",
            "the schema has what looks like a password, and JSON would have asterisks for it",
            state=UNCHANGED,
            next_steps=("write it to a file: --out schema.sql",),
        )
