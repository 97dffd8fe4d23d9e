"""Whether it is a good moment: who has locks on the tables of the plan, and who waits for them."""

from agent_factory.migrate.model.checklist import Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence

LONG_S = 10.0
"""A transaction on a table of the plan that is open for longer than this will be waited for: a run gives a
lock up in a second and tries again."""
LONG_ELSEWHERE_S = 300.0
"""A transaction on other tables holds up what waits for all older ones, as CREATE INDEX CONCURRENTLY does."""


def answer(evidence: Evidence) -> Answer:
    activity, hours = evidence.activity, evidence.quiet_hours
    if activity is None:
        return Answer(verdict=Verdict.NOT_KNOWN, evidence="the sessions of this database cannot be asked for")
    tables = "tables of the plan"
    if activity.waiting:
        count = activity.waiting
        waits = "1 session waits" if count == 1 else f"{count} sessions wait"
        return Answer(verdict=Verdict.WARN, evidence=f"{waits} for locks on {tables} already")
    held, longest = activity.on_tables, activity.longest
    if held is not None and held.age_s > LONG_S:
        return Answer(
            verdict=Verdict.WARN,
            evidence=f"{held}, holds {held.table} in a transaction open for {show_duration(held.age_s)}",
            next_step="let it end first",
        )
    if longest is not None and longest.age_s > LONG_ELSEWHERE_S:
        return Answer(
            verdict=Verdict.WARN,
            evidence=f"{longest} has a transaction open for {show_duration(longest.age_s)}, on other tables",
        )
    sessions = "1 other session" if activity.sessions == 1 else f"{activity.sessions} other sessions"
    oldest = f", oldest transaction {show_duration(longest.age_s)}" if longest is not None else ""
    said = f"{sessions}, {activity.active} active{oldest}, nobody waits for {tables}{_writes(evidence)}"
    if not activity.sees_all:
        said += "; transactions of other roles cannot be seen by this one"
    now = evidence.local_time
    if hours is not None and now is None:
        return Answer(verdict=Verdict.WARN, evidence=f"the server knows no time zone {hours.zone}; {said}")
    if hours is not None and now is not None and not hours.have(now):
        return Answer(verdict=Verdict.WARN, evidence=f"it is {now}, and quiet hours are {hours}; {said}")
    return Answer(verdict=Verdict.PASS if activity.sees_all else Verdict.NOT_KNOWN, evidence=said)


def _writes(evidence: Evidence) -> str:
    found = evidence.writes_per_s
    if found is None:
        return ""
    busy = [f"{table} {rate:.0f}/s" for table, rate in found.items() if rate >= 1]
    return f", rows written: {', '.join(busy)}" if busy else ", less than one row a second written"
