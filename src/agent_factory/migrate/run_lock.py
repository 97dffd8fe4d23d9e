"""One run at a time: the session-level advisory lock on the connection that does the work.

It is polled and never waited for: a session that blocks in ``pg_advisory_lock()`` deadlocks with the
holder's CREATE INDEX CONCURRENTLY, which waits for every older transaction (measured, PostgreSQL 15).
Lock and work are on one connection, so they are lost together.
"""

import random
import time
from collections.abc import Callable

import sqlalchemy as sa

from agent_factory.migrate import server
from agent_factory.migrate.cursors import own_cursor
from agent_factory.migrate.durations import show_duration
from agent_factory.migrate.errors import AlreadyRunningError
from agent_factory.migrate.events import Emit, WaitingForRun

KEY = int.from_bytes(b"af-db\x00\x00\x01")
"""The same for every project: advisory locks are per database, and one run per database is the promise."""

_FIRST_PAUSE_S = 0.025
_LONGEST_PAUSE_S = 1.0
_TELL_EVERY_S = 5.0


def take(
    connection: sa.Connection,
    *,
    wait_s: float,
    emit: Emit,
    check_stop: Callable[[], None],
    for_transaction: bool = False,
) -> None:
    """Take the lock, telling who holds it while waiting.

    ``for_transaction`` takes the transaction-level lock, which a transaction pooler keeps apart as well; it
    lives as long as the transaction that the connection has to be in. Raises AlreadyRunningError.
    """
    function = "pg_try_advisory_xact_lock" if for_transaction else "pg_try_advisory_lock"
    began = time.monotonic()
    told_at = -_TELL_EVERY_S
    pause = _FIRST_PAUSE_S
    while not _ask(connection, function):
        holder = server.lock_holder(connection, KEY)
        waited = time.monotonic() - began
        if waited - told_at >= _TELL_EVERY_S:
            emit(WaitingForRun(holder=holder, waited_s=waited))
            told_at = waited
        if waited >= wait_s:
            raise AlreadyRunningError(
                "already-running",
                f"another migration is running: {describe(holder)}",
                state="unchanged by this run",
                next_steps=(
                    f"wait for it, or wait longer than {show_duration(wait_s)}: --lock-wait 10min",
                    "if it hangs and must go: SELECT pg_terminate_backend"
                    f"({holder.pid if holder else 'PID'}), which rolls its revision back",
                ),
            )
        _sleep(pause * random.uniform(0.5, 1.0), check_stop)  # noqa: S311 - jitter, no secret
        pause = min(pause * 1.6, _LONGEST_PAUSE_S)


def release(connection: sa.Connection) -> None:
    """Give the session-level lock back."""
    _ask(connection, "pg_advisory_unlock")


def describe(holder: server.Session | None) -> str:
    """Return the holder as one line: pid, user, host, application, since when, what it runs."""
    if holder is None:
        return "its session has just ended"
    since = f"{holder.since:%Y-%m-%d %H:%M:%S %Z}" if holder.since else "?"
    line = (
        f"pid {holder.pid}, user {holder.user}, host {holder.host}, application {holder.application}, "
        f"since {since}"
    )
    return f"{line}, {holder.state}: {holder.query}" if holder.query else line


def _ask(connection: sa.Connection, function: str) -> bool:
    with own_cursor(connection) as cursor:
        cursor.execute(f"SELECT {function}(%s)", [KEY])
        (answer,) = cursor.fetchone()
        return bool(answer)


def _sleep(seconds: float, check_stop: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        check_stop()
        time.sleep(min(left, 0.1))
