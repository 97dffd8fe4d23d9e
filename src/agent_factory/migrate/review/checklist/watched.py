"""Whether somebody looks after the run whether the application still works."""

from agent_factory.migrate.model.checklist import LineName, Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence


def answer(evidence: Evidence) -> Answer:
    if evidence.watches_s:
        seconds = show_duration(evidence.watches_s)
        return Answer(
            verdict=Verdict.PASS,
            evidence=f"af-db watches for {seconds} after the run: rollbacks, waits, slower queries",
        )
    said = evidence.notes.get(LineName.WATCHED)
    if said:
        return Answer(verdict=Verdict.SAID, evidence=said)
    return Answer(
        verdict=Verdict.NOT_KNOWN,
        evidence="who watches the application after the run is not known here",
        next_step='have af-db watch: --watch 60s; or say it: --note "watched: by whom, on which dashboard"',
    )
