"""Which revisions of the history a database's schema is at, or is nearest to."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Catalog, Difference, Scope, with_defaults_of
from agent_factory.migrate.checks.drift import compare_with_migrations
from agent_factory.migrate.checks.other_servers import differences_of_database
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.replay import (
    Blank,
    ReplayFailedError,
    blank_database,
    find_computed_defaults,
    made_by_migrations,
)
from agent_factory.migrate.rehearsal.walk import Place, Walk, walk

_COMPARED_CLOSELY = 3
"""Schemas of the history that are compared by what they mean, where servers and versions print one thing
in two ways: the nearest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaPlace:
    """The revisions that a schema is ``at``, or is nearest to where there are ``differences``.

    ``compared`` counts the schemas of the history that were compared; ``notes`` are for people.
    """

    at: tuple[str, ...]
    differences: tuple[Difference, ...]
    compared: int
    notes: tuple[str, ...]


class SchemaSearch:
    """The comparison of one database's catalog with the schemas of the history."""

    def __init__(
        self,
        project: Project,
        target: Target,
        connection: sa.Connection,
        scope: Scope,
        catalog: Catalog,
        options: RehearsalOptions,
        schemas: Sequence[str],
    ) -> None:
        self._project = project
        self._target = target
        self._connection = connection
        self._scope = scope
        self._catalog = catalog
        self._options = options
        self._schemas = schemas
        self._notes: list[str] = []

    def at_revision(self, revision: str) -> SchemaPlace:
        """Compare with what this revision makes, and with nothing else.

        Raises RefusedError where the migrations do not run, and ScratchUnavailableError.
        """
        at = alembic_project.plan(self._project, self._target, Direction.UPGRADE, revision, ()).after
        with self._blank() as blank:
            differences = self._differences(blank, at)
        return self._found(at, differences, compared=1)

    def anywhere(self, *, is_written_with_drift: bool) -> SchemaPlace:
        """Compare with the schema after each revision, and look closely at the nearest ones.

        Raises RefusedError where several have the one that will be written, and as ``at_revision`` does.
        """
        with self._blank() as blank:
            walked = walk(self._project, blank, self._catalog, self._scope, self._options.timeout_s)
            places, differences = self._nearest(walked, blank)
        if walked.stopped:
            self._notes.append(f"not compared from there on: {walked.stopped}")
        if len(places) > 1 and (not differences or is_written_with_drift):
            raise self._several(walked, places)
        return self._found(self._rows(walked, places[-1]), differences, compared=len(walked.places))

    def _nearest(self, walked: Walk, beside: Blank) -> tuple[tuple[Place, ...], tuple[Difference, ...]]:
        """Return the places with the schema that differs least, and how; equal fingerprints are equal."""
        nearest: tuple[tuple[Place, ...], tuple[Difference, ...]] | None = None
        for places in walked.nearest()[:_COMPARED_CLOSELY]:
            if places[0].sha256 == self._catalog.sha256:
                return places, ()
            with self._blank(beside) as blank:
                differences = self._differences(blank, self._rows(walked, places[0]))
            if nearest is None or len(differences) < len(nearest[1]):
                nearest = places, differences
            if not differences:
                break
        if nearest is None:
            raise RuntimeError("a walk has no place, not even base")
        return nearest

    def _blank(self, beside: Blank | None = None) -> AbstractContextManager[Blank]:
        return blank_database(
            self._target,
            self._connection,
            schemas=self._schemas,
            scratch_url=self._options.scratch_url,
            beside=beside.scratch if beside is not None else None,
        )

    def _differences(self, blank: Blank, at: tuple[str, ...]) -> tuple[Difference, ...]:
        """Return where the database differs from what these revisions make of an empty one."""
        options = self._options
        try:
            expected = made_by_migrations(self._project, blank, at, self._scope, options.timeout_s)
        except ReplayFailedError as error:
            raise RefusedError(
                "cannot-compare",
                f"the migrations do not run on an empty database: {error}",
                state=UNCHANGED,
                next_steps=(
                    "see why: af-db check",
                    "if they begin with tables that no revision makes, name a baseline in [tool.af-db]",
                ),
            ) from error
        if not compare_with_migrations(expected, self._catalog):
            return ()
        computed = find_computed_defaults(
            self._project,
            self._target,
            self._connection,
            expected,
            self._catalog,
            at,
            self._scope,
            beside=blank.scratch,
            schemas=self._schemas,
            scratch_url=options.scratch_url,
            limit_s=options.timeout_s,
        )
        found = with_defaults_of(expected, self._catalog, computed)
        return differences_of_database(
            self._target, self._connection, blank, expected, found, self._scope, options, self._notes
        )

    def _rows(self, walked: Walk, place: Place) -> tuple[str, ...]:
        return alembic_project.newest(self._project, walked.revisions[: place.steps])

    def _several(self, walked: Walk, places: Sequence[Place]) -> RefusedError:
        named = [_shown(self._rows(walked, place)) for place in places]
        return RefusedError(
            "several-places",
            f"the schema is the same at {', '.join(named)}: what they do besides is in the rows",
            state=UNCHANGED,
            next_steps=(
                f"check the rows, and say which: {self._target.again()} {named[-1]}",
                "a revision that is taken to have run does not run any more; one that is not runs again",
            ),
        )

    def _found(
        self, at: tuple[str, ...], differences: tuple[Difference, ...], *, compared: int
    ) -> SchemaPlace:
        notes = tuple(dict.fromkeys(self._notes))
        return SchemaPlace(at=at, differences=differences, compared=compared, notes=notes)


def _shown(revisions: Sequence[str]) -> str:
    return ", ".join(revisions) or "base"
