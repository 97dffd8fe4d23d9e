"""Watching a database: what a person would ask its server once a second; nothing is written."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.health import Counters, Health, rates_between, read_health
from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, CannotConnectError, RefusedError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.watched import WatchResult

LOOK_EVERY_S = 1.0
RATES_OVER_S = 5.0
"""A session adds what it has counted about once a second, an idle one later: a rate of one second jumps."""
READ_ROOM_EVERY = 5
"""Lag, slots and what is left change slowly, and are three of eleven queries."""
APPLICATION_NAME = "af-db watch"


def watch(target: Target, *, for_s: float | None, tell: Callable[[Health], None]) -> WatchResult:
    """Tell of the database once a second, for so long or until a signal ends it, over one connection.

    Raises RefusedError for a file, which has no sessions, and CannotConnectError when the server goes away.
    """
    if target.url.backend != "postgresql":
        raise RefusedError(
            "nothing-to-watch",
            f"{target} is a file of SQLite, which has no sessions to watch",
            state=NOT_TOUCHED,
        )
    began = time.monotonic()
    looks = 0
    for health in look(target, for_s=for_s):
        tell(health)
        looks += 1
    return WatchResult(database=str(target), seconds=time.monotonic() - began, looks=looks)


def look(target: Target, *, for_s: float | None) -> Iterator[Health]:
    """Yield what the server says, once a second, with rates from the second time on."""
    ends = None if for_s is None else time.monotonic() + for_s
    counted: deque[Counters] = deque(maxlen=round(RATES_OVER_S / LOOK_EVERY_S) + 1)
    looks = 0
    last: Health | None = None
    try:
        with connect(target, read_only=True, application_name=APPLICATION_NAME) as connection:
            while True:
                next_at = time.monotonic() + LOOK_EVERY_S
                room = last.room if last is not None and looks % READ_ROOM_EVERY else None
                last = read_health(connection, room=room)
                counted.append(last.counters)
                looks += 1
                yield replace(last, rates=rates_between(counted[0], last.counters))
                if ends is not None and next_at > ends:
                    time.sleep(max(0.0, ends - time.monotonic()))
                    return
                time.sleep(max(0.0, next_at - time.monotonic()))
    except (sa.exc.SQLAlchemyError, psycopg2.Error, ReconnectedError) as error:
        raise CannotConnectError(
            "connection-lost",
            f"the connection to {target} was lost: {' '.join(str(error).split())}",
            state=UNCHANGED,
            next_steps=(f"watch it again: {target.again()}",),
        ) from error
