"""What the application will feel of a plan: which tables it has to wait for, for what, and how long."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent_factory.migrate.model.locks import Blocks
from agent_factory.migrate.review.build import Review, ReviewedRevision

_FELT = (Blocks.WRITES, Blocks.READS_AND_WRITES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A table whose users wait while one revision runs.

    ``blocks`` is the most that they are kept from. It is held from statement ``since`` to the end of the
    transaction, ``seconds`` altogether by the forecast; None where that is not known.
    """

    revision: str
    table: str
    blocks: Blocks
    since: int
    seconds: float | None


def find_waits(review: Review) -> tuple[Wait, ...]:
    """Return the waits in the order in which they begin."""
    return tuple(wait for revision in review.revisions for wait in _of_revision(revision))


def _of_revision(revision: ReviewedRevision) -> Iterator[Wait]:
    since: dict[str, int] = {}
    blocks: dict[str, Blocks] = {}
    for statement in revision.statements:
        for table in statement.tables:
            if table.is_new or table.blocks not in _FELT:
                continue
            since.setdefault(table.name, statement.number)
            before = blocks.get(table.name, table.blocks)
            blocks[table.name] = max(before, table.blocks, key=_FELT.index)
    for name, first in since.items():
        lasting = [
            one.estimate
            for one in revision.statements
            if one.number >= first and (one.transactional or one.number == first)
        ]
        seconds = None if None in lasting else sum(one.seconds for one in lasting if one is not None)
        yield Wait(
            revision=revision.revision.id, table=name, blocks=blocks[name], since=first, seconds=seconds
        )
