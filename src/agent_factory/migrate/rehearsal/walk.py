"""The schemas of a history, one after the other: which of them a database's own is, or is nearest to."""

import itertools
from dataclasses import dataclass

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Catalog, Scope, read_catalog
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.project import Hooks, Project
from agent_factory.migrate.rehearsal.replay import Blank, ReplayFailedError, failures_named, lay_baseline
from agent_factory.migrate.rehearsal.time_limit import time_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The schema after the first ``steps`` revisions of the history: its fingerprint, and how many objects it
    has and another has not, or the other way round."""

    steps: int
    sha256: str
    distance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The places, base first, and the revisions that lead to them; ``stopped`` says why not to all."""

    revisions: tuple[str, ...]
    places: tuple[Place, ...]
    stopped: str = ""

    def nearest(self) -> tuple[tuple[Place, ...], ...]:
        """Return the places with one schema together, those of the nearest schema first."""
        by_schema = sorted(self.places, key=lambda place: (place.distance, place.sha256, place.steps))
        return tuple(tuple(places) for _, places in itertools.groupby(by_schema, lambda place: place.sha256))


def walk(project: Project, blank: Blank, found: Catalog, scope: Scope, limit_s: float) -> Walk:
    """Run the history once on an empty database, and compare its schema after each revision with ``found``.

    The order is Alembic's, which is one of several where the history has branches. A revision that fails ends
    the walk. Raises BaselineFailedError.
    """
    wanted = frozenset(found.objects)
    way = alembic_project.plan(project, blank.target, Direction.UPGRADE, "heads", ())
    places: list[Place] = []
    lay_baseline(project, blank.target, limit_s)
    with connect(blank.target) as connection, connect(blank.target, read_only=True) as reader:

        def note(_revision: str = "") -> None:
            made = read_catalog(reader, scope)
            distance = len(wanted ^ frozenset(made.objects))
            places.append(Place(steps=len(places), sha256=made.sha256, distance=distance))

        note()
        stopped = ""
        try:
            with failures_named(way) as started, time_limit(connection, limit_s):
                alembic_project.run(project, connection, way, Hooks(started=started.append, committed=note))
        except ReplayFailedError as error:
            stopped = str(error)
    return Walk(revisions=tuple(step.id for step in way.steps), places=tuple(places), stopped=stopped)
