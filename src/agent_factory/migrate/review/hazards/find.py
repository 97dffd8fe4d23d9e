"""From traced statements and production's facts to hazards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.review.hazards.evidence import (
    Counted,
    Evidence,
    counted_rows,
    gather_evidence,
    statement_locks,
)
from agent_factory.migrate.review.hazards.registry import RULES
from agent_factory.migrate.review.hazards.rule import Hazard, Severity


def find_hazards(
    revisions: Sequence[RehearsedRevision],
    direction: Direction,
    sizes: Mapping[str, TableSize],
    counted: Counted,
) -> tuple[Hazard, ...]:
    """Return the hazards of a plan in the order in which they come: by revision, statement, severity.

    ``sizes`` are production's, ``counted`` what it answered to ``count_hits()``; ``Counted()`` where it was
    not asked. Those of one statement and severity have the order in which they are found.
    """
    evidence = gather_evidence(revisions, direction, sizes, counted)
    order = {rehearsed.revision.id: number for number, rehearsed in enumerate(revisions)}
    return tuple(
        sorted(
            dict.fromkeys(_for(direction, hazard) for hazard in _find(evidence)),
            key=lambda hazard: (
                order[hazard.revision],
                hazard.statement or 0,
                hazard.severity is not Severity.HIGH,
            ),
        )
    )


def _for(direction: Direction, hazard: Hazard) -> Hazard:
    """Return the hazard with a remedy that can be followed: an applied revision is not to be edited."""
    on_downgrade = RULES[hazard.code].on_downgrade
    if direction is Direction.UPGRADE or not on_downgrade:
        return hazard
    return replace(hazard, remedy=on_downgrade)


def _find(evidence: Evidence) -> Iterator[Hazard]:
    """Call every finder: first what happens to rows, then who waits, then the rest."""
    rules = tuple(RULES.values())
    for statement in evidence.statements():
        for rows in counted_rows(statement, evidence):
            for rule in rules:
                yield from rule.in_counted_rows(rows, evidence)
        for rule in rules:
            yield from rule.in_uncounted_rows(statement, evidence)
    for statement in evidence.statements():
        locks = statement_locks(statement, evidence)
        for table in (*locks.tables, *locks.row_tables):
            for rule in rules:
                yield from rule.in_locks(locks, table, evidence)
    for rehearsed in evidence.revisions:
        for rule in rules:
            yield from rule.in_revision(rehearsed, evidence)
    for statement in evidence.statements():
        for rule in rules:
            yield from rule.in_statement(statement, evidence)
