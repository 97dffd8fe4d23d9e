"""blocks-writes: nobody can write to a table, or to the rows that an UPDATE changes, while it works."""

from collections.abc import Iterator

from agent_factory.migrate.model.locks import Blocks
from agent_factory.migrate.review.hazards.evidence import HIGH_S, Evidence, LockedTable, StatementLocks
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import safe_form

NOTICE_ROWS_S = 1.0
HIGH_ROWS_S = 5.0
"""How long single rows are locked, which an UPDATE locks until it commits: only their own writers wait."""
FEW_ROWS = 1_000
"""So few rows are seldom waited for long enough to be noticed."""


def _in_locks(locks: StatementLocks, table: LockedTable, evidence: Evidence) -> Iterator[Hazard]:
    """Find a lock that keeps writers waiting, once for all tables of the statement, and locks of rows."""
    if table in locks.tables:
        if table == locks.tables[0] and locks.strongest.blocks is not Blocks.READS_AND_WRITES:
            said = locks.keeps_waiting("writes")
            remedy = safe_form(locks.statement, evidence.sizes)
            severity = Severity.HIGH if locks.is_long else Severity.NOTICE
            yield BLOCKS_WRITES.hazard(locks.statement, severity, table.name, said, remedy)
    elif _changes_many_rows(locks):
        estimate = locks.estimate
        severity = Severity.HIGH if estimate.seconds >= HIGH_ROWS_S else Severity.NOTICE
        said = (
            f"keeps each row of {table.name} ({table.size}) that it changes locked until it commits: writes"
            f" to those rows wait for up to {estimate.duration} ({estimate.how})"
        )
        remedy = safe_form(locks.statement, evidence.sizes)
        yield BLOCKS_WRITES.hazard(locks.statement, severity, table.name, said, remedy)


def _changes_many_rows(locks: StatementLocks) -> bool:
    return (
        locks.statement.traced.command in ("UPDATE", "MERGE")
        and locks.estimate.rows_changed >= FEW_ROWS
        and locks.estimate.seconds >= NOTICE_ROWS_S
    )


BLOCKS_WRITES = HazardRule(
    code="blocks-writes",
    number=2,
    rank=60,
    text="nobody can write to a table, or to the rows that an UPDATE changes, while the statement works",
    high=f"for an estimated {HIGH_S:g} s or more; {HIGH_ROWS_S:g} s where only single rows are locked",
    remedy="do the long part under a weaker lock first, or in batches that are committed one by one",
    on_downgrade="run it when few use the table; the file of an applied revision stays as it is",
    in_locks=_in_locks,
)
