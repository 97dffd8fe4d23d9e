"""One run at a time: the session-level advisory lock on the connection that does the work.

It is polled and never waited for: a session that blocks in ``pg_advisory_lock()`` deadlocks with the
holder's CREATE INDEX CONCURRENTLY, which waits for every older transaction (measured, PostgreSQL 15).
Lock and work are on one connection, so they are lost together.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import AlreadyRunningError
from agent_factory.migrate.model.events import Emit, WaitingForRun
from agent_factory.migrate.model.session import Session

KEY = int.from_bytes(b"af-db\x00\x00\x01")
"""The same for every project: advisory locks are per database, and one run per database is the promise."""

STILL_HELD = f"CASE WHEN pg_advisory_unlock({KEY}) THEN pg_try_advisory_lock({KEY}) ELSE false END"
"""An SQL expression: whether this session holds the lock. A query of pg_locks would take longer."""

_FIRST_PAUSE_S = 0.025
_LONGEST_PAUSE_S = 1.0
_TELL_EVERY_S = 5.0


def take(
    connection: sa.Connection,
    *,
    wait_s: float,
    emit: Emit,
    check_stop: Callable[[], None],
    asking: Callable[[], contextlib.AbstractContextManager[None]],
    for_transaction: bool = False,
) -> None:
    """Take the lock, telling who holds it while waiting.

    ``asking`` is entered around each question to the server, for a watchdog to know of it.
    ``for_transaction`` takes the transaction-level lock, which a transaction pooler keeps apart as well; it
    lives as long as the transaction that the connection has to be in; the other one as long as the session.
    Raises AlreadyRunningError.
    """
    function = "pg_try_advisory_xact_lock" if for_transaction else "pg_try_advisory_lock"

    def try_once() -> bool:
        with asking():
            # Twice, so that STILL_HELD can give one back and take it again without a moment in between.
            return _ask(connection, function) and _ask(connection, function)

    def find_holder() -> Session | None:
        with asking():
            return server.lock_holder(connection, KEY)

    _poll(
        try_once,
        find_holder,
        wait_s=wait_s,
        emit=emit,
        check_stop=check_stop,
    )


def still_held(connection: sa.Connection) -> bool:
    """Say whether this session still holds the session-level lock."""
    with own_cursor(connection) as cursor:
        cursor.execute(f"SELECT {STILL_HELD}")
        ((held,),) = cursor.fetchall()
        return bool(held)


@contextlib.contextmanager
def held_on_folder(
    folder: Path, *, wait_s: float, emit: Emit, check_stop: Callable[[], None]
) -> Iterator[None]:
    """Hold the lock of a folder with SQLite files for the block, where the system has such locks.

    The folder, since SQLite's own locks on the file end when any descriptor of it is closed
    (https://sqlite.org/howtocorrupt.html). Raises AlreadyRunningError.
    """
    try:
        import fcntl
    except ImportError:  # Windows: SQLite's own lock keeps revisions apart, one by one
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)

    def try_once() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        _poll(try_once, lambda: None, wait_s=wait_s, emit=emit, check_stop=check_stop)
        yield
    finally:
        os.close(descriptor)


def _poll(
    try_once: Callable[[], bool],
    find_holder: Callable[[], Session | None],
    *,
    wait_s: float,
    emit: Emit,
    check_stop: Callable[[], None],
) -> None:
    began = time.monotonic()
    told_at = -_TELL_EVERY_S
    pause = _FIRST_PAUSE_S
    while not try_once():
        holder = find_holder()
        waited = time.monotonic() - began
        if waited - told_at >= _TELL_EVERY_S:
            emit(WaitingForRun(holder=holder, waited_s=waited))
            told_at = waited
        if waited >= wait_s:
            raise _already_running(holder, wait_s)
        until = time.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        while (left := until - time.monotonic()) > 0:
            check_stop()
            time.sleep(min(left, 0.1))
        pause = min(pause * 1.6, _LONGEST_PAUSE_S)


def _already_running(holder: Session | None, wait_s: float) -> AlreadyRunningError:
    steps = [f"wait for it, or wait longer than {show_duration(wait_s)}: --lock-wait 10min"]
    who = "the session is not known"
    if holder is not None:
        since = f" since {holder.since:%Y-%m-%d %H:%M:%S %Z}" if holder.since else ""
        who = f"{holder}{since and f' (connected{since})'}"
        steps.append(
            f"if it hangs, end it: SELECT pg_terminate_backend({holder.pid}); its revision is rolled back"
        )
    return AlreadyRunningError(
        "already-running",
        f"another migration is running: {who}",
        state="unchanged by this run",
        next_steps=tuple(steps),
    )


def _ask(connection: sa.Connection, function: str) -> bool:
    with own_cursor(connection) as cursor:
        cursor.execute(f"SELECT {function}(%s)", [KEY])
        ((answer,),) = cursor.fetchall()
        return bool(answer)
