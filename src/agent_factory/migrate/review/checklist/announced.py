"""Whether those who use the database know of the run."""

from agent_factory.migrate.model.checklist import LineName, Verdict
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence


def answer(evidence: Evidence) -> Answer:
    said = evidence.notes.get(LineName.ANNOUNCED)
    if said:
        return Answer(verdict=Verdict.SAID, evidence=said)
    return Answer(
        verdict=Verdict.NOT_KNOWN,
        evidence="whether anybody knows of this run is not known here",
        next_step="the text to post: " + evidence.target.command("plan --format announcement"),
    )
