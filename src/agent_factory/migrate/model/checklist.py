"""The checklist of a run: what a person would tick before a yes, each line with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent_factory.migrate.model.errors import NOT_TOUCHED, ExitCode, UsageError


class Verdict(StrEnum):
    """What the evidence says. SAID is what a person has said: it is never a PASS."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    SAID = "said"
    NOT_KNOWN = "not known"


class LineName(StrEnum):
    """The lines, in the order in which they are shown; their values are what settings and notes name."""

    TESTED_LOCALLY = "tested-locally"
    STAGING = "staging"
    BACKUP = "backup"
    REVIEWED = "reviewed"
    WAY_BACK = "way-back"
    ANNOUNCED = "announced"
    QUIET = "quiet"
    WATCHED = "watched"
    ROOM = "room"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. ``evidence`` is one sentence, ``next_step`` what to type for a better one, or empty.

    ``is_required``: the project runs nothing on production unless the line passes.
    """

    name: LineName
    verdict: Verdict
    evidence: str
    next_step: str = ""
    is_required: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}: {self.evidence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """The lines of one plan. ``is_full``: those that take a wait are answered too."""

    lines: tuple[Line, ...]
    is_full: bool

    @property
    def missing(self) -> tuple[Line, ...]:
        """The lines that have to pass and do not."""
        return tuple(line for line in self.lines if line.is_required and line.verdict is not Verdict.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightResult:
    """What ``preflight`` found out about the plan from ``before`` to ``after``; nothing was run on it."""

    database: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[str, ...]
    checklist: Checklist

    @property
    def exit_code(self) -> ExitCode:
        fails = any(line.verdict is Verdict.FAIL for line in self.checklist.lines)
        return ExitCode.CHECK_FAILED if fails or self.checklist.missing else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightOptions:
    """What was typed and set for the checklist. ``notes`` are what was said, by line.

    ``wants_all``: the lines that take a wait are answered too. ``staging_url`` is the database on which
    revisions run first, ``approved_by`` who the CI job says has approved this one, ``watches_s`` for how
    long af-db watches after the run.
    """

    wants_all: bool = False
    notes: Mapping[LineName, str] = field(default_factory=dict)
    approved_by: str | None = None
    staging_url: str | None = None
    watches_s: float | None = None


def parse_notes(texts: Sequence[str]) -> dict[LineName, str]:
    """Return what these texts say, by line: ``backup: 02:10``; what names no line is an announcement.

    Raises UsageError for an empty one.
    """
    names = {str(name): name for name in LineName}
    found: dict[LineName, str] = {}
    for text in texts:
        before, colon, after = text.partition(":")
        name = names.get(before.strip()) if colon else None
        said = " ".join((after if name else text).split())
        if not said:
            raise UsageError(
                "usage",
                "--note has no text",
                state=NOT_TOUCHED,
                next_steps=('--note "#ops informed, ticket 812"', f"or for a line: {', '.join(names)}"),
            )
        line = name or LineName.ANNOUNCED
        found[line] = f"{found[line]}; {said}" if line in found else said
    return found
