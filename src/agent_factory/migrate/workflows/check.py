"""Whether a project has faults: its files, what they do on throwaway databases, and its models."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.checks.branch import check_branch
from agent_factory.migrate.checks.credentials import check_credentials
from agent_factory.migrate.checks.history import check_history
from agent_factory.migrate.checks.models import check_models
from agent_factory.migrate.checks.round_trip import check_round_trip
from agent_factory.migrate.checks.throwaway import Looked, Schemas, ThrowawayDatabases
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.findings import (
    BRANCH_CODES,
    CREDENTIAL_CODES,
    HISTORY_CODES,
    MODEL_CODES,
    ROUND_TRIP_CODES,
    CannotCheckError,
    CheckResult,
    Finding,
    apply_ignores,
    failure,
    finding,
)
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.project import HistoryFiles, Project
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError

_MISSING_FUNCTION = {"upgrade-fails": "no-upgrade", "downgrade-fails": "no-downgrade"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What is checked: ``against`` is the target branch, ``databases`` where the revisions are tried.

    ``uses_sqlite`` says that the project is meant to run on SQLite too; ``schemas`` are those to compare.
    """

    files: HistoryFiles
    against: str | None
    databases: ThrowawayDatabases
    uses_sqlite: bool
    schemas: Schemas

    @property
    def project(self) -> Project:
        """The project, where Alembic takes it. Raises CannotCheckError."""
        if self.files.project is None:
            raise CannotCheckError("the revision files do not make a history")
        return self.files.project


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """One of the checks: ``name`` is what it reads, ``words`` and ``codes`` what it can find.

    ``find`` raises CannotCheckError, or ScratchUnavailableError, where it cannot be made.
    """

    name: str
    words: str
    codes: frozenset[str]
    find: Callable[[_Subject], Looked]


def check(
    setup: Setup, *, against: str | None, options: RehearsalOptions, uses_sqlite: bool = False
) -> CheckResult:
    """Make every check that can be made here; one that cannot is reported with the reason.

    That is a finding where the check breaks, or what it needs was asked for by name: it ends no other check.
    ``against`` is the branch that this one will be merged into, ``options`` where a throwaway server comes
    from, and whether revisions may be run at all. ``uses_sqlite`` says that the project's own database is
    SQLite, so migrations that do not run there are an error; it goes where the configuration names no
    databases. Raises UsageError for a configuration that cannot be read.
    """
    files = alembic_project.read_history_files(setup)
    configuration = read_configuration(settings_root(setup))
    if configuration.databases is not None:
        uses_sqlite = "sqlite" in configuration.databases
    findings: list[Finding] = []
    looked_for: set[str] = set()
    looked_at: list[str] = []
    skipped: list[str] = []
    with contextlib.ExitStack() as stack:
        databases = ThrowawayDatabases(stack, options)
        subject = _Subject(
            files=files,
            against=against,
            databases=databases,
            uses_sqlite=uses_sqlite,
            schemas=configuration.schemas,
        )
        for item in _CHECKS:
            try:
                looked = item.find(subject)
            except (CannotCheckError, ScratchUnavailableError) as error:
                skipped += [f"{item.name}: {reason}" for reason in error.reasons]
                continue
            except MigrationError as error:
                findings.append(failure(item.name, error))
                skipped.append(f"{item.name}: {error}")
                continue
            findings += looked.findings
            looked_at += [f"{item.name}: {item.words}"] if looked.made else []
            skipped += [f"{item.name}: {reason}" for reason in looked.skipped]
            if not looked.skipped:  # an ignored finding may be of what was not checked
                looked_for |= item.codes
    if databases.unavailable is not None:
        findings += _wanted_server(options, databases.unavailable)
    left, ignored = apply_ignores(_told_once(findings), configuration.ignore, looked_for)
    return CheckResult(
        what="the history and the models",
        findings=left,
        ignored=ignored,
        looked_at=tuple(looked_at),
        skipped=tuple(skipped),
    )


def _told_once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Leave out what another check has reported: an env.py that does not run, a function that is missing."""
    reported = {(item.file, item.code) for item in findings}
    return tuple(
        item
        for item in dict.fromkeys(findings)
        if (item.file, _MISSING_FUNCTION.get(item.code)) not in reported
    )


def _wanted_server(options: RehearsalOptions, unavailable: ScratchUnavailableError) -> tuple[Finding, ...]:
    """What is to be said where a PostgreSQL was asked for by name, and there is none."""
    asked = (("--scratch-url", options.scratch_url is not None), ("require-rehearsal", options.required))
    names = " and ".join(name for name, is_asked in asked if is_asked)
    if not names:
        return ()
    said = f"nothing was run on PostgreSQL, though it was asked for by {names}"
    return (finding("not-checked", said, details=unavailable.reasons),)


def _history(subject: _Subject) -> Looked:
    return Looked(findings=check_history(subject.files))


def _credentials(subject: _Subject) -> Looked:
    return Looked(findings=check_credentials(subject.files))


def _branch(subject: _Subject) -> Looked:
    if subject.against is None:
        raise CannotCheckError("it is not named: --against origin/main")
    return Looked(findings=check_branch(subject.files, subject.against))


def _round_trip(subject: _Subject) -> Looked:
    return check_round_trip(
        subject.project, subject.databases, uses_sqlite=subject.uses_sqlite, schemas=subject.schemas
    )


def _models(subject: _Subject) -> Looked:
    return check_models(
        subject.project, subject.databases, uses_sqlite=subject.uses_sqlite, schemas=subject.schemas
    )


_CHECKS = (
    _Check(
        name="revision files",
        words="one history, ids and file names by rule",
        codes=HISTORY_CODES,
        find=_history,
    ),
    _Check(
        name="credentials",
        words="in the configuration, env.py and the revisions",
        codes=CREDENTIAL_CODES,
        find=_credentials,
    ),
    _Check(
        name="target branch",
        words="edited and deleted revisions, heads after the merge",
        codes=BRANCH_CODES,
        find=_branch,
    ),
    _Check(
        name="up and down",
        words="every revision up, down and up again, with rows in the tables",
        codes=ROUND_TRIP_CODES,
        find=_round_trip,
    ),
    _Check(
        name="models",
        words="the migrations make what the models say",
        codes=MODEL_CODES,
        find=_models,
    ),
)
