"""rewrites-table: all rows and indexes of a table are written again while others wait for it."""

from collections.abc import Iterator

from agent_factory.migrate.db.sizes import show_bytes
from agent_factory.migrate.review.hazards.evidence import HIGH_S, Evidence, LockedTable, StatementLocks
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import safe_form


def _in_locks(locks: StatementLocks, table: LockedTable, evidence: Evidence) -> Iterator[Hazard]:
    if table in locks.tables and locks.rewrites(table):
        said = (
            f"rewrites {table.name} ({table.size}) and its indexes ({show_bytes(table.size.index_bytes)})"
            f" under {table.effect.lock.sql}: as much disk space and WAL again, for {locks.estimate.duration}"
        )
        remedy = safe_form(locks.statement, evidence.sizes)
        severity = Severity.HIGH if locks.is_long else Severity.NOTICE
        yield REWRITES_TABLE.hazard(locks.statement, severity, table.name, said, remedy)


REWRITES_TABLE = HazardRule(
    code="rewrites-table",
    number=3,
    rank=50,
    text="all rows and indexes of a table are rewritten: disk space, WAL, replicas that lag",
    high=f"when reads or writes wait for an estimated {HIGH_S:g} s or more",
    remedy="add a new column, fill it in batches, and put it in the old one's place",
    on_downgrade="run it when few use the table; the file of an applied revision stays as it is",
    in_locks=_in_locks,
)
