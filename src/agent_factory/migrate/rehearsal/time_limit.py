"""A limit on how long a project's own code may take: its SQL is cancelled, its Python is ended."""

import contextlib
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.driver import sqlite3_connection, watched_connection
from agent_factory.migrate.model.durations import show_duration

AGAIN_S = 1.0
"""After which work that still runs is ended once more: it may have caught the error."""


class TookTooLongError(Exception):
    """It was ended; ``hint`` says what to do."""

    code = "took-too-long"
    hint = "if it needs more time: --rehearsal-timeout 1h"

    def __init__(self, seconds: float, statement: str) -> None:
        during = f", and this was running: {' '.join(statement.split())}" if statement else ""
        super().__init__(f"it did not finish in {show_duration(seconds)}{during}")


@contextlib.contextmanager
def time_limit(connection: sa.Connection, seconds: float | None) -> Iterator[None]:
    """End what the block does when it takes longer, in Python or in a statement of this connection.

    A statement is cancelled whatever timeout it has set. Python is ended by a signal, where there are such
    signals and the block is in the main thread; else at its next statement. None is no limit. Raises
    TookTooLongError, from where the block was.
    """
    if seconds is None:
        yield
        return
    limit = _Limit(seconds)
    with (
        limit.listening(connection),
        _interruptible(limit.end) as interrupt,
        limit.watched(connection, interrupt),
    ):
        try:
            yield
        except Exception as error:
            if limit.is_over.is_set() and not isinstance(error, TookTooLongError):
                # What became of being ended, on its way: a statement that was cancelled, mostly.
                raise limit.error().with_traceback(error.__traceback__) from error
            raise
        finally:
            limit.is_done.set()


class _Limit:
    """``running`` is the statement that the connection is at, empty between two."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running = ""
        self.is_done = threading.Event()
        self.is_over = threading.Event()

    def error(self) -> TookTooLongError:
        return TookTooLongError(self._seconds, self._running)

    def end(self) -> None:
        """Raise TookTooLongError when the time is over and the block goes on."""
        if self.is_over.is_set() and not self.is_done.is_set():
            raise self.error()

    @contextlib.contextmanager
    def listening(self, connection: sa.Connection) -> Iterator[None]:
        def begin(_connection: object, _cursor: object, statement: str, *_context: object) -> None:
            self.end()
            self._running = statement

        def leave(*_context: object) -> None:
            self._running = ""

        listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": begin,
            "after_cursor_execute": leave,
        }
        for name, listener in listeners.items():
            sa.event.listen(connection.engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners.items():
                sa.event.remove(connection.engine, name, listener)

    @contextlib.contextmanager
    def watched(self, connection: sa.Connection, interrupt: Callable[[], None]) -> Iterator[None]:
        driver = watched_connection(connection)
        cancel = driver.cancel if driver is not None else sqlite3_connection(connection).interrupt

        def watch() -> None:
            wait_s = self._seconds
            while not self.is_done.wait(wait_s):
                self.is_over.set()
                interrupt()  # first: the signal is there when the cancelled statement comes back
                # Nothing to cancel, or closed already.
                with contextlib.suppress(psycopg2.Error, sqlite3.Error):
                    cancel()
                wait_s = AGAIN_S

        watcher = threading.Thread(target=watch, name="af-db time limit", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self.is_done.set()
            watcher.join()


@contextlib.contextmanager
def _interruptible(end: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Hand out what has the main thread call ``end`` wherever it is; it does nothing where that cannot be."""
    main = threading.get_ident()
    if main != threading.main_thread().ident or not hasattr(signal, "SIGALRM"):
        yield lambda: None
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        end()

    before = signal.signal(signal.SIGALRM, on_signal)
    try:
        yield lambda: signal.pthread_kill(main, signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
