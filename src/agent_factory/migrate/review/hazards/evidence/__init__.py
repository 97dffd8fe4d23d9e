"""What is known of a plan before its hazards are found: what the rehearsal saw, what production has."""

from agent_factory.migrate.review.hazards.evidence.count import Answer, Counted, count_hits
from agent_factory.migrate.review.hazards.evidence.count_queries import CountKind, queries_of
from agent_factory.migrate.review.hazards.evidence.gather import Evidence, estimates, gather_evidence
from agent_factory.migrate.review.hazards.evidence.locks import (
    HIGH_S,
    NOTICE_S,
    LockedTable,
    StatementLocks,
    statement_locks,
)
from agent_factory.migrate.review.hazards.evidence.rows import CountedRows, counted_rows, number_of
from agent_factory.migrate.review.hazards.evidence.statements import RehearsedStatement

__all__ = [
    "HIGH_S",
    "NOTICE_S",
    "Answer",
    "CountKind",
    "Counted",
    "CountedRows",
    "Evidence",
    "LockedTable",
    "RehearsedStatement",
    "StatementLocks",
    "count_hits",
    "counted_rows",
    "estimates",
    "gather_evidence",
    "number_of",
    "queries_of",
    "statement_locks",
]
