"""What a statement keeps waiting: the tables with rows that it locks, and for how long."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.trace import ChangeKind, TableEffect, TracedStatement
from agent_factory.migrate.review.forecast import Estimate
from agent_factory.migrate.review.hazards.evidence.gather import Evidence
from agent_factory.migrate.review.hazards.evidence.statements import RehearsedStatement

NOTICE_S = 0.1
HIGH_S = 1.0
"""How long reads or writes of a table wait. People notice nothing below the first, and keep their flow of
thought below the second (Nielsen, Usability Engineering, 1993)."""

_LISTED_TABLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTable:
    """A table that has rows, called what production calls it, and what a statement does to it."""

    name: str
    size: TableSize
    effect: TableEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLocks:
    """What one statement locks, the largest table first, and for how long.

    ``tables`` are locked as a whole, for long enough that somebody waits for them. ``row_tables`` are those
    of which single rows are locked.
    """

    statement: RehearsedStatement
    estimate: Estimate
    tables: tuple[LockedTable, ...]
    row_tables: tuple[LockedTable, ...]

    @property
    def strongest(self) -> LockMode:
        return max(table.effect.lock for table in self.tables)

    @property
    def is_long(self) -> bool:
        """Whether the tables are locked for so long that it is a high hazard."""
        return self.estimate.seconds >= HIGH_S

    def keeps_waiting(self, who: str) -> str:
        """Return ``takes SHARE on t (5 rows, 8 kB): writes wait for about 2 s (...)``; ``who`` waits."""
        names = [f"{table.name} ({table.size})" for table in self.tables[:_LISTED_TABLES]]
        more = len(self.tables) - len(names)
        listed = " and ".join([*names, *([f"{more} more"] if more else [])])
        estimate = self.estimate
        return f"takes {self.strongest.sql} on {listed}: {who} wait for {estimate.duration} ({estimate.how})"

    def rewrites(self, table: LockedTable) -> bool:
        """Whether the rows of the table are written again; not where the statement empties it."""
        return table.effect.rewrites and not any(
            change.kind is ChangeKind.TRUNCATE and change.table == table.effect.table
            for change in self.statement.traced.changes
        )


def statement_locks(statement: RehearsedStatement, evidence: Evidence) -> StatementLocks:
    """Return what a statement locks of the tables that have rows."""
    tables, estimate = _tables_with_rows(statement, evidence), evidence.estimate(statement)
    return StatementLocks(
        statement=statement,
        estimate=estimate,
        tables=tuple(
            table
            for table in tables
            if estimate.seconds >= NOTICE_S
            and table.effect.lock >= LockMode.SHARE
            and not _is_refreshed(statement.traced, table.effect)
        ),
        row_tables=tuple(table for table in tables if table.effect.lock is LockMode.ROW_EXCLUSIVE),
    )


def _tables_with_rows(statement: RehearsedStatement, evidence: Evidence) -> list[LockedTable]:
    """Return the tables that a statement locks, the largest first.

    What a partitioned table's partitions go through is that table's own.
    """
    found = {
        name: LockedTable(name=name, size=size, effect=effect)
        for effect in statement.traced.effects
        if (name := statement.table(effect.table)) and (size := evidence.size(name))
    }
    parts = {part for table in found.values() for part in table.size.partitions}
    parents = [
        replace(table, effect=_with_partitions(table.effect, (found[part].effect for part in own)))
        for table in found.values()
        if table.name not in parts
        for own in [[part for part in table.size.partitions if part in found]]
    ]
    return sorted(parents, key=lambda table: -table.size.bytes)


def _with_partitions(effect: TableEffect, partitions: Iterable[TableEffect]) -> TableEffect:
    every = (effect, *partitions)
    return replace(
        effect,
        lock=max(one.lock for one in every),
        rewrites=any(one.rewrites for one in every),
        scans=any(one.scans for one in every),
    )


def _is_refreshed(statement: TracedStatement, effect: TableEffect) -> bool:
    """Whether only a refresh would have to wait: nobody else writes to a materialized view."""
    return statement.command == "REFRESH MATERIALIZED VIEW" and effect.lock is LockMode.EXCLUSIVE
