"""What a server says of itself, as a screen that is drawn again and again, and as a line of a log."""

import time
from collections.abc import Iterator, Sequence

from agent_factory.migrate.db.health import CommandProgress, Health, LockWaiter
from agent_factory.migrate.db.sizes import show_bytes
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.report.screen import Part, Screen
from agent_factory.redaction import redact

SHOWN_SQL = 60
LONG_S = 60.0
"""A transaction that is open for longer stands out."""


class WatchLines:
    """What is shown of a database while it is watched; ``live``: a screen is drawn, else one line each."""

    def __init__(self, screen: Screen, database: str, *, live: bool) -> None:
        self._screen = screen
        self._database = database
        self._live = live

    def show(self, health: Health) -> None:
        """Show how it is now."""
        if self._live:
            self._screen.redraw(
                [[(self._database, "bold"), (f"   {_clock(health)}", "dim")], *_lines(health)]
            )
        else:
            self._screen.line((line_of(health), ""))


def line_of(health: Health) -> str:
    """Return the whole of it as one line."""
    facts = [f"{_clock(health)} {_sessions(health)}", _rates(health), _waits_counted(health)]
    if health.longest:
        facts.append(f"oldest transaction {_who(health.longest[0])}, {_age(health.longest[0])}")
    facts += [_standbys(health)] if health.room.standbys else []
    facts += [f"af-db {_doing(run, health.progress)}" for run in health.runs]
    return " | ".join(facts)


def _lines(health: Health) -> Iterator[Sequence[Part]]:
    room = health.room
    yield [("sessions   ", "dim"), (_sessions(health), "")]
    is_bad = health.rates is not None and (health.rates.rollbacks >= 1 or health.rates.deadlocks > 0)
    yield [("per second ", "dim"), (_rates(health), "yellow" if is_bad else "")]
    yield [
        ("room       ", "dim"),
        (f"{room.connections_left} connections left, oldest transaction id {room.xid_age:,} old", ""),
    ]
    if room.standbys:
        yield [("standbys   ", "dim"), (_standbys(health), "")]
    for slot in room.slots:
        kept = f"keeps {show_bytes(slot.retained_bytes)}" if slot.retained_bytes is not None else "not known"
        yield [
            ("slot       ", "dim"),
            (f"{slot.name}, {'read' if slot.is_active else 'nobody reads it'}, {kept}", ""),
        ]
    yield [("", "")]
    yield [("af-db      ", "dim"), ("" if health.runs else "no run", "dim")]
    for run in health.runs:
        yield [("  ", ""), (_doing(run, health.progress), "bold")]
    own = {run.pid for run in health.runs}
    for one in health.progress:
        if one.pid not in own:
            yield [("  ", ""), (f"pid {one.pid}: {_progress(one)}", "")]
    yield [("waits      ", "dim"), ("" if health.waits else "nobody waits for a lock", "dim")]
    for wait in health.waits:
        yield [("  ", ""), (_wait(wait), "yellow")]
    yield [("oldest transactions", "dim")]
    for session in health.longest:
        style = "yellow" if (session.transaction_age_s or 0) > LONG_S else ""
        yield [("  ", ""), (f"{_age(session)}  {_who(session)}, {session.state}{_query(session)}", style)]
    if not health.sees_all:
        yield [("this role may not see what other roles do: grant it pg_monitor", "yellow")]


def _clock(health: Health) -> str:
    return time.strftime("%H:%M:%S", time.localtime(health.at_s))


def _sessions(health: Health) -> str:
    total = sum(one.count for one in health.sessions)
    states = ", ".join(f"{one.count} {one.state}" for one in health.sessions)
    return f"{total} sessions" + (f" ({states})" if states else "")


def _rates(health: Health) -> str:
    rates = health.rates
    if rates is None:
        return "rollbacks, deadlocks and commits not known yet"
    return (
        f"rollbacks {rates.rollbacks:.1f}/s, deadlocks {rates.deadlocks:.1f}/s, commits {rates.commits:.0f}/s"
    )


def _waits_counted(health: Health) -> str:
    if not health.waits:
        return "nobody waits"
    return f"{len(health.waits)} wait: {_wait(health.waits[0])}"


def _standbys(health: Health) -> str:
    lags = []
    for standby in health.room.standbys:
        if standby.lag_bytes is None:
            lags.append(f"{standby.name} not known")
        else:
            lags.append(
                f"{standby.name} {show_duration(standby.lag_s or 0.0)}, {show_bytes(standby.lag_bytes)}"
            )
    return f"behind: {'; '.join(lags)}"


def _doing(run: Session, progress: Sequence[CommandProgress]) -> str:
    done = [f"  {_progress(one)}" for one in progress if one.pid == run.pid]
    return f"pid {run.pid}, {run.state or 'not known'}{_query(run)}{''.join(done)}"


def _progress(one: CommandProgress) -> str:
    percent = f" {one.percent:.0f} %" if one.percent is not None else ""
    return f"{one.command} {one.table or ''}: {one.phase}{percent}"


def _wait(wait: LockWaiter) -> str:
    waited = f" for {show_duration(wait.waited_s)}" if wait.waited_s is not None else ""
    on = f" on {wait.table}" if wait.table else ""
    by = "; ".join(f"{_who(blocker)}, {blocker.state or 'not known'}" for blocker in wait.blockers)
    return f"{_who(wait.session)} waits{waited}{on}, behind {by or 'who has gone'}"


def _who(session: Session) -> str:
    named = " ".join(filter(None, (session.user, session.application)))
    return f"pid {session.pid}" + (f" {named}" if named else "")


def _age(session: Session) -> str:
    return show_duration(max(0.0, session.transaction_age_s or 0.0))


def _query(session: Session) -> str:
    query = " ".join(redact(session.query or "").split())  # what is cut off would not be known any more
    if len(query) > SHOWN_SQL:
        query = f"{query[: SHOWN_SQL - 3]}..."
    return f": {query}" if query else ""
