"""Safe forms: how to do what a statement does without its hazard, as steps of revisions."""

from agent_factory.migrate.review.hazards.safe_forms.columns import backfill, new_type, not_null
from agent_factory.migrate.review.hazards.safe_forms.rewrite import (
    MigrationStep,
    SafeRewrite,
    by_hand,
    in_schema_of,
)
from agent_factory.migrate.review.hazards.safe_forms.without_long_locks import add_constraint, safe_form

__all__ = [
    "MigrationStep",
    "SafeRewrite",
    "add_constraint",
    "backfill",
    "by_hand",
    "in_schema_of",
    "new_type",
    "not_null",
    "safe_form",
]
