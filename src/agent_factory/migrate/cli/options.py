"""The options that several commands share, each declared once, and what two commands say of themselves.

A command takes them with ``@takes(...)``, in the order in which its help lists them.
"""

from enum import StrEnum
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_factory.migrate.cli.completions import hazards, revisions

RevisionToReach = Annotated[
    str | None,
    typer.Argument(
        metavar="REVISION",
        help="An id or its beginning, +1, head, heads, branch@head.",
        show_default="head",
        autocompletion=revisions,
    ),
]
RevisionToGoBackTo = Annotated[
    str | None,
    typer.Argument(
        metavar="REVISION",
        help="An id or its beginning, -1, base, branch@base.",
        show_default=False,
        autocompletion=revisions,
    ),
]


class ProgressForm(StrEnum):
    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"


def option(
    of: Any, name: str, *short: str, meaning: str, default: Any = None, called: str = "", **facts: Any
) -> Parameter:
    """Return the parameter that takes an option of this type, ``called`` so in the program.

    By default ``--a-b`` becomes the parameter ``a_b``.
    """
    return Parameter(
        called or name.removeprefix("--").replace("-", "_"),
        Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[of, typer.Option(name, *short, help=meaning, **facts)],
    )


def text(name: str, metavar: str, meaning: str) -> Parameter:
    """Return the parameter that takes a text, or None."""
    return option(str | None, name, metavar=metavar, meaning=meaning)


def texts(name: str, metavar: str, meaning: str) -> Parameter:
    """Return the parameter of an option that may be typed several times."""
    return option(list[str] | None, name, metavar=metavar, meaning=meaning)


def flag(name: str, *short: str, meaning: str, **facts: Any) -> Parameter:
    """Return the parameter of an option that is typed or not."""
    return option(bool, name, *short, meaning=meaning, default=False, **facts)


def _duration(name: str, meaning: str) -> Parameter:
    return text(name, "DURATION", meaning)


CONFIG = option(
    *(Path | None, "--config", "-c"),
    metavar="PATH",
    meaning="Another alembic.ini; by default the nearest one, going up from here.",
)
NAME = option(
    *(str | None, "--name", "-n"),
    called="section",
    metavar="SECTION",
    meaning="Another section of alembic.ini than [alembic].",
)
X = option(
    *(list[str] | None, "-x"),
    called="x",
    metavar="KEY=VALUE",
    meaning="What env.py reads by context.get_x_argument(); may be typed several times.",
)
PROJECT = (CONFIG, NAME, X)
JSON = flag("--json", meaning="Print one JSON document on stdout.")
OUTPUT = (*PROJECT, JSON)
YES = flag("--yes", "-y", meaning="Do not ask; for CI and scripts.")

ALLOW = option(
    *(list[str] | None, "--allow"),
    metavar="HAZARD[,...]",
    meaning="Consent to high hazards of the plan by their names, to drift and to a baseline.",
    autocompletion=hazards,
)
SCRATCH_URL = text(
    "--scratch-url",
    "URL",
    "A PostgreSQL to rehearse on, else one is started; a password is safer in AF_DB_SCRATCH_URL.",
)
REHEARSAL_TIMEOUT = _duration(
    "--rehearsal-timeout", "How long the revisions may take at the rehearsal (10min)."
)
NO_REHEARSAL = flag("--no-rehearsal", meaning="Do not rehearse (AF_DB_REHEARSAL=false).")
REHEARSAL = (SCRATCH_URL, REHEARSAL_TIMEOUT, NO_REHEARSAL)

ENVIRONMENT = text(
    "--environment", "NAME", "The environment name that the database must have (prod: production)."
)
PLAN = option(
    *(Path | None, "--plan"),
    metavar="FILE",
    meaning="Run this saved plan; refuse if anything differs from it.",
)
PROGRESS = option(
    *(ProgressForm, "--progress"),
    meaning="How progress is shown: auto, plain (each statement, a line), JSON lines.",
    default=ProgressForm.AUTO,
)
SHOW_VALUES = flag("--show-values", meaning="Show values of rows that an error quotes; on a terminal only.")
LOCK_WAIT = _duration("--lock-wait", "How long to wait for another run (60s).")
POOLERS = (
    flag("--allow-pooler", meaning="Run through a transaction pooler, with weaker guards."),
    flag("--session-pooler", meaning="The pooler in between keeps one session for a connection."),
)
LIMITS = (
    LOCK_WAIT,
    _duration("--retry-for", "How long to retry a revision that cannot get its locks (5min)."),
    _duration("--lock-timeout", "The first try's lock_timeout (200ms)."),
    _duration("--lock-timeout-max", "The longest lock_timeout (1s)."),
    _duration("--statement-timeout", "How long a statement may take (1h)."),
    *POOLERS,
    texts("--accept-edited", "REVISION", "Accept that this applied revision's file has changed."),
    texts("--resume", "REVISION", "Run this revision again, though a killed run has committed a part of it."),
)
NOTE = texts(
    "--note",
    "[LINE:]TEXT",
    "What a person knows of a line of the checklist; without LINE, whom they have informed.",
)
PREFLIGHT = flag("--preflight", meaning="Answer the lines of the checklist that take a wait, too.")
NOT_BEFORE = text("--not-before", "TIME", 'Wait for this time of day first: 02:00, "02:00 Europe/Berlin".')
WATCH = _duration(
    "--watch", "Watch for so long after the run whether rollbacks rise, sessions wait, queries get slower."
)
BEFORE_A_RUN = (ALLOW, PLAN, *REHEARSAL, PREFLIGHT, NOTE, NOT_BEFORE, ENVIRONMENT)
RUN = (YES, *LIMITS, *BEFORE_A_RUN, WATCH, PROGRESS, SHOW_VALUES, *OUTPUT)

REDO = tuple(one for one in RUN if one not in (PLAN, *POOLERS))

UPGRADE_HELP = """Upgrade to a revision; the default is the newest.

Shows the target, the current revision and the plan; prod then asks. Durations are written 200ms, 5s,
2min, 1h or 7d."""
DOWNGRADE_HELP = """Go back to a revision: -1, -2, 001, base.

Can lose data, so prod asks for the database's name. Durations are written 200ms, 5s, 2min, 1h or 7d."""
