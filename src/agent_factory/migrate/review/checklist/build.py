"""The registry of the lines, and the checklist that they make."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from agent_factory.migrate.model.checklist import Checklist, Line, LineName
from agent_factory.migrate.review.checklist import (
    announced,
    backup,
    downgrade,
    quiet,
    reviewed,
    room,
    staging,
    tested_locally,
    watched,
)
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """``is_quick``: it costs a run no wait, so that it stands above every question."""

    answer: Callable[[Evidence], Answer]
    is_quick: bool = False


_RULES: Mapping[LineName, _Rule] = {
    LineName.TESTED_LOCALLY: _Rule(answer=tested_locally.answer),
    LineName.STAGING: _Rule(answer=staging.answer),
    LineName.BACKUP: _Rule(answer=backup.answer, is_quick=True),
    LineName.REVIEWED: _Rule(answer=reviewed.answer, is_quick=True),
    LineName.WAY_BACK: _Rule(answer=downgrade.answer, is_quick=True),
    LineName.ANNOUNCED: _Rule(answer=announced.answer),
    LineName.QUIET: _Rule(answer=quiet.answer, is_quick=True),
    LineName.WATCHED: _Rule(answer=watched.answer),
    LineName.ROOM: _Rule(answer=room.answer, is_quick=True),
}


def build_checklist(evidence: Evidence, required: Collection[LineName]) -> Checklist:
    """Return the lines: all of them where the evidence is full, else those that cost no wait, those that are
    required, and those of which somebody has said something."""
    lines = []
    for name, rule in _RULES.items():
        if not (evidence.is_full or rule.is_quick or name in required or name in evidence.notes):
            continue
        found = rule.answer(evidence)
        lines.append(
            Line(
                name=name,
                verdict=found.verdict,
                evidence=found.evidence,
                next_step=found.next_step,
                is_required=name in required,
            )
        )
    return Checklist(lines=tuple(lines), is_full=evidence.is_full)
