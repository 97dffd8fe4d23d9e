"""Whether there is room for the run, and whether this role may do what the plan does."""

from collections.abc import Iterator

from agent_factory.migrate.db.sizes import show_bytes
from agent_factory.migrate.model.checklist import Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence

FEW_CONNECTIONS = 5
"""A run takes three at most, and the application wants some for itself."""
OLD_XIDS = 1_000_000_000
"""Half of what PostgreSQL lets a database come to before it refuses to write (2^31, its manual 25.1.5)."""
LAG_S = 30.0
LAG_BYTES = 1 << 30

_WORST_FIRST = (Verdict.FAIL, Verdict.WARN, Verdict.NOT_KNOWN)


def answer(evidence: Evidence) -> Answer:
    room = evidence.room
    if room is None:
        return Answer(verdict=Verdict.NOT_KNOWN, evidence="this database cannot be asked")
    found = list(_found(evidence))
    for verdict in _WORST_FIRST:
        if said := [text for level, text in found if level is verdict]:
            return Answer(verdict=verdict, evidence="; ".join(said))
    standbys = f", {len(room.standbys)} standbys keep up" if room.standbys else ""
    return Answer(
        verdict=Verdict.PASS,
        evidence=f"{room.connections_left} connections left, this role may change the tables{standbys}",
    )


def _found(evidence: Evidence) -> Iterator[tuple[Verdict, str]]:
    room = evidence.room
    if room is None:
        return
    for right in evidence.lacking:
        if right.may_switch:
            yield Verdict.NOT_KNOWN, f"{right.what} is {right.owner}'s, which env.py would have to become"
        else:
            yield Verdict.FAIL, f"{right.what} is {right.owner}'s, and this role may not change it"
    if room.connections_left < FEW_CONNECTIONS:
        yield Verdict.WARN, f"{room.connections_left} connections are left for this role"
    if room.xid_age > OLD_XIDS:
        yield Verdict.WARN, f"the oldest transaction id is {room.xid_age:,} old: vacuum first"
    for standby in room.standbys:
        if standby.lag_bytes is None:
            yield Verdict.NOT_KNOWN, f"how far the standby {standby.name} is may not be seen by this role"
        elif (standby.lag_s or 0) > LAG_S or standby.lag_bytes > LAG_BYTES:
            lag = show_duration(standby.lag_s) if standby.lag_s else show_bytes(standby.lag_bytes)
            yield Verdict.WARN, f"the standby {standby.name} is {lag} behind"
    for slot in room.slots:
        if slot.wal_status in ("unreserved", "lost"):
            yield Verdict.WARN, f"the replication slot {slot.name} is {slot.wal_status}"
        elif not slot.is_active and (slot.retained_bytes or 0) > LAG_BYTES:
            kept = show_bytes(slot.retained_bytes or 0)
            yield Verdict.WARN, f"nobody reads the replication slot {slot.name}, which keeps {kept} of WAL"
    for index in evidence.invalid_indexes:
        yield Verdict.WARN, f"the index {index} of {index.table} is INVALID"
