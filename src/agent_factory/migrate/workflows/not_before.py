"""Waiting for the time of day at which a run may begin; nothing is connected meanwhile."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.readiness import read_seconds_until
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import NOT_TOUCHED, RefusedError, UsageError
from agent_factory.migrate.model.events import Emit, Warned
from agent_factory.migrate.model.target import Target

_TIME = re.compile(r"((?:[01]?\d|2[0-3]):[0-5]\d)(?:\s+([A-Za-z][\w+/-]*))?")
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOfDay:
    """``zone`` is None where none was typed: the server's own."""

    time: str
    zone: str | None

    def __str__(self) -> str:
        return f"{self.time} {self.zone}" if self.zone else self.time


def parse_time_of_day(text: str, zone: str | None) -> TimeOfDay:
    """Return what was typed, ``02:00`` or ``02:00 Europe/Berlin``; ``zone`` is for one without.

    Raises UsageError.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            "usage",
            f"--not-before {text}: no time of day",
            state=NOT_TOUCHED,
            next_steps=("--not-before 02:00", '--not-before "02:00 Europe/Berlin"'),
        )
    return TimeOfDay(time=match[1], zone=match[2] or zone)


def wait_for(
    target: Target,
    at: TimeOfDay,
    *,
    is_asked: bool,
    emit: Emit,
    show: Callable[[str], None],
) -> None:
    """Return at this time of day, within twelve hours; ``show`` is handed what is left of it.

    What was up to twelve hours ago is past: ``emit`` says so where somebody ``is_asked`` next. Raises
    RefusedError where nobody is.
    """
    left_s = _seconds_until(target, at)
    if left_s < 0:
        past = f"{at} was {show_duration(-left_s)} ago"
        if not is_asked:
            raise RefusedError(
                "too-late",
                f"{past}: nothing was run",
                state=NOT_TOUCHED,
                next_steps=("at another time of day: --not-before", "or at once: without --not-before"),
            )
        emit(Warned(code="too-late", message=past))
        return
    end = time.monotonic() + left_s
    emit(Warned(code="waits", message=f"waits for {at}, {show_duration(left_s)} from now; Ctrl-C ends it"))
    shown = ""
    while (left := end - time.monotonic()) > 0:
        text = f"waits for {at}, {show_duration(left)} from now"
        if text != shown:
            show(text)
        shown = text
        time.sleep(min(left, 1.0))


def _seconds_until(target: Target, at: TimeOfDay) -> float:
    """Return how far it is to the nearest such time, by the server's clock; negative for a past one."""
    if target.url.backend != "postgresql":
        now = datetime.now().astimezone()
        hour, minute = map(int, at.time.split(":"))
        found: float | None = (now.replace(hour=hour, minute=minute, second=0) - now).total_seconds()
    else:
        with connect(target, read_only=True) as connection:
            found = read_seconds_until(connection, at.time, at.zone)
    if found is None:
        raise UsageError(
            "usage",
            f"the server knows no time zone {at.zone}",
            state=NOT_TOUCHED,
            next_steps=("SELECT name FROM pg_timezone_names",),
        )
    if found < -_DAY_S / 2:
        return found + _DAY_S
    return found - _DAY_S if found > _DAY_S / 2 else found
