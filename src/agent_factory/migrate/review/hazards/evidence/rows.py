"""What production was asked to count for a statement, with what it answered."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.review.hazards.evidence.count import Answer
from agent_factory.migrate.review.hazards.evidence.count_queries import CountQuery, queries_of
from agent_factory.migrate.review.hazards.evidence.gather import Evidence
from agent_factory.migrate.review.hazards.evidence.statements import RehearsedStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRows:
    """Rows, or values, that one change of a statement is about: there are some, or it is not known.

    ``size`` is that of the table, None where production has none of this name.
    """

    statement: RehearsedStatement
    query: CountQuery
    answer: Answer
    size: TableSize | None

    @property
    def column(self) -> str:
        """The column as production calls it, with its table."""
        table, name = self.query.target.table, self.query.target.name or ""
        return f"{table}.{quoted(self.statement.renames.column(table, name) or name)}"


def counted_rows(statement: RehearsedStatement, evidence: Evidence) -> Iterator[CountedRows]:
    """Return what was counted for a statement, without what is known to be nothing.

    What a partitioned table's partitions have was counted with it, and is left out.
    """
    queries, sizes = queries_of(statement), evidence.sizes
    parts = {
        (part, query.target.name)
        for query in queries
        if (size := sizes.get(query.target.table))
        for part in size.partitions
    }
    for query in queries:
        target = query.target
        answer, size = evidence.counted.answer(target), sizes.get(target.table)
        is_empty = answer.rows == 0 or (answer.rows is None and size is not None and not size.rows)
        if not is_empty and (target.table, target.name) not in parts:
            yield CountedRows(statement=statement, query=query, answer=answer, size=size)


def number_of(answer: Answer | None, one: str, many: str) -> str:
    """Return the number that was counted with its words, ``one`` or ``many``; ``some`` without one."""
    if answer is None or answer.rows is None:
        return f"some {many}"
    return f"{'at least ' if answer.is_least else ''}{answer.rows:,} {one if answer.rows == 1 else many}"
