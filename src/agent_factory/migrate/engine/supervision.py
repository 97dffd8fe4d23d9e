"""The worker thread, and who watches it: signals, a watchdog for statements, and a monitor of their locks.

psycopg2 does not see Ctrl-C until a statement ends (measured), and a network that swallows packets is
waited for without end. So the database is used in a worker thread, and this thread can cancel what runs
there, or abort its connection.
"""

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

from agent_factory.migrate.engine.run_state import RunState
from agent_factory.migrate.model.events import Emit, Event, Warned
from agent_factory.plain_text import text_of

TICK_S = 0.05
ABORT_AFTER_CANCELLING_S = 5.0
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

T = TypeVar("T")


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
                # Only a revision's statement: what cleans up after it has to finish.
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
            _show(run_state.events.get_nowait(), emit)


def _show(event: Event, emit: Emit) -> None:
    """Show the event. A failure to show it must not end the run: nobody would wait for the worker."""
    try:
        emit(event)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        what = f"{type(event).__name__} could not be shown: {type(error).__name__}: {text_of(error)}"
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
