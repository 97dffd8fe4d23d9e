"""A look at the running statement from a second connection: who blocks it, and how far it is."""

import contextlib
import threading
from collections.abc import Iterator

import sqlalchemy as sa

from agent_factory.migrate import server
from agent_factory.migrate.connection import connect
from agent_factory.migrate.engine.supervision import Flight
from agent_factory.migrate.errors import MigrationError
from agent_factory.migrate.events import LockWait, Progress
from agent_factory.migrate.target import Target

LOOK_AFTER_S = 0.08
LOOK_EVERY_S = 0.1


@contextlib.contextmanager
def monitored(target: Target, flight: Flight) -> Iterator[None]:
    """Watch the flight for this block; the connection is opened when a statement first takes long."""
    if target.url.backend != "postgresql":
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(target, flight, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(1)


def _watch(target: Target, flight: Flight, done: threading.Event) -> None:
    while not done.wait(LOOK_EVERY_S / 2):
        if flight.busy_s() < LOOK_AFTER_S or flight.backend_pid is None:
            continue
        # Whatever is wrong with this connection, the one that does the work will tell.
        with (
            contextlib.suppress(MigrationError, sa.exc.SQLAlchemyError, Exception),
            connect(target, read_only=True, application_name="af-db monitor") as connection,
        ):
            _look_until(connection, flight, done)


def _look_until(connection: sa.Connection, flight: Flight, done: threading.Event) -> None:
    seen: tuple[int, ...] = ()
    shown = -1
    while not done.wait(LOOK_EVERY_S):
        pid = flight.backend_pid
        if pid is None or flight.busy_s() < LOOK_AFTER_S:
            seen, shown = (), -1
            continue
        found = server.blockers(connection, pid)
        if found:
            flight.blockers = found
            pids = tuple(session.pid for session in found)
            if pids != seen:
                flight.emit(LockWait(blockers=found, waited_s=flight.busy_s()))
            seen = pids
            continue
        progress = server.index_progress(connection, pid)
        if progress is not None and int(progress[1]) // 5 != shown:
            shown = int(progress[1]) // 5
            flight.emit(Progress(phase=progress[0], percent=progress[1]))
