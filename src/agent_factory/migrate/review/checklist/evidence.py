"""What the lines of a checklist are made from: facts that were fetched before, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent_factory.migrate.db.readiness import Activity, LackingRight, Room
from agent_factory.migrate.db.server import Index
from agent_factory.migrate.model.checklist import LineName, Verdict
from agent_factory.migrate.model.origin import Commit
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project.configuration import QuietHours
from agent_factory.migrate.rehearsal.round_trip import RoundTrip
from agent_factory.migrate.review.build import Review


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a line says, without its name."""

    verdict: Verdict
    evidence: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRevision:
    """What staging's journal says of a pending revision. ``has_same_file`` is None where it has not run."""

    revision: str
    has_same_file: bool | None
    at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """What the staging database says. ``why_unknown`` is why nothing could be read, or empty; ``is_this``: it
    is the database of the plan itself.

    ``drift`` counts the objects that are not as its migrations made them; None where that is not known.
    """

    database: str
    revisions: tuple[StagedRevision, ...] = ()
    drift: int | None = None
    why_unknown: str = ""
    is_this: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Facts about one plan. What was not asked for, or cannot be known, is None.

    ``tables`` are those that the plan touches and that are there. ``without_downgrade`` are the ids of
    revisions that have none. ``saved_at`` is when the plan that runs was saved. ``commits`` has, by revision,
    the commit of its file, None where the file is in none. ``notes`` are what a person has said, by line.
    ``local_time`` is the server's, in the zone of the quiet hours; None where it knows no such zone.
    """

    target: Target
    plan: Plan
    review: Review | None = None
    without_downgrade: Sequence[str] = ()
    saved_at: datetime | None = None
    commits: Mapping[str, Commit | None] | None = None
    approved_by: str | None = None
    notes: Mapping[LineName, str] = field(default_factory=dict)
    staging: Staging | None = None
    round_trip: RoundTrip | None = None
    activity: Activity | None = None
    writes_per_s: Mapping[str, float] | None = None
    quiet_hours: QuietHours | None = None
    local_time: str | None = None
    room: Room | None = None
    lacking: Sequence[LackingRight] = ()
    invalid_indexes: Sequence[Index] = ()
    watches_s: float | None = None
    is_full: bool = False
