"""Whether a project is sound: its files, alone and merged into the target branch; no database is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.checks.branch import check_branch
from agent_factory.migrate.checks.credentials import check_credentials
from agent_factory.migrate.checks.history import check_history
from agent_factory.migrate.findings import CannotCheckError, CheckResult, Finding
from agent_factory.migrate.options import RehearsalOptions
from agent_factory.migrate.project import HistoryFiles, Project
from agent_factory.migrate.scratch import ScratchUnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What is checked: ``against`` is the target branch, ``options`` where a scratch server comes from."""

    files: HistoryFiles
    against: str | None
    options: RehearsalOptions

    @property
    def project(self) -> Project:
        """The project, where Alembic takes it. Raises CannotCheckError."""
        if self.files.project is None:
            raise CannotCheckError("the revision files make no history")
        return self.files.project


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """One of the checks: ``name`` is what it looks at, ``words`` what it looks for.

    ``find`` raises CannotCheckError, or ScratchUnavailableError, where it cannot be made.
    """

    name: str
    words: str
    find: Callable[[_Subject], tuple[Finding, ...]]


def check(config_path: Path, *, against: str | None, options: RehearsalOptions) -> CheckResult:
    """Make every check that can be made here; one that cannot is told with the reason, and is no finding.

    ``against`` is the branch that this one will be merged into, ``options`` where a throwaway server comes
    from, and whether one is wanted. Raises UsageError for a configuration that cannot be read, and for a
    branch that git cannot read.
    """
    subject = _Subject(
        files=alembic_project.read_history_files(config_path), against=against, options=options
    )
    findings: list[Finding] = []
    looked_at: list[str] = []
    skipped: list[str] = []
    for item in _CHECKS:
        try:
            findings += item.find(subject)
        except (CannotCheckError, ScratchUnavailableError) as error:
            skipped += [f"{item.name}: {reason}" for reason in error.reasons]
        else:
            looked_at.append(f"{item.name}: {item.words}")
    return CheckResult(
        what="the history and the models",
        findings=tuple(findings),
        ignored=(),
        looked_at=tuple(looked_at),
        skipped=tuple(skipped),
    )


def _history(subject: _Subject) -> tuple[Finding, ...]:
    return check_history(subject.files)


def _credentials(subject: _Subject) -> tuple[Finding, ...]:
    return check_credentials(subject.files)


def _branch(subject: _Subject) -> tuple[Finding, ...]:
    if subject.against is None:
        raise CannotCheckError("it is not named: --against origin/main")
    return check_branch(subject.files, subject.against)


_CHECKS = (
    _Check(name="revision files", words="one history, ids and file names by rule", find=_history),
    _Check(name="credentials", words="in the configuration, env.py and the revisions", find=_credentials),
    _Check(name="target branch", words="edited and deleted revisions, heads after the merge", find=_branch),
)
