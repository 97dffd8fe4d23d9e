"""The transactions of a revision on SQLite: a savepoint and a row tell whether one has ended, and how.

SQLite has no ids of transactions. A savepoint of a name that nobody can guess is gone when its transaction
is; a row that was written behind it, into a temporary table, is there afterwards if that was committed.
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from agent_factory.migrate.db.watched_file import own_file_cursor
from agent_factory.migrate.engine.running_revision import (
    ENDED_UNSEEN,
    RunningRevision,
    TransactionEndedError,
)


@dataclass(slots=True, kw_only=True)
class SqliteMarks:
    """The marks on one connection. ``_written`` is what the connection has changed up to the last mark."""

    driver: sqlite3.Connection
    _mark: str = ""
    _written: tuple[int, ...] = ()

    def begin(self) -> None:
        """Mark the transaction that has just begun."""
        self._execute("CREATE TEMPORARY TABLE IF NOT EXISTS af_db_transactions (mark TEXT)")
        self._mark = f"af_db_{secrets.token_hex(8)}"
        self._execute(f"SAVEPOINT {self._mark}")
        self._execute("INSERT INTO temp.af_db_transactions VALUES (?)", [self._mark])
        self._written = self._changes()

    def check_open(self, running: RunningRevision) -> None:
        """Raise TransactionEndedError where no transaction is open: what follows would commit itself."""
        if self._mark and not self.driver.in_transaction:
            self._end(running)

    def expect_commit(self, running: RunningRevision) -> None:
        """SQLAlchemy is about to commit before the revision's end: note what that commits."""
        running.note_commit(has_written=self._has_written())
        self._mark = ""

    def expect_end(self) -> None:
        """Do nothing: a savepoint that is gone tells of every other end."""

    def check(self, running: RunningRevision) -> None:
        """Raise TransactionEndedError where the marked transaction has ended; note what it did."""
        if not self._mark:
            return
        try:
            self._execute(f"RELEASE {self._mark}")
        except sqlite3.OperationalError:
            self._end(running)
        self._mark = ""

    def look_before_rollback(self, _running: RunningRevision | None) -> None:
        """Do nothing: ``settle`` finds the row that was committed."""

    def settle_lost(self, _running: RunningRevision | None) -> None:
        """Do nothing: a file is not lost as a session is."""

    def settle(self, running: RunningRevision | None) -> None:
        """Note what the marked transaction has committed, where it was committed behind SQLAlchemy."""
        if self.driver.in_transaction:
            self.driver.rollback()
        if not self._mark or running is None:
            return
        mark, self._mark = self._mark, ""
        with contextlib.suppress(sqlite3.Error):
            query = "SELECT count(*) FROM temp.af_db_transactions WHERE mark = ?"
            if self._execute(query, [mark]).fetchone() == (1,):
                running.note_commit(has_written=self._has_written())

    def _execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        return own_file_cursor(self.driver).execute(sql, parameters)

    def _end(self, running: RunningRevision) -> NoReturn:
        running.ended = TransactionEndedError(ENDED_UNSEEN)
        self.settle(running)
        raise running.ended from None

    def _has_written(self) -> bool:
        """Say whether anything was changed since the mark."""
        return self._changes() != self._written

    def _changes(self) -> tuple[int, ...]:
        pragmas = ("schema_version", "user_version", "application_id")
        values = (self._execute(f"PRAGMA main.{pragma}").fetchone()[0] for pragma in pragmas)
        return self.driver.total_changes, *values
