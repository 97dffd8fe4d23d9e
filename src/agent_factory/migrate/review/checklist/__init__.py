"""The checklist of a plan: one module a line, each of which knows nothing of screens and asks nobody."""

from agent_factory.migrate.review.checklist.build import build_checklist
from agent_factory.migrate.review.checklist.evidence import (
    Answer,
    Evidence,
    StagedRevision,
    Staging,
)

__all__ = [
    "Answer",
    "Evidence",
    "StagedRevision",
    "Staging",
    "build_checklist",
]
