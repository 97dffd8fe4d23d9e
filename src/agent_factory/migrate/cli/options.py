"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="PATH",
        help="Another alembic.ini; by default the nearest one, going up from here.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for CI and scripts.")]
UpgradeRevision = Annotated[
    str, typer.Argument(metavar="REVISION", help="An id or its beginning, +1, head, heads, branch@head.")
]
DowngradeRevision = Annotated[
    str, typer.Argument(metavar="REVISION", help="An id or its beginning, -1, base, branch@base.")
]


class RelativeRevisionCommand(TyperCommand):
    """A command that takes ``-1`` and ``-2`` as a revision, though they look like options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        relative = [argument for argument in args if argument[:1] == "-" and argument[1:].isdigit()]
        if relative and "--" not in args:
            args = [argument for argument in args if argument not in relative]
            args = [*args, "--", *relative]
        return super().parse_args(ctx, args)
