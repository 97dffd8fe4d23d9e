"""Whether each pending revision has run on the staging database, with the file that is to run now."""

from agent_factory.migrate.model.checklist import Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence, StagedRevision


def answer(evidence: Evidence) -> Answer:
    staging = evidence.staging
    if evidence.plan.direction is Direction.DOWNGRADE:
        return Answer(verdict=Verdict.NOT_KNOWN, evidence="a downgrade on staging is not looked up")
    if staging is None:
        named = "STAGING_DATABASE_URL is not set"
        return Answer(
            verdict=Verdict.NOT_KNOWN,
            evidence=named if evidence.is_full else "the journal of staging was not read",
            next_step=""
            if evidence.is_full
            else evidence.target.again("--preflight") + ", with STAGING_DATABASE_URL",
        )
    if staging.is_this:
        return Answer(verdict=Verdict.PASS, evidence="this is the staging database")
    if staging.why_unknown:
        return Answer(verdict=Verdict.NOT_KNOWN, evidence=f"{staging.why_unknown} ({staging.database})")
    edited = [one.revision for one in staging.revisions if one.has_same_file is False]
    missing = [one.revision for one in staging.revisions if one.has_same_file is None]
    if edited:
        return Answer(
            verdict=Verdict.FAIL,
            evidence=f"another file of {', '.join(edited)} has run on {staging.database}",
            next_step="run the files of this checkout on staging first",
        )
    if missing:
        return Answer(
            verdict=Verdict.FAIL,
            evidence=f"{', '.join(missing)} has not run on {staging.database}",
            next_step="upgrade staging first, with this checkout",
        )
    if staging.drift:
        return Answer(
            verdict=Verdict.FAIL,
            evidence=f"{staging.drift} differences from what the migrations make, on {staging.database}",
            next_step="see them: af-db prod check, with the URL of staging",
        )
    listed = "; ".join(_ran(one) for one in staging.revisions)
    drift = "its drift is not known" if staging.drift is None else "without drift"
    return Answer(
        verdict=Verdict.PASS, evidence=f"the same files ran, {drift}: {listed} (on {staging.database})"
    )


def _ran(one: StagedRevision) -> str:
    at = f" on {one.at:%Y-%m-%d %H:%M}" if one.at else ""
    took = f" in {show_duration(one.seconds)}" if one.seconds is not None else ""
    return f"{one.revision}{at}{took}"
