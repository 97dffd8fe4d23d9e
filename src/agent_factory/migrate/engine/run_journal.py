"""What one run writes into the journal."""

import contextlib
from collections.abc import Callable, Sequence

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import watched_connection
from agent_factory.migrate.db.roles import as_login, back_again, to_login
from agent_factory.migrate.engine.running_revision import RunningRevision
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.found import FoundJournal
from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.version_table import VersionTable


class RunJournal:
    """The journal on the connection that does the work; it writes nothing until it is opened.

    ``may_have_role`` says whether the session may have another role than its login's, whose the journal is.
    It knows which revision has a row that says "started": a part of that one may be committed.
    """

    def __init__(
        self,
        run_id: str,
        table: VersionTable,
        direction: Direction,
        origin: Origin,
        *,
        may_have_role: Callable[[], bool],
    ) -> None:
        self._run_id = run_id
        self._table = table
        self._direction = direction
        self._origin = origin
        self._run: journal.Run | None = None
        self._connection: sa.Connection | None = None
        self._may_have_role = may_have_role
        self._marked: str | None = None
        self._earlier: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether rows are written."""
        return self._connection is not None

    @property
    def checks_transaction(self) -> bool:
        """Whether the row of an applied revision fails in another transaction than the one it began in."""
        driver = watched_connection(self._connection) if self._connection is not None else None
        return driver is not None and driver.may_prepare and not driver.autocommit

    def has_marked(self, running: RunningRevision) -> bool:
        """Say whether the revision has a row that says "started"."""
        return self._marked == running.revision.id

    def open(self, connection: sa.Connection) -> FoundJournal | None:
        """Make the journal where it is missing, and return it; nothing is written where this role may not."""
        found = journal.prepare(connection)
        if found is not None and found.may_write:
            self._connection = connection
            self._run = journal.Run(
                id=self._run_id,
                table=self._table,
                direction=self._direction,
                origin=self._origin,
                journal=found,
            )
        return found

    def started(self, running: RunningRevision, earlier: Sequence[str]) -> None:
        """Mark, in the transaction that is about to commit early, that the revision is no longer atomic.

        ``earlier`` is what a killed run has committed of it: a second kill must not forget that.
        """
        if self._connection is not None and not self.has_marked(running):
            self._earlier = tuple(earlier)
            self._write(running, "started", [*earlier, *running.statements])
            self._marked = running.revision.id

    def statement(self, running: RunningRevision, statement: str) -> None:
        """Note a statement before it runs outside a transaction."""
        if self._connection is not None:
            with self._as_login(self._connection):
                journal.note_statement(self._connection, self._run_id, running.revision.id, statement)

    def applied_row(self, running: RunningRevision, mark: str) -> bytes:
        """Return the SQL of the row that belongs into the revision's own transaction; none without a journal.

        Where it is prepared it fails without the run lock, and in another transaction than it began in.
        """
        if self._connection is None or self._run is None:
            return b""
        row = self._applied_row(self._connection, self._run, running, mark)
        return b"; ".join((to_login().encode(), row, back_again().encode())) if self._may_have_role() else row

    def _applied_row(
        self, connection: sa.Connection, run: journal.Run, running: RunningRevision, mark: str
    ) -> bytes:
        if not self.checks_transaction:
            return _row(connection, run, running, "applied", running.committed, _remark(running))
        with self._as_login(connection):
            return _prepared_row(connection, run, running, mark)

    def failed(self, running: RunningRevision, cause: str) -> None:
        """Write the failure in a transaction of its own, where the connection still can."""
        if self._connection is None:
            return
        is_marked, self._marked = self.has_marked(running), None
        with (
            contextlib.suppress(sa.exc.SQLAlchemyError, psycopg2.Error),
            self._connection.begin(),
            self._as_login(self._connection),
        ):
            committed = [*running.committed, *running.uncertain]
            if is_marked:
                committed = [*self._earlier, *committed]
            if is_marked:
                journal.close_mark(self._connection, self._run_id, running.revision.id, committed)
            elif committed:
                # It has committed by itself, unmarked: the next run must not run it again unasked.
                self._write(running, "started", committed)
            self._write(running, "failed", [*running.committed, *running.uncertain], error=cause)

    def _write(
        self, running: RunningRevision, state: str, statements: Sequence[str], error: str | None = None
    ) -> None:
        if self._connection is not None and self._run is not None:
            row = _row(self._connection, self._run, running, state, statements, error)
            with self._as_login(self._connection), own_cursor(self._connection) as cursor:
                cursor.execute(row)

    def _as_login(self, connection: sa.Connection) -> contextlib.AbstractContextManager[None]:
        return as_login(connection) if self._may_have_role() else contextlib.nullcontext()


def _row(
    connection: sa.Connection,
    run: journal.Run,
    running: RunningRevision,
    state: str,
    statements: Sequence[str],
    error: str | None = None,
) -> bytes:
    return journal.row(
        connection,
        run,
        revision=running.revision,
        state=state,
        statements=statements,
        seconds=running.seconds,
        error=error,
    )


def _prepared_row(connection: sa.Connection, run: journal.Run, running: RunningRevision, mark: str) -> bytes:
    return journal.prepared_row(
        connection,
        run,
        revision=running.revision,
        statements=running.committed,
        seconds=running.seconds,
        mark=mark,
        error=_remark(running),
    )


def _remark(running: RunningRevision) -> str | None:
    return str(running.other_statements) if running.other_statements is not None else None
