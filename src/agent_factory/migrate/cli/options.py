"""Arguments and options that several commands share."""

from enum import StrEnum
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
RevisionToReach = Annotated[
    str | None,
    typer.Argument(
        metavar="REVISION", help="An id or its beginning, +1, head, heads, branch@head.", show_default="head"
    ),
]
RevisionToGoBackTo = Annotated[
    str | None,
    typer.Argument(
        metavar="REVISION", help="An id or its beginning, -1, base, branch@base.", show_default=False
    ),
]
EnvironmentName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Its new name.", show_default=False)
]


class ProgressForm(StrEnum):
    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"


def _duration(name: str, meaning: str) -> Any:
    return typer.Option(name, metavar="DURATION", help=meaning, show_default=False)


LockWait = Annotated[str | None, _duration("--lock-wait", "How long to wait for another run (60s).")]
RetryFor = Annotated[
    str | None, _duration("--retry-for", "How long to try a revision again that meets locks (5min).")
]
LockTimeout = Annotated[str | None, _duration("--lock-timeout", "The first try's lock_timeout (200ms).")]
LockTimeoutMax = Annotated[str | None, _duration("--lock-timeout-max", "The longest lock_timeout (1s).")]
StatementTimeout = Annotated[
    str | None, _duration("--statement-timeout", "How long a statement may take (1h).")
]
AllowPooler = Annotated[
    bool, typer.Option("--allow-pooler", help="Run through a transaction pooler, with weaker guards.")
]
AcceptEdited = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-edited",
        metavar="REVISION",
        help="Accept that this applied revision's file has changed.",
        show_default=False,
    ),
]
Resume = Annotated[
    list[str] | None,
    typer.Option(
        "--resume",
        metavar="REVISION",
        help="Run this revision again over what a killed run has committed of it.",
        show_default=False,
    ),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--environment",
        metavar="NAME",
        help="What the database has to call itself (prod: production).",
        show_default=False,
    ),
]
Progress = Annotated[
    ProgressForm, typer.Option("--progress", help="How progress is told: auto, plain lines, JSON lines.")
]

Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="HAZARD[,...]",
        help="Consent to serious hazards of the plan by their names, and to drift.",
        show_default=False,
    ),
]
ScratchUrl = Annotated[
    str | None,
    typer.Option(
        "--scratch-url",
        metavar="URL",
        help="A PostgreSQL to rehearse on, else one is started; a password is safer in AF_DB_SCRATCH_URL.",
        show_default=False,
    ),
]
RehearsalTimeout = Annotated[
    str | None, _duration("--rehearsal-timeout", "How long the revisions may take at the rehearsal (10min).")
]
NoRehearsal = Annotated[bool, typer.Option("--no-rehearsal", help="Do not rehearse (AF_DB_REHEARSAL=false).")]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Run this saved plan, and nothing if anything differs from it.",
        show_default=False,
    ),
]

UPGRADE_HELP = """Upgrade to a revision; the default is the newest.

Shows the target, the current revision and the plan; prod then asks. Durations are written 200ms, 5s,
2min, 1h or 7d."""
DOWNGRADE_HELP = """Go back to a revision: -1, -2, 001, base.

Can lose data, so prod wants the database's name typed. Durations are written 200ms, 5s, 2min, 1h or 7d."""


class RelativeRevisionCommand(TyperCommand):
    """A command that takes ``-1`` and ``-2`` as a revision, though they look like options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        relative = [argument for argument in args if argument[:1] == "-" and argument[1:].isdigit()]
        if relative and "--" not in args:
            args = [argument for argument in args if argument not in relative]
            args = [*args, "--", *relative]
        return super().parse_args(ctx, args)
