"""What the checks find, the rules that they apply, and what a project ignores."""

from agent_factory.migrate.model.findings.found import (
    CannotCheckError,
    CheckResult,
    Finding,
    Ignored,
    failure,
    finding,
)
from agent_factory.migrate.model.findings.ignores import Ignore, apply_ignores, is_ignored
from agent_factory.migrate.model.findings.rule import Level, Rule
from agent_factory.migrate.model.findings.rules import (
    BRANCH_CODES,
    CREDENTIAL_CODES,
    DATABASE_CODES,
    HISTORY_CODES,
    MODEL_CODES,
    ROUND_TRIP_CODES,
    RULES,
)

__all__ = [
    "BRANCH_CODES",
    "CREDENTIAL_CODES",
    "DATABASE_CODES",
    "HISTORY_CODES",
    "MODEL_CODES",
    "ROUND_TRIP_CODES",
    "RULES",
    "CannotCheckError",
    "CheckResult",
    "Finding",
    "Ignore",
    "Ignored",
    "Level",
    "Rule",
    "apply_ignores",
    "failure",
    "finding",
    "is_ignored",
]
