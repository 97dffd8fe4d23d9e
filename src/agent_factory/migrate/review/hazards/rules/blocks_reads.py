"""blocks-reads: nobody can read or write a table that has rows, for as long as a statement works."""

from collections.abc import Iterator

from agent_factory.migrate.model.locks import Blocks
from agent_factory.migrate.review.hazards.evidence import HIGH_S, Evidence, LockedTable, StatementLocks
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import safe_form


def _in_locks(locks: StatementLocks, table: LockedTable, evidence: Evidence) -> Iterator[Hazard]:
    """Find a lock that keeps readers waiting, once for all tables of the statement."""
    if table in locks.tables[:1] and locks.strongest.blocks is Blocks.READS_AND_WRITES:
        said = locks.keeps_waiting("reads and writes")
        remedy = safe_form(locks.statement, evidence.sizes)
        severity = Severity.HIGH if locks.is_long else Severity.NOTICE
        yield BLOCKS_READS.hazard(locks.statement, severity, table.name, said, remedy)


BLOCKS_READS = HazardRule(
    code="blocks-reads",
    number=1,
    rank=40,
    text="nobody can read or write a table while the statement works through its rows",
    high=f"for an estimated {HIGH_S:g} s or more",
    remedy="do the long part under a weaker lock first, so that the strong one is held for an instant",
    on_downgrade="run it when few use the table; the file of an applied revision stays as it is",
    in_locks=_in_locks,
)
