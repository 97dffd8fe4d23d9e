"""The session that does the work, made ready, and the run lock that it holds."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import run_lock, server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import may_prepare, psycopg2_connection
from agent_factory.migrate.db.session_limits import lift_for_session
from agent_factory.migrate.engine import poolers, preflight
from agent_factory.migrate.engine.run_state import RunState
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import VersionTable

CONNECTION_CHECK_INTERVAL = "1s"
"""How soon the server ends a session whose client is gone: measured, an orphan lives 0.6 s instead of 6.6."""


class LockLostError(Exception):
    """A revision has released the run lock (pg_advisory_unlock_all, DISCARD ALL)."""

    def __init__(self) -> None:
        super().__init__("the revision has released af-db's run lock, so another run may have begun")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSession:
    """The session that works, while the run lock is held.

    ``facts`` say who and where we are, None on SQLite. ``lock_connection`` holds the lock where a pooler
    stands before the session that works; None where that one holds it itself. ``table`` is the version table
    that the lock is of.
    """

    connection: sa.Connection
    table: VersionTable
    facts: server.ServerFacts | None = None
    lock_connection: sa.Connection | None = None

    @property
    def may_prepare(self) -> bool:
        """Whether what is prepared stays prepared, as far as is known."""
        return may_prepare(self.connection)

    def check_process(self) -> None:
        """Raise SessionChangedError where a pooler that was to keep the session has not."""
        if self.lock_connection is None and self.facts is not None and self.facts.behind_pooler:
            poolers.check_process(self.connection, self.facts)

    def check_lock(self, *, row_checks: bool) -> None:
        """Raise LockLostError where the run lock is not held any more, and SessionChangedError.

        ``row_checks``: a journal's row goes along. Where it may be prepared it fails without the lock, so
        that no question of its own is needed. On SQLite nothing can release the lock.
        """
        if self.lock_connection is not None:
            with own_cursor(self.lock_connection) as cursor:
                cursor.execute("SELECT 1")  # the lock lives as long as this connection's transaction
        elif self.facts is not None:
            self.check_process()
            is_checked = row_checks and self.may_prepare
            if not is_checked and not run_lock.still_held(self.connection, self.table):
                raise LockLostError


@contextlib.contextmanager
def locked_session(
    connection: sa.Connection, target: Target, table: VersionTable, options: RunOptions, run_state: RunState
) -> Iterator[RunSession]:
    """Hold the run lock of this version table for the block: on the connection that works, or on another one
    behind a pooler.

    Raises AlreadyRunningError, and RefusedError for a server that is not to be migrated.
    """
    if target.url.backend != "postgresql":
        folder = Path(target.url.database or ".").absolute().parent
        with run_lock.held_on_folder(
            folder, wait_s=options.lock_wait_s, emit=run_state.emit, check_stop=run_state.check_stop
        ):
            yield RunSession(connection=connection, table=table)
        return
    with run_state.asking():
        facts = server.read_facts(connection)
    preflight.check_server(facts, target, options)
    # Behind a pooler the process changes with each transaction: another's could be cancelled.
    run_state.backend_pid = None if options.allow_pooler else facts.pid
    if not options.allow_pooler:
        _settle_session(connection)
        _take(connection, table, options, run_state)
        psycopg2_connection(connection).may_prepare = not facts.behind_pooler
        yield RunSession(connection=connection, table=table, facts=facts)
        return
    with connect(target) as lock_connection, lock_connection.begin():
        _take(lock_connection, table, options, run_state, for_transaction=True)
        yield RunSession(connection=connection, table=table, facts=facts, lock_connection=lock_connection)


def _take(
    connection: sa.Connection,
    table: VersionTable,
    options: RunOptions,
    run_state: RunState,
    *,
    for_transaction: bool = False,
) -> None:
    run_lock.take(
        connection,
        table,
        wait_s=options.lock_wait_s,
        emit=run_state.emit,
        check_stop=run_state.check_stop,
        asking=run_state.asking,
        for_transaction=for_transaction,
    )


def durable_commit(synchronous_commit: str) -> str:
    """Return the ``synchronous_commit`` to work with where the session has this one.

    What is reported as applied has to survive a crash of the server. All values but ``off`` wait for its
    disk; how many standbys they wait for is the administrator's to say.
    """
    return "on" if synchronous_commit == "off" else synchronous_commit


def _settle_session(connection: sa.Connection) -> None:
    """Set what holds for the whole session; not behind a pooler, where others would inherit it."""
    lift_for_session(psycopg2_connection(connection))
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT current_setting('synchronous_commit')")
        ((given,),) = cursor.fetchall()
        if durable_commit(given) != given:
            cursor.execute("SELECT set_config('synchronous_commit', %s, false)", [durable_commit(given)])
        connection.connection.commit()
    # PostgreSQL 14 and newer have the setting, and refuse it on systems that cannot do it.
    with contextlib.suppress(psycopg2.Error), own_cursor(connection) as cursor:
        cursor.execute(
            "SELECT set_config('client_connection_check_interval', %s, false)", [CONNECTION_CHECK_INTERVAL]
        )
        connection.connection.commit()
