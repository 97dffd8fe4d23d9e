"""Empty databases to try a project's revisions and models on, of both kinds that af-db knows."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent_factory.migrate.catalog import NO_SPELLINGS, Scope, Spellings
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.findings import CannotCheckError, Finding
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.scratch import (
    Scratch,
    ScratchUnavailableError,
    another_database,
    scratch_database,
)
from agent_factory.migrate.rehearsal.spellings import Printed, find_spellings
from agent_factory.migrate.rehearsal.temporary_folders import temporary_folder
from agent_factory.url import DatabaseURL

POSTGRESQL, SQLITE = "PostgreSQL", "SQLite"

Schemas = tuple[str, ...] | None
"""What the configuration says of which schemas to check; None is all but the system's and platforms'."""

_OLDEST_MAJOR = 13
"""No server of production is known here, so any will do, the oldest of this machine first: what runs there
runs on newer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The result of one check: its findings, and what of it was not done, each with the reason.

    ``made`` is False where nothing of it was done.
    """

    findings: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()
    made: bool = True


class ThrowawayDatabases:
    """Databases for a block each; ``stack`` keeps the server that is started for the first of them.

    ``limit_s`` is how long each run of revisions on one may take.
    ``unavailable`` says why there is no PostgreSQL, once one was wanted and could not be had.
    """

    def __init__(self, stack: contextlib.ExitStack, options: RehearsalOptions) -> None:
        self._stack = stack
        self._options = options
        self._server: Scratch | None = None
        self.limit_s = options.timeout_s
        self.unavailable: ScratchUnavailableError | None = None

    @contextlib.contextmanager
    def empty(self, backend: str) -> Iterator[Target]:
        """Make an empty database on ``backend``, POSTGRESQL or SQLITE.

        Raises ScratchUnavailableError, and CannotCheckError where no PostgreSQL is wanted.
        """
        if backend == SQLITE:
            with temporary_folder("check") as folder:
                url = DatabaseURL(backend="sqlite", database=str(folder / "check.db"))
                yield Target(url=url, environment=Environment.LOCAL)
            return
        if not self._options.wanted:
            raise CannotCheckError("--no-rehearsal")
        if self.unavailable is not None:
            raise self.unavailable
        try:
            with another_database(self._start(), scratch_url=self._options.scratch_url) as scratch:
                yield scratch.target
        except ScratchUnavailableError as error:
            self.unavailable = error
            raise

    def find_spellings(
        self, expected: Printed, found: Printed, scope: Scope, *, known: Spellings = NO_SPELLINGS
    ) -> Spellings:
        """Return which clauses of two of these databases are one thing in other words."""
        return find_spellings(
            expected,
            found,
            scope,
            beside=self._start(),
            scratch_url=self._options.scratch_url,
            known=known,
        )

    def _start(self) -> Scratch:
        if self._server is None:
            self._server = self._stack.enter_context(
                scratch_database(_OLDEST_MAJOR, scratch_url=self._options.scratch_url)
            )
        return self._server


def not_there(error: MigrationError, backend: str, *, uses_sqlite: bool) -> str:
    """Return why nothing is tried on a database that the baseline does not fit.

    Raises the error where the project is meant for that database.
    """
    if backend == SQLITE and not uses_sqlite:
        return f"on {backend}: {error.message.partition(chr(10))[0]}"
    raise error


def reported_once(found: Sequence[tuple[str, Sequence[Finding]]]) -> tuple[Finding, ...]:
    """Return the findings of several databases, each with where it is so.

    A finding that several have is reported once, with the details of each where these differ. Two findings
    of one database are never one.
    """
    reported: dict[object, dict[str, Finding]] = {}
    for backend, findings in found:
        seen: Counter[object] = Counter()
        for item in findings:
            said = (item.code, item.file, item.line, _said(item.object or ""), _said(item.message))
            reported.setdefault((said, seen[said]), {})[backend] = item
            seen[said] += 1
    return tuple(_reported(places) for places in reported.values())


def _reported(places: Mapping[str, Finding]) -> Finding:
    first, *others = places.values()
    details = first.details
    if any(_said("\n".join(other.details)) != _said("\n".join(details)) for other in others):
        details = tuple(f"on {backend}: {line}" for backend, item in places.items() for line in item.details)
    return dataclasses.replace(first, message=f"on {' and '.join(places)}: {first.message}", details=details)


def _said(text: str) -> str:
    """What is said, without what only PostgreSQL has: schemas. Types are written in small letters there."""
    return text.replace("public.", "").casefold()
