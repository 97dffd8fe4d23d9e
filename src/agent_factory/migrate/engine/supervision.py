"""The worker thread, and who watches it: signals, a watchdog for statements, and a look at their locks.

psycopg2 does not see Ctrl-C until a statement ends (measured), and a network that swallows packets is
waited for without end. So the database is used in a worker thread, and this thread can cancel what runs
there, or cut its socket.
"""

import contextlib
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar

from agent_factory.migrate.model.events import Emit, Event, Warned
from agent_factory.migrate.model.session import Session

TICK_S = 0.05
ABORT_AFTER_CANCELLING_S = 5.0
STATEMENT_GRACE_S = 5.0
"""How much longer than its ``statement_timeout`` a statement may take before the network is blamed."""

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

OWN_STATEMENT_LIMIT_S = 30.0

T = TypeVar("T")


class StoppedError(Exception):
    """A signal asked the run to stop."""


class RunState:
    """What the worker does right now; written by the worker, read by those who watch it."""

    def __init__(self, statement_limit_s: float) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.signal: int | None = None
        self.was_aborted = False
        self.blockers: tuple[Session, ...] = ()
        self.backend_pid: int | None = None
        self._statement_limit_s = statement_limit_s
        self._cancelling = threading.Lock()
        self._driver: Any = None
        self._since: float | None = None
        self._asking_since: float | None = None
        self._limit_s = 0.0

    def emit(self, event: Event) -> None:
        """Hand an event to the main thread."""
        self.events.put(event)

    def watch(self, driver: Any) -> None:
        """Name the driver's connection that is to be cancelled or cut; None when it is done with."""
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
        self._since = time.monotonic()

    def end_statement(self) -> None:
        """Say that its answer is here."""
        self._since = None

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
        """How long a revision's statement has run; 0 when none does."""
        since = self._since
        return time.monotonic() - since if since is not None else 0.0

    def is_overdue(self) -> bool:
        """Say whether an answer is so late that the network has to be the reason."""
        since = self._asking_since or self._since
        return since is not None and time.monotonic() - since > self._limit_s

    def interrupt(self) -> None:
        """Have SQLite end the running statement. PostgreSQL's is cancelled by the monitor: psycopg2's own
        ``cancel()`` keeps the interpreter's lock while it waits for the network."""
        with contextlib.suppress(AttributeError):
            self._driver.interrupt()

    def abort_connection(self) -> None:
        """End the connection under the worker: its statement fails at once."""
        driver = self._driver
        self.was_aborted = True
        if driver is None or not hasattr(driver, "fileno"):
            return
        with contextlib.suppress(OSError, Exception):
            duplicate = socket.socket(fileno=os.dup(driver.fileno()))
            try:
                duplicate.shutdown(socket.SHUT_RDWR)
            finally:
                duplicate.close()


def supervise(work: Callable[[], T], run_state: RunState, emit: Emit) -> T:
    """Run ``work`` in a thread, hand its events to ``emit`` in this one, and return or raise what it does."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            errors.append(error)

    worker = threading.Thread(target=run, name="af-db worker", daemon=True)
    with _signals_noted(run_state):
        worker.start()
        stopping_since: float | None = None
        while worker.is_alive():
            worker.join(TICK_S)
            _hand_on(run_state, emit)
            now = time.monotonic()
            if run_state.signal is not None:
                stopping_since = stopping_since or now
                # Only a revision's statement: what cleans up after it has to come to its end.
                if run_state.busy_s():
                    run_state.interrupt()
                    if now - stopping_since > ABORT_AFTER_CANCELLING_S:
                        run_state.abort_connection()
            if run_state.is_overdue():
                run_state.abort_connection()
        _hand_on(run_state, emit)
    if errors:
        raise errors[0]
    return results[0]


def _hand_on(run_state: RunState, emit: Emit) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            _tell(run_state.events.get_nowait(), emit)


def _tell(event: Event, emit: Emit) -> None:
    """Have the event told. That it cannot be told must not end the run: nobody would wait for the worker."""
    try:
        emit(event)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        what = f"{type(event).__name__} could not be shown: {type(error).__name__}: {error}"
        with contextlib.suppress(BaseException):
            emit(Warned(code="event-not-shown", message=what))


@contextlib.contextmanager
def _signals_noted(run_state: RunState) -> Iterator[None]:
    """Note the first signal; further ones change nothing, so that they cannot break the clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _frame: FrameType | None) -> None:
        run_state.signal = run_state.signal or number

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # Once stopped, the process only has to say so: nothing may end it before.
            signal.signal(number, signal.SIG_IGN if run_state.signal is not None else handler)
