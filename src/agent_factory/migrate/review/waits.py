"""What the application will feel of a plan: which tables keep it waiting, from when to when, and how long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_factory.migrate.model.locks import Blocks

if TYPE_CHECKING:
    from agent_factory.migrate.review.build import ReviewedRevision, ReviewedStatement, TouchedTable

_STRENGTH = {Blocks.WRITES: 1, Blocks.READS_AND_WRITES: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWait:
    """Whom a lock of one revision keeps from a table that production has.

    It is held from statement ``since`` to statement ``until``, which is the revision's last where that is one
    transaction. ``seconds`` is how long these run; ``is_least`` says that not all of them are known.
    """

    revision: str
    table: str
    lock: str
    blocks: Blocks
    since: int
    until: int
    seconds: float
    is_least: bool
    rows: int | None
    bytes: int | None


def find_waits(revisions: "Sequence[ReviewedRevision]") -> tuple[TableWait, ...]:
    """Return them all: reads and writes first, and the longest first.

    A table has two where writes wait at first, and reads later on.
    """
    found = (wait for revision in revisions for wait in _of_revision(revision))
    return tuple(sorted(found, key=lambda wait: (-_STRENGTH[wait.blocks], -wait.seconds)))


def _of_revision(revision: "ReviewedRevision") -> Iterator[TableWait]:
    strongest: dict[str, int] = {}
    for statement in revision.statements:
        for table in statement.tables:
            strength = _STRENGTH.get(table.blocks, 0)
            if table.is_new or strength <= strongest.get(table.name, 0):
                continue
            if revision.transactional:
                strongest[table.name] = strength
                held = revision.statements[statement.number - 1 :]
            else:
                held = (statement,)
            yield _wait(revision, table, held)


def _wait(
    revision: "ReviewedRevision", table: "TouchedTable", held: "Sequence[ReviewedStatement]"
) -> TableWait:
    known = [statement.estimate.seconds for statement in held if statement.estimate is not None]
    return TableWait(
        revision=revision.revision.id,
        table=table.name,
        lock=table.lock,
        blocks=table.blocks,
        since=held[0].number,
        until=held[-1].number,
        seconds=sum(known),
        is_least=len(known) < len(held),
        rows=table.rows,
        bytes=table.bytes,
    )
