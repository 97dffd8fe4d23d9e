"""What undoes the plan once it has run, how long that takes, and what it loses."""

from agent_factory.migrate.model.checklist import Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence
from agent_factory.migrate.review.hazards import IRREVERSIBLE


def answer(evidence: Evidence) -> Answer:
    plan, trip = evidence.plan, evidence.round_trip
    to = ", ".join(plan.before) or "base"
    if plan.direction is Direction.DOWNGRADE:
        command = evidence.target.command(f"upgrade {to}")
        return Answer(verdict=Verdict.WARN, evidence=f"back: {command}; what this deletes stays deleted")
    if evidence.without_downgrade:
        return Answer(
            verdict=Verdict.WARN,
            evidence=f"no downgrade() in {', '.join(evidence.without_downgrade)}: only a backup leads back",
            next_step="write it, or have a backup that was restored once",
        )
    if len(plan.before) > 1:
        return Answer(
            verdict=Verdict.NOT_KNOWN,
            evidence=f"the database is at {to}: each branch goes back by a downgrade of its own",
        )
    command = evidence.target.command(f"downgrade {to}")
    if trip is None:
        return _not_tried(evidence, command)
    if trip.downgrade_s is None:
        return Answer(
            verdict=Verdict.FAIL,
            evidence=trip.failed,
            next_step="correct downgrade(), and see it: " + evidence.target.command(f"plan --downgrade {to}"),
        )
    if trip.differences:
        named = ", ".join(trip.differences)
        return Answer(verdict=Verdict.WARN, evidence=f"back: {command}, but that does not restore: {named}")
    took = show_duration(trip.downgrade_s)
    loses = f", loses {', '.join(trip.lost)}" if trip.lost else ", loses nothing that is there now"
    return Answer(verdict=Verdict.PASS, evidence=f"back: {command}, {took} on the copy{loses}")


def _not_tried(evidence: Evidence, command: str) -> Answer:
    hazards = evidence.review.hazards if evidence.review is not None else ()
    irreversible = [one.revision for one in hazards if one.code == IRREVERSIBLE.code]
    if irreversible:
        return Answer(
            verdict=Verdict.WARN,
            evidence=f"{', '.join(dict.fromkeys(irreversible))} cannot be undone by a downgrade",
            next_step="have a backup that was restored once",
        )
    return Answer(
        verdict=Verdict.NOT_KNOWN,
        evidence=f"back: {command}; not tried on the copy",
        next_step="" if evidence.is_full else evidence.target.again("--preflight"),
    )
