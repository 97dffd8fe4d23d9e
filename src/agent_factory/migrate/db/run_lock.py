"""One run at a time on a version table: the session-level advisory lock on the connection that works.

It is polled and never waited for: a session that blocks in ``pg_advisory_lock()`` deadlocks with the
holder's CREATE INDEX CONCURRENTLY, which waits for every older transaction (measured, PostgreSQL 15).
Lock and work are on one connection, so they are lost together.
"""

import contextlib
import hashlib
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
from agent_factory.migrate.model.version_table import VersionTable

KEY_OF_DATABASE = int.from_bytes(b"af-db\x00\x00\x01")
"""af-db up to 0.2 locks the whole database by this key. Runs share it, so that none of those runs beside."""


def key_of(table: VersionTable) -> int:
    """Return the key of the runs on this version table, in this database: a number of 64 bits."""
    named = "\0".join(("af-db run", table.schema or "", table.name))
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:8], signed=True)


def still_held_by(table: VersionTable) -> str:
    """Return an SQL expression: whether this session holds the lock. Asking pg_locks would take longer."""
    key = key_of(table)
    return f"CASE WHEN pg_advisory_unlock({key}) THEN pg_try_advisory_lock({key}) ELSE false END"


def find_holder(connection: sa.Connection, table: VersionTable) -> Session | None:
    """Return the session that runs on this version table, or an af-db up to 0.2 on any; None without one."""
    return server.lock_holder(connection, key_of(table)) or server.lock_holder(connection, KEY_OF_DATABASE)


_FIRST_PAUSE_S = 0.025
_LONGEST_PAUSE_S = 1.0
_TELL_EVERY_S = 5.0


def take(
    connection: sa.Connection,
    table: VersionTable,
    *,
    wait_s: float,
    emit: Emit,
    check_stop: Callable[[], None],
    asking: Callable[[], contextlib.AbstractContextManager[None]],
    for_transaction: bool = False,
) -> None:
    """Take the lock of this version table, telling who holds it while waiting.

    ``asking`` is entered around each question to the server, for a watchdog to know of it.
    ``for_transaction`` takes the transaction-level lock, which a transaction pooler keeps apart as well; it
    lives as long as the transaction that the connection has to be in; the other one as long as the session.
    Raises AlreadyRunningError.
    """
    function = "pg_try_advisory_xact_lock" if for_transaction else "pg_try_advisory_lock"
    key = key_of(table)

    def try_once() -> bool:
        with asking():
            # Twice, so that a question whether it is held can give one back and take it again without a
            # moment in between.
            return (
                _ask(connection, f"{function}_shared", KEY_OF_DATABASE)
                and _ask(connection, function, key)
                and _ask(connection, function, key)
            )

    def find() -> Session | None:
        with asking():
            return find_holder(connection, table)

    _poll(
        try_once,
        find,
        wait_s=wait_s,
        emit=emit,
        check_stop=check_stop,
    )


def still_held(connection: sa.Connection, table: VersionTable) -> bool:
    """Say whether this session still holds the session-level lock of this version table."""
    with own_cursor(connection) as cursor:
        cursor.execute(f"SELECT {still_held_by(table)}")
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


def _ask(connection: sa.Connection, function: str, key: int) -> bool:
    with own_cursor(connection) as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key])
        ((answer,),) = cursor.fetchall()
        return bool(answer)
