"""scans-table: all rows of a table are read and checked while others wait for it."""

from collections.abc import Iterator

from agent_factory.migrate.rehearsal.trace import BUILDS_INDEX, TracedStatement
from agent_factory.migrate.review.hazards.evidence import Evidence, LockedTable, StatementLocks
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import safe_form


def _in_locks(locks: StatementLocks, table: LockedTable, evidence: Evidence) -> Iterator[Hazard]:
    effect = table.effect
    if table not in locks.tables or not effect.scans or locks.rewrites(table):
        return
    if not _only_builds(locks.statement.traced, effect.table):
        duration = locks.estimate.duration
        said = f"checks all of {table.name} ({table.size}) under {effect.lock.sql}, for {duration}"
        remedy = safe_form(locks.statement, evidence.sizes)
        yield SCANS_TABLE.hazard(locks.statement, Severity.NOTICE, table.name, said, remedy)


def _only_builds(statement: TracedStatement, table: str) -> bool:
    """Whether the rows are read to build an index, and not to be checked."""
    kinds = {change.kind for change in statement.changes if change.table == table}
    return bool(kinds & BUILDS_INDEX) and not kinds - BUILDS_INDEX


SCANS_TABLE = HazardRule(
    code="scans-table",
    number=4,
    rank=110,
    text="all rows of a table are checked while others wait for it",
    high="never: what waits, and for how long, is blocks-reads or blocks-writes",
    remedy="add the constraint as NOT VALID, and VALIDATE it in the next revision",
    on_downgrade="run it when few use the table; the file of an applied revision stays as it is",
    in_locks=_in_locks,
)
