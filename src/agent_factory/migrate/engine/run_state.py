"""What the worker thread does right now, for those who watch it."""

import contextlib
import os
import queue
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator

import psycopg2

from agent_factory.migrate.db.driver import WatchedConnection
from agent_factory.migrate.model.events import Event
from agent_factory.migrate.model.session import Session

STATEMENT_GRACE_S = 5.0
"""How much longer than its ``statement_timeout`` a statement may take before the network is blamed."""

OWN_STATEMENT_LIMIT_S = 30.0


class StoppedError(Exception):
    """A signal asked the run to stop."""


class RunState:
    """The connection and the statement that the worker is at, the signal that has come, and the events.

    The worker writes all of it but ``signal``, ``blockers`` and ``was_aborted``, which the main thread and
    the monitor write. ``statement_limit_s`` is the ``statement_timeout`` of the revisions. ``backend_pid`` is
    the server's process that works for this run, None when it may be a stranger's.
    """

    def __init__(self, statement_limit_s: float) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.signal: int | None = None
        self.was_aborted = False
        self.blockers: tuple[Session, ...] = ()
        self.backend_pid: int | None = None
        self._statement_limit_s = statement_limit_s
        self._cancelling = threading.Lock()
        self._driver: WatchedConnection | sqlite3.Connection | None = None
        self._since: float | None = None
        self._quiet_since: float | None = None
        self._asking_since: float | None = None
        self._limit_s = 0.0

    def emit(self, event: Event) -> None:
        """Hand an event to the main thread."""
        self.events.put(event)

    def watch(self, driver: WatchedConnection | sqlite3.Connection | None) -> None:
        """Name the driver's connection that is to be interrupted or aborted; None when it is done with."""
        self._driver = driver

    def release_backend(self) -> None:
        """Say that the server's process is no longer ours, once no request to cancel is on its way to it."""
        with self._cancelling:
            self.backend_pid = None

    @contextlib.contextmanager
    def cancelling(self) -> Iterator[int | None]:
        """The process whose statement may be cancelled in the block, None when none may: it stays ours."""
        with self._cancelling:
            yield self.backend_pid if self.busy_s() else None

    def check_stop(self) -> None:
        """Raise StoppedError when a signal has come."""
        if self.signal is not None:
            raise StoppedError

    def begin_statement(self) -> None:
        """Say that a revision's statement is sent to the database."""
        self.blockers = ()
        self._limit_s = self._statement_limit_s + STATEMENT_GRACE_S
        self._quiet_since = None
        self._since = time.monotonic()

    def end_statement(self) -> None:
        """Say that its answer is here."""
        self._since = None
        self._quiet_since = time.monotonic()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Statements of af-db's own: they are short, so the watchdog is quick; no signal cancels them."""
        self._limit_s = OWN_STATEMENT_LIMIT_S
        self._asking_since = time.monotonic()
        try:
            yield
        finally:
            self._asking_since = None

    def busy_s(self) -> float:
        """Return how long a revision's statement has run; 0 when none does."""
        since = self._since
        return time.monotonic() - since if since is not None else 0.0

    def quiet_s(self) -> float:
        """Return how long ago the last answer came, while nothing is asked: the revision is in Python."""
        since = self._quiet_since
        return time.monotonic() - since if since is not None else 0.0

    def is_overdue(self) -> bool:
        """Say whether an answer is so late that the network has to be the reason."""
        since = self._asking_since or self._since
        return since is not None and time.monotonic() - since > self._limit_s

    def interrupt(self) -> None:
        """Have SQLite end the running statement. PostgreSQL's is cancelled by the monitor: psycopg2's own
        ``cancel()`` keeps the interpreter's lock while it waits for the network."""
        if isinstance(self._driver, sqlite3.Connection):
            self._driver.interrupt()

    def abort_connection(self) -> None:
        """End the connection under the worker: its statement fails at once."""
        driver = self._driver
        self.was_aborted = True
        if not isinstance(driver, WatchedConnection):
            return
        with contextlib.suppress(OSError, psycopg2.Error):
            duplicate = socket.socket(fileno=os.dup(driver.fileno()))
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            finally:
                duplicate.close()
