"""A second connection that watches the running statement: who blocks it, how far it is. It can cancel it.

It hears also of who asks the run to stop, from another terminal. While a revision sends nothing, it looks
whether a connection that may be the revision's own waits for a lock of the run's session: then neither would
go on.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.stop_request import find_request
from agent_factory.migrate.engine.retries import DO_ALL_ON_ONE
from agent_factory.migrate.engine.run_state import RunState
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.events import LockWait, Progress, Warned
from agent_factory.migrate.model.target import Target

LOOK_AFTER_S = 0.04
LOOK_EVERY_S = 0.1
QUIET_AFTER_S = 0.5
LOOK_IN_QUIET_EVERY_S = 1.0
LISTEN_AFTER_S = 2.0
"""A run that takes longer can be asked to stop, also where no statement of it takes long."""
CANCEL_EVERY_S = 0.25
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Before the connection is opened again: a server that has none left is not to be asked for more."""


@contextlib.contextmanager
def monitored(target: Target, run_state: RunState) -> Iterator[None]:
    """Watch the run_state for this block; it connects when a statement, or the run, takes long."""
    if target.url.backend != "postgresql":
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(target, run_state, done), name="af-db monitor", daemon=True
    )
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(1)


def _watch(target: Target, run_state: RunState, done: threading.Event) -> None:
    pause_s = 0.0
    began = time.monotonic()
    while not done.wait(LOOK_AFTER_S):
        is_long = run_state.busy_s() >= LOOK_AFTER_S or run_state.quiet_s() >= QUIET_AFTER_S
        is_long = is_long or time.monotonic() - began >= LISTEN_AFTER_S
        if run_state.backend_pid is None or not is_long:
            continue
        try:
            with connect(target, read_only=True, application_name="af-db monitor") as connection:
                pause_s = 0.0
                _look_until(connection, run_state, done)
        except (MigrationError, ReconnectedError, sa.exc.SQLAlchemyError, psycopg2.Error) as error:
            # The connection that does the work tells by itself if the server is gone.
            if not pause_s:
                said = " ".join(str(error).split())
                message = f"statements are not watched for now, so nobody who blocks one is named: {said}"
                run_state.emit(Warned(code="not-watched", message=message))
            pause_s = next_pause_s(pause_s)
            _pause(pause_s, run_state, done)


def next_pause_s(last_s: float) -> float:
    """Return how long to wait after one more connection that failed: twice as long, within limits."""
    return min(max(last_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)


def _pause(seconds: float, run_state: RunState, done: threading.Event) -> None:
    """Wait before the next try to connect; not so long where a signal wants a statement cancelled."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not done.wait(LOOK_EVERY_S):
        if run_state.signal is not None:
            until = min(until, time.monotonic() + CANCEL_EVERY_S)


def _look_until(connection: sa.Connection, run_state: RunState, done: threading.Event) -> None:
    blocked_by: tuple[int, ...] = ()
    shown = -1
    cancelled_at = looked_at = asked_at = 0.0
    reported: set[int] = set()
    while True:
        pid = run_state.backend_pid
        if pid is not None and time.monotonic() - asked_at > LOOK_IN_QUIET_EVERY_S:
            asked_at = time.monotonic()
            _hear_of_stop(connection, run_state, pid)
        if pid is None or run_state.busy_s() < LOOK_AFTER_S:
            blocked_by, shown = (), -1
            is_quiet = pid is not None and run_state.quiet_s() >= QUIET_AFTER_S
            if is_quiet and time.monotonic() - looked_at > LOOK_IN_QUIET_EVERY_S:
                looked_at = time.monotonic()
                _report_waiting(connection, run_state, pid, reported)
        elif run_state.signal is not None:
            if time.monotonic() - cancelled_at > CANCEL_EVERY_S:
                _cancel(connection, run_state)
                cancelled_at = time.monotonic()
        elif found := server.blockers(connection, pid):
            run_state.blockers = found
            pids = tuple(session.pid for session in found)
            if pids != blocked_by:
                run_state.emit(LockWait(blockers=found, waited_s=run_state.busy_s()))
            blocked_by = pids
        elif progress := server.index_progress(connection, pid):
            phase, percent = progress
            if percent // 5 != shown:
                shown = int(percent // 5)
                run_state.emit(Progress(phase=phase, percent=percent))
        if done.wait(LOOK_EVERY_S):
            return


def _hear_of_stop(connection: sa.Connection, run_state: RunState, pid: int) -> None:
    """Have the run end as Ctrl-C would, where somebody asks for it who may."""
    if run_state.signal is None and (asker := find_request(connection, pid)) is not None:
        run_state.emit(Warned(code="stop-asked", message=f"this run is asked to stop: {asker}"))
        run_state.signal = signal.SIGINT


def _report_waiting(
    connection: sa.Connection, run_state: RunState, pid: int | None, reported: set[int]
) -> None:
    """Report once each session that waits for the run's own, which is with a revision in Python."""
    for session in server.waiting_alike(connection, pid) if pid is not None else ():
        if session.pid not in reported:
            reported.add(session.pid)
            message = (
                f"a session waits for a lock of af-db's own session (pid {pid}), on which the revision sends "
                f"nothing: {session}. If the revision has opened that one, neither goes on: {DO_ALL_ON_ONE}"
            )
            run_state.emit(Warned(code="own-lock", message=message))


def _cancel(connection: sa.Connection, run_state: RunState) -> None:
    with run_state.cancelling() as pid, own_cursor(connection) as cursor:
        cursor.execute("SELECT pg_cancel_backend(%s)", [pid])  # of NULL is NULL
