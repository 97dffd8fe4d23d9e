"""Whether there is a backup from before the run: af-db takes none, so it can only be said."""

from agent_factory.migrate.model.checklist import LineName, Verdict
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence


def answer(evidence: Evidence) -> Answer:
    said = evidence.notes.get(LineName.BACKUP)
    if said:
        return Answer(verdict=Verdict.SAID, evidence=said)
    return Answer(
        verdict=Verdict.NOT_KNOWN,
        evidence="whether there is a backup, and from when, is not known here",
        next_step='say it: --note "backup: 02:10, snapshot 4711"',
    )
