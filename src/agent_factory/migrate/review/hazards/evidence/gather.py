"""All that is known of a plan before its hazards are found."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.forecast import Estimate, estimate
from agent_factory.migrate.review.hazards.evidence.count import Counted
from agent_factory.migrate.review.hazards.evidence.count_queries import CountKind
from agent_factory.migrate.review.hazards.evidence.statements import RehearsedStatement, rehearsed_statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the rehearsal saw, and what production has and answered.

    ``sizes`` are production's, by its names; a table that is not among them has no rows that are known of.
    ``names_left`` are the names that something gets in a revision, by its id: the table, and the column or
    None for the table itself. ``replaced_tables`` are what was renamed in a revision, by its new name.
    """

    revisions: Sequence[RehearsedRevision]
    direction: Direction
    sizes: Mapping[str, TableSize]
    counted: Counted
    estimates: Mapping[tuple[str, int], Estimate]
    names_left: Mapping[str, Collection[tuple[str, str | None]]]
    replaced_tables: Mapping[str, Mapping[str, str]]

    def statements(self) -> Iterator[RehearsedStatement]:
        """Return all statements in the order in which they run."""
        return rehearsed_statements(self.revisions)

    def size(self, table: str | None) -> TableSize | None:
        """Return the size of a table that has rows, None for any other."""
        size = self.sizes.get(table) if table else None
        return size if size is not None and size.rows else None

    def estimate(self, statement: RehearsedStatement) -> Estimate:
        """Return how long the statement runs on tables of production's size."""
        return self.estimates[statement.revision.id, statement.number]


def gather_evidence(
    revisions: Sequence[RehearsedRevision],
    direction: Direction,
    sizes: Mapping[str, TableSize],
    counted: Counted,
) -> Evidence:
    """Return the evidence for a plan; ``Counted()`` where production was not asked."""
    changes = {item.revision.id: [c for s in item.statements for c in s.changes] for item in revisions}
    return Evidence(
        revisions=revisions,
        direction=direction,
        sizes=sizes,
        counted=counted,
        estimates=estimates(revisions, sizes, counted),
        names_left={revision: frozenset(_names_left(found)) for revision, found in changes.items()},
        replaced_tables={
            revision: {
                change.after: change.before or ""
                for change in found
                if change.kind is ChangeKind.RENAME_TABLE and change.after
            }
            for revision, found in changes.items()
        },
    )


def estimates(
    revisions: Sequence[RehearsedRevision], sizes: Mapping[str, TableSize], counted: Counted
) -> dict[tuple[str, int], Estimate]:
    """Return how long each statement runs, by its revision and its number.

    An UPDATE or a DELETE changes as many rows as production was found to have for it.
    """
    met = {
        (target.revision, target.statement): answer.rows
        for target, answer in counted.answers.items()
        if answer.rows is not None
        and not answer.is_least
        and target.kind in (CountKind.UPDATED, CountKind.ROWS)
    }
    return {
        (item.revision.id, item.number): estimate(
            item.traced, sizes, rows_changed=met.get((item.revision.id, item.number))
        )
        for item in rehearsed_statements(revisions)
    }


def _names_left(changes: Iterable[Change]) -> Iterator[tuple[str, str | None]]:
    for change in changes:
        match change.kind:
            case ChangeKind.CREATE_TABLE | ChangeKind.CREATE_VIEW:
                yield change.table, None
            case ChangeKind.RENAME_TABLE | ChangeKind.RENAME_VIEW if change.after:
                yield change.after, None
            case ChangeKind.ADD_COLUMN:
                yield change.table, change.name
            case ChangeKind.RENAME_COLUMN:
                yield change.table, change.after
