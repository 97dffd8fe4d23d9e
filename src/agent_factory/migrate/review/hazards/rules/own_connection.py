"""own-connection: a revision that opens a connection by itself, or starts a program."""

from collections.abc import Iterator, Sequence

from agent_factory.migrate.project import OwnConnection
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.review.hazards.evidence import Evidence
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity


def find_own_connections(revision: str, connections: Sequence[OwnConnection]) -> Iterator[Hazard]:
    """Find each of them once, with its file and line."""
    for own in dict.fromkeys(connections):
        does = f"starts {own.to}" if own.is_program else f"opens its own connection to {own.to}"
        effect = (
            "it was refused at the rehearsal, and what follows it in the revision counts as not rehearsed"
            if own.is_refused
            else "at the rehearsal it got one to the copy; what it commits there, no rollback undoes"
        )
        yield Hazard(
            code=OWN_CONNECTION.code,
            severity=Severity.HIGH,
            revision=revision,
            statement=None,
            table=None,
            message=f"{does} ({own.where}): {effect}",
            remedy=OWN_CONNECTION.remedy,
        )


def _in_revision(rehearsed: RehearsedRevision, _evidence: Evidence) -> Iterator[Hazard]:
    yield from find_own_connections(rehearsed.revision.id, rehearsed.connections)


OWN_CONNECTION = HazardRule(
    code="own-connection",
    number=12,
    rank=25,
    text="a revision opens a connection by itself, or starts a program: what it does there is outside of the "
    "run",
    high="always",
    remedy="use op.get_bind(), which is the connection of the run",
    on_downgrade="undo by hand what it does there, should the downgrade fail",
    in_revision=_in_revision,
)
