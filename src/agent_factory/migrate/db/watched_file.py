"""sqlite3's connection, whose cursors announce what is sent on it, as those of PostgreSQL's do."""

import contextlib
import functools
import sqlite3
from collections.abc import Sized
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.db.driver import NOTHING_TO_DO, FetchingCursor, Listener, sqlite3_connection
from agent_factory.migrate.db.transaction_control import only_begins


class WatchedFile(sqlite3.Connection):
    """sqlite3's connection; ``listener`` is who hears of what every cursor but af-db's own sends on it.

    ``is_lent``: project code has it, and closes what is not its own. ``is_beginning``: af-db has begun a
    transaction, and what listens to that may begin it too.
    """

    listener: Listener | None = None
    is_lent = False
    is_beginning = False

    def close(self) -> None:
        if not self.is_lent:
            super().close()

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        """As sqlite3's; a cursor of whatever class tells the listener what it sends."""
        return super().cursor(_announcing(factory) if isinstance(factory, type) else factory)

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self.cursor().execute(sql, *parameters)

    def executemany(self, sql: str, rows: Any) -> Any:
        return self.cursor().executemany(sql, rows)

    def executescript(self, script: str) -> Any:
        return self.cursor().executescript(script)


class _AnnouncingCursor(FetchingCursor):
    """All ways of a cursor to send something: each is announced to the connection's listener."""

    connection: WatchedFile

    def execute(self, sql: str, *parameters: Any) -> Any:
        if self.connection.is_beginning and only_begins(sql):
            return self
        with self._sending(sql):
            return super().execute(sql, *parameters)  # type: ignore[misc]

    def executemany(self, sql: str, rows: Any) -> Any:
        rows = rows if isinstance(rows, Sized) else list(rows)
        with self._sending(sql, len(rows)):
            return super().executemany(sql, rows)  # type: ignore[misc]

    def executescript(self, script: str) -> Any:
        with self._sending(script):
            return super().executescript(script)  # type: ignore[misc]

    def _sending(self, sql: str, rows: int | None = None) -> contextlib.AbstractContextManager[None]:
        self.is_fetched = False
        listener = self.connection.listener
        return NOTHING_TO_DO if listener is None else listener.sending(sql, is_named=False, rows=rows)


@functools.cache
def _announcing(factory: type[Any]) -> type[Any]:
    return (
        factory
        if issubclass(factory, _AnnouncingCursor)
        else type(factory.__name__, (_AnnouncingCursor, factory), {})
    )


def own_file_cursor(driver: sqlite3.Connection) -> sqlite3.Cursor:
    """Return a cursor for af-db's own statements: nobody hears of them."""
    return sqlite3.Cursor(driver)


def watched_file(connection: sa.Connection) -> WatchedFile:
    """Return the driver's connection of one to SQLite that ``connect`` has opened, to be written to."""
    driver = sqlite3_connection(connection)
    if not isinstance(driver, WatchedFile):
        raise TypeError(f"{type(driver).__name__} tells nobody what is sent on it")
    return driver
