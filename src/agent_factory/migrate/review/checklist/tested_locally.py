"""Whether the revisions go up, down and up again on a copy."""

from agent_factory.migrate.model.checklist import Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence


def answer(evidence: Evidence) -> Answer:
    trip = evidence.round_trip
    if trip is None:
        return Answer(
            verdict=Verdict.NOT_KNOWN,
            evidence="up, down and up again was not tried on a copy",
            next_step="" if evidence.is_full else evidence.target.again("--preflight"),
        )
    if trip.failed:
        return Answer(verdict=Verdict.FAIL, evidence=f"up, down and up again on a copy: {trip.failed}")
    if trip.again_differences:
        named = ", ".join(trip.again_differences)
        return Answer(
            verdict=Verdict.FAIL, evidence=f"the second time up makes another schema on the copy: {named}"
        )
    took = show_duration((trip.downgrade_s or 0) + (trip.again_s or 0))
    return Answer(verdict=Verdict.PASS, evidence=f"up, down and up again on a copy, in {took} more")
