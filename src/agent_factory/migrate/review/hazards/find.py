"""From traced statements and production's facts to hazards."""

from collections.abc import Mapping, Sequence

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.review.hazards.blocking import estimates, find_blocking
from agent_factory.migrate.review.hazards.count import Counted
from agent_factory.migrate.review.hazards.data import find_data_hazards
from agent_factory.migrate.review.hazards.rules import Hazard, Severity
from agent_factory.migrate.review.hazards.running_code import find_breaks
from agent_factory.migrate.review.hazards.unfinished import find_unfinished


def find_hazards(
    revisions: Sequence[RehearsedRevision],
    direction: Direction,
    sizes: Mapping[str, TableSize],
    counted: Counted,
) -> tuple[Hazard, ...]:
    """Return the hazards of a plan in the order in which they come: by revision, statement, severity.

    ``sizes`` are production's, ``counted`` what it answered to ``count_hits()``; ``Counted()`` where it was
    not asked.
    """
    order = {rehearsed.revision.id: number for number, rehearsed in enumerate(revisions)}
    found = [
        *find_data_hazards(revisions, sizes, counted),
        *find_blocking(revisions, sizes, estimates(revisions, sizes, counted)),
        *find_breaks(revisions, sizes, counted),
        *find_unfinished(revisions, direction, counted),
    ]
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda hazard: (
                order[hazard.revision],
                hazard.statement or 0,
                hazard.severity is not Severity.HIGH,
            ),
        )
    )
