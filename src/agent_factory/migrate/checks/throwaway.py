"""Empty databases to try a project's revisions and models on, of both kinds that af-db knows."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_factory.migrate.findings import CannotCheckError, Finding
from agent_factory.migrate.options import RehearsalOptions
from agent_factory.migrate.scratch import (
    Scratch,
    ScratchUnavailableError,
    another_database,
    scratch_database,
)
from agent_factory.migrate.target import Environment, Target
from agent_factory.migrate.temporary import temporary_folder
from agent_factory.url import DatabaseURL

POSTGRESQL, SQLITE = "PostgreSQL", "SQLite"

Schemas = tuple[str, ...] | None
"""What the configuration says of which schemas to look at; None is all but the system's and platforms'."""

_OLDEST_MAJOR = 13
"""No server of production is known here, so any will do, the oldest of this machine first: what runs there
runs on newer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one check came to: its findings, and what of it was not done, each with the reason."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()


class ThrowawayDatabases:
    """Databases for a block each; ``stack`` keeps the server that is started for the first of them."""

    def __init__(self, stack: contextlib.ExitStack, options: RehearsalOptions) -> None:
        self._stack = stack
        self._options = options
        self._server: Scratch | None = None
        self._unavailable: ScratchUnavailableError | None = None

    @contextlib.contextmanager
    def empty(self, backend: str) -> Iterator[Target]:
        """Make an empty database on ``backend``, POSTGRESQL or SQLITE.

        Raises ScratchUnavailableError, and CannotCheckError where none is wanted.
        """
        if not self._options.wanted:
            raise CannotCheckError("--no-rehearsal")
        if backend == SQLITE:
            with temporary_folder("check") as folder:
                url = DatabaseURL(backend="sqlite", database=str(folder / "check.db"))
                yield Target(url=url, environment=Environment.LOCAL)
        else:
            with another_database(self._start(), scratch_url=self._options.scratch_url) as scratch:
                yield scratch.target

    def _start(self) -> Scratch:
        if self._unavailable is not None:
            raise self._unavailable
        if self._server is None:
            try:
                self._server = self._stack.enter_context(
                    scratch_database(_OLDEST_MAJOR, scratch_url=self._options.scratch_url)
                )
            except ScratchUnavailableError as error:
                self._unavailable = error
                raise
        return self._server


def told_once(found: Sequence[tuple[str, Sequence[Finding]]]) -> tuple[Finding, ...]:
    """Return the findings of several databases, each with where it is so; one that all have is one."""
    first: dict[tuple[str, object, object], Finding] = {}
    places: dict[tuple[str, object, object], list[str]] = {}
    for backend, findings in found:
        for item in findings:
            name = item.object.removeprefix("public.") if item.object is not None else None
            key = (item.code, item.file, name)
            first.setdefault(key, item)
            places.setdefault(key, []).append(backend)
    return tuple(
        dataclasses.replace(item, message=f"on {' and '.join(dict.fromkeys(places[key]))}: {item.message}")
        for key, item in first.items()
    )
