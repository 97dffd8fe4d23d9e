"""Watching after a run whether the application still works, against how it was before."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.driver import rolled_back, rolled_back_beside
from agent_factory.migrate.db.health import (
    Counters,
    Health,
    LockWaiter,
    StatementTimes,
    rates_between,
    read_counters,
    read_statements,
)
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.events import Emit, Warned
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.watched import RunWatched
from agent_factory.migrate.workflows.watch import APPLICATION_NAME, look
from agent_factory.redaction import redact

LEAST_BEFORE_S = 3.0
"""For how long at least it is known how the database was before: the statistics are a second late."""
SETTLES_S = 3.0
"""After a run, until what its sessions, and the one that watches, have rolled back is in the statistics."""
LEAST_MORE = 3
"""Rollbacks that are more than expected by fewer say nothing."""
WAITS_S = 1.0
SLOWER_BY = 2.0
SLOW_MS = 5.0
LEAST_CALLS = 5
NAMED = 3
SHOWN_SQL = 60

Times = Mapping[int, StatementTimes]
_LOST = (MigrationError, ReconnectedError, sa.exc.SQLAlchemyError, psycopg2.Error)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """How the database counted at a moment. ``own`` are the rollbacks of this process until then; ``times``
    is None where pg_stat_statements is not there."""

    counters: Counters
    own: int
    times: Times | None


def look_first(target: Target) -> FirstLook | None:
    """Return how the database counts now; None where it cannot be asked, which is no reason not to run."""
    if target.url.backend != "postgresql":
        return None
    counted = rolled_back.copy()  # what connecting rolls back is counted by the server when it is closed
    try:
        with (
            connect(target, read_only=True, application_name=APPLICATION_NAME) as connection,
            connection.begin(),
        ):
            return FirstLook(
                counters=read_counters(connection),
                own=rolled_back_beside(connection, counted),
                times=read_statements(connection),
            )
    except _LOST:
        return None


def rollbacks_before(target: Target, first: FirstLook, *, of_child: int) -> float | None:
    """Return the rollbacks per second since the first look, without af-db's own; ``of_child`` are those of
    the process that has planned. It waits until that says something."""
    second = look_first(target)
    if second is not None and (left := LEAST_BEFORE_S - (second.counters.at_s - first.counters.at_s)) > 0:
        time.sleep(left)
        second = look_first(target)
    if second is None:
        return None
    own = second.own - first.own + of_child
    rates = rates_between(first.counters, second.counters, own_rollbacks=own)
    return rates.rollbacks if rates is not None else None


def watch_after(
    target: Target, plan: Plan, *, before: float | None, for_s: float, emit: Emit
) -> RunWatched | None:
    """Watch for so long, or until Ctrl-C, and return what was seen; a rise is reported at once.

    None where the database cannot be asked: the run is done all the same, and a warning says so.
    """
    began = time.monotonic()
    seen = _Seen(before=before)
    was_cut_short = False
    first = look_first(target)
    if first is None:
        emit(Warned(code="not-watched", message=f"{target} cannot be asked how it is, so it was not watched"))
        return None
    try:
        for health in look(target, for_s=for_s):
            if seen.add(health):
                emit(Warned(code="rollbacks-rose", message=seen.describe(_undo(target, plan))))
    except KeyboardInterrupt:
        was_cut_short = True
    except _LOST as error:
        message = f"it was not watched to the end how the database is: {' '.join(str(error).split())}"
        emit(Warned(code="not-watched", message=message))
    if seen.last is None:
        return None
    last = None if was_cut_short else look_first(target)
    return RunWatched(
        seconds=time.monotonic() - began,
        rollbacks_before=before,
        rollbacks_after=seen.rate,
        rose_at=datetime.fromtimestamp(seen.rose_at).astimezone() if seen.rose_at is not None else None,
        waiting=tuple(_describe_wait(wait) for wait in seen.last.waits if (wait.waited_s or 0) > WAITS_S),
        slower=_find_slower(first.times, last.times if last is not None else None),
        undo=_undo(target, plan),
        was_cut_short=was_cut_short,
    )


class _Seen:
    """What has been counted since SETTLES_S after the run.

    ``rose_at`` is the moment, by the server's clock, from which on there are many more rollbacks than
    ``before``; ``rate`` counts from then, or from the first look.
    """

    def __init__(self, *, before: float | None) -> None:
        self._before = before
        self._counted: list[Counters] = []
        self._settled_at = 0.0
        self.last: Health | None = None
        self.rose_at: float | None = None

    def add(self, health: Health) -> bool:
        """Take in one more look; say whether the rise was seen now for the first time."""
        self._settled_at = self._settled_at or health.at_s + SETTLES_S
        self.last = health
        if health.at_s < self._settled_at:
            return False
        self._counted.append(health.counters)
        if self.rose_at is None and (rose_at := self._find_rise()) is not None:
            self.rose_at = rose_at
            return True
        return False

    @property
    def rate(self) -> float | None:
        if not self._counted:
            return None
        since = self.rose_at if self.rose_at is not None else self._counted[0].at_s
        first = next(one for one in self._counted if one.at_s >= since)
        rates = rates_between(first, self._counted[-1])
        return rates.rollbacks if rates is not None else None

    def describe(self, undo: str) -> str:
        """Return the rise in one sentence."""
        at = datetime.fromtimestamp(self.rose_at or 0.0).astimezone()
        back = f"; way back: {undo}" if undo else ""
        return f"rollbacks {self._before or 0:.1f}/s before, {self.rate or 0:.1f}/s since {at:%H:%M:%S}{back}"

    def _find_rise(self) -> float | None:
        """Return since when there are more: of all beginnings the latest from which on it is beyond doubt."""
        if self._before is None:
            return None
        last = self._counted[-1]
        for first in reversed(self._counted[:-1]):
            expected = self._before * (last.at_s - first.at_s)
            found = last.rollbacks - first.rollbacks
            if found - expected >= max(LEAST_MORE, 3 * math.sqrt(expected)) and found >= 2 * expected:
                return first.at_s
        return None


def _find_slower(before: Times | None, after: Times | None) -> tuple[str, ...] | None:
    """Return the statements whose calls since then take at least twice as long as all those before."""
    if before is None or after is None:
        return None
    slower = []
    for key, now in after.items():
        then = before.get(key)
        calls = now.calls - then.calls if then is not None else 0
        if then is None or calls < LEAST_CALLS or then.calls < LEAST_CALLS:
            continue
        was, is_now = then.total_ms / then.calls, (now.total_ms - then.total_ms) / calls
        if is_now >= max(SLOW_MS, SLOWER_BY * was):
            slower.append((now.total_ms - then.total_ms - was * calls, was, is_now, now.text))
    return tuple(
        f"{_shortened(text)} {show_duration(was / 1000)} before, {show_duration(is_now / 1000)} now"
        for _lost_ms, was, is_now, text in sorted(slower, reverse=True)[:NAMED]
    )


def _shortened(sql: str) -> str:
    line = " ".join(redact(sql).split())  # a secret that was cut off would not be known any more
    return line if len(line) <= SHOWN_SQL else f"{line[: SHOWN_SQL - 3]}..."


def _describe_wait(wait: LockWaiter) -> str:
    blockers = ", ".join(f"pid {blocker.pid}" for blocker in wait.blockers)
    on = f" on {wait.table}" if wait.table else ""
    return (
        f"pid {wait.session.pid} for {show_duration(wait.waited_s or 0)}{on}, behind {blockers or 'nobody'}"
    )


def _undo(target: Target, plan: Plan) -> str:
    if plan.direction is not Direction.UPGRADE or len(plan.before) > 1:
        return ""
    return target.command(f"downgrade {plan.before[0] if plan.before else 'base'}")
