"""What a check has found, and its result."""

from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.model.errors import ExitCode, MigrationError
from agent_factory.migrate.model.findings.rule import Level
from agent_factory.migrate.model.findings.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where a rule is broken.

    ``file``, an absolute path, and ``line``, counted from 1, are where to look; ``object`` is the database
    object that it is about ("public.users.email"). ``details`` are lines that show it, such as what was
    expected and what was found. ``remedy`` is the statement or the command that would fix it, where one is
    certain.
    """

    code: str
    level: Level
    message: str
    file: Path | None = None
    line: int | None = None
    object: str | None = None
    details: tuple[str, ...] = ()
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A finding that the configuration leaves out, and the reason that it gives."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check.

    ``what`` was checked, for people: a project or a database. ``looked_at`` are the checks that were made,
    in words, ``skipped`` those that were not, each with the reason.
    """

    what: str
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]
    looked_at: tuple[str, ...]
    skipped: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        bad = any(finding.level is not Level.NOTE for finding in self.findings)
        return ExitCode.CHECK_FAILED if bad else ExitCode.DONE


class CannotCheckError(Exception):
    """A check was not made: ``reasons`` say why, one for each thing that was missing."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def finding(
    code: str,
    message: str,
    *,
    file: Path | None = None,
    line: int | None = None,
    object: str | None = None,  # noqa: A002 - the field's name
    details: tuple[str, ...] = (),
    remedy: str | None = None,
) -> Finding:
    """Return a finding of the level that the table gives its code.

    Raises KeyError for a code that the table lacks.
    """
    return Finding(
        code=code,
        level=RULES[code].level,
        message=message,
        file=file,
        line=line,
        object=object,
        details=details,
        remedy=remedy,
    )


def failure(check: str, error: MigrationError) -> Finding:
    """Return the finding that a check could not be made: of the error's own code, where the table has it."""
    is_known = error.code in RULES
    said = error.message.removeprefix(f"{error.file}, line {error.line}: ")
    if error.file is not None:
        said = said.replace(str(error.file), error.file.name)
    return finding(
        error.code if is_known else "not-checked",
        said if is_known else f"{check}: {said}",
        file=error.file,
        line=error.line,
        details=error.next_steps,
    )
