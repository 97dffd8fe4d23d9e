"""lock-held-through-statements: a transaction holds a lock while its later statements work."""

from collections.abc import Iterator, Sequence

from agent_factory.migrate.model.locks import Blocks, LockMode
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import TracedStatement
from agent_factory.migrate.review.forecast import about
from agent_factory.migrate.review.hazards.evidence import HIGH_S, NOTICE_S, Evidence
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity

HELD_NOTICE_S = 0.2
"""How long a lock is held while something else runs."""
SHORT_S = 0.02
"""Statements as short as this, however many, are no high hazard: a revision may well have dozens."""


def _in_revision(rehearsed: RehearsedRevision, evidence: Evidence) -> Iterator[Hazard]:
    """Find locks that are held while later statements work on something else; one for each that takes any."""
    names = {
        effect.table: effect.first_name
        for statement in rehearsed.statements
        for effect in statement.effects
        if effect.first_name
    }
    # A dictionary, for its order: of two tables that are locked alike, always the same one is named.
    holders = dict.fromkeys(
        (held.since, held.table, held.lock)
        for statement in rehearsed.statements
        for held in statement.held
        if held.lock >= LockMode.SHARE
    )
    reported: set[int] = set()
    for since, table, lock in sorted(holders, key=lambda holder: (holder[0], -holder[2])):
        name = names.get(table) or table
        size = evidence.size(name)
        through = [
            number
            for number, statement in enumerate(rehearsed.statements, 1)
            if any((held.since, held.table) == (since, table) for held in statement.held)
        ]
        seconds = list(_seconds_elsewhere(rehearsed, through, table, evidence))
        long = sum(each for each in seconds if each > SHORT_S)
        is_long = long >= HELD_NOTICE_S or sum(seconds) >= HIGH_S
        if size is None or not is_long or since in reported:
            continue
        reported.add(since)
        waits = "reads and writes" if lock.blocks is Blocks.READS_AND_WRITES else "writes"
        first = f"statement {since}" if since else "an earlier statement"
        rest = _listed(through)
        yield Hazard(
            code=LOCK_HELD_THROUGH_STATEMENTS.code,
            severity=Severity.HIGH if long >= HIGH_S else Severity.NOTICE,
            revision=rehearsed.revision.id,
            statement=since or through[0],
            table=name,
            message=f"{lock.sql} on {name} ({size}), which {first} takes, is held through {rest}:"
            f" {waits} wait for {about(sum(seconds))} more",
            remedy=f"put {rest} into another revision than {first}: each revision commits by itself",
        )


def _seconds_elsewhere(
    rehearsed: RehearsedRevision, numbers: Sequence[int], table: str, evidence: Evidence
) -> Iterator[float]:
    """Return how long each of these statements works, without those that lock the table for long themselves.

    They have a hazard of their own.
    """
    for number in numbers:
        seconds = evidence.estimates[rehearsed.revision.id, number].seconds
        if seconds < NOTICE_S or not _locks(rehearsed.statements[number - 1], table):
            yield seconds


def _locks(statement: TracedStatement, table: str) -> bool:
    return any(e.table == table and e.lock >= LockMode.SHARE for e in statement.effects)


def _listed(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"statement {numbers[0]}"
    joint = "to" if numbers[-1] - numbers[0] + 1 == len(numbers) > 2 else "and"
    listed = [numbers[0], numbers[-1]] if joint == "to" else numbers
    return f"statements {f' {joint} '.join(map(str, listed))}"


LOCK_HELD_THROUGH_STATEMENTS = HazardRule(
    code="lock-held-through-statements",
    number=11,
    rank=70,
    text="a lock that one statement took is held while later ones of its transaction work",
    high=f"when reads or writes wait for an estimated {HIGH_S:g} s or more because of it",
    remedy="put the statement that takes the lock into a revision of its own, or last",
    on_downgrade="go back one revision at a time, which commits each by itself, or when few use the table",
    in_revision=_in_revision,
)
