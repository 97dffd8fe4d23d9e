"""Watching a statement that runs outside a transaction, whose locks are gone when it ends.

``CREATE INDEX CONCURRENTLY``, ``VACUUM`` and their like commit by themselves, and on tables without rows
they are over before anyone can look. So they are stopped: before each write to ``pg_class`` the statement
waits for a lock that another session, a gate, holds on that catalog, and meanwhile its own locks are read
from ``pg_locks``. Two gates take turns: the next one queues behind the statement before the present one
opens, so that it gets the lock as soon as the statement gives it back. The first gate also stops the first
write to ``pg_index`` and ``pg_inherits``.

Nobody waits long. A gate that queues gives up before the server checks for deadlocks (after a second), a
gate holds nothing that a statement waits for but the catalogs, and all of it ends after ``LIMIT_S``: the
statement then runs on, unwatched.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psycopg2.extensions

from agent_factory.migrate.db.own import own
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.trace.relations import FIRST_USER_OID

_Result = TypeVar("_Result")

LIMIT_S = 2.0
_QUEUE_LIMIT_MS = 200
_PAUSE_S = 0.0003

_FIRST_GATE = "LOCK TABLE pg_catalog.pg_class, pg_catalog.pg_index, pg_catalog.pg_inherits IN SHARE MODE"
_NEXT_GATE = "LOCK TABLE pg_catalog.pg_class IN SHARE MODE"

# Of an index that is being dropped CONCURRENTLY nobody makes use any more when its lock gets stronger.
_LOCKS = """
SELECT l.relation, l.mode
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = l.relation
WHERE l.pid = %s AND l.locktype = 'relation' AND l.relation >= %s
  AND l.mode <> 'SIReadLock' AND coalesce(i.indislive, true)
"""

_WAITS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE pid = %s AND NOT granted AND relation IN
    ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_index'::regclass, 'pg_catalog.pg_inherits'::regclass))
"""


class CatalogLockGates:
    """Three sessions on the database of the one that is watched: two gates, one that reads ``pg_locks``."""

    def __init__(self, watched: psycopg2.extensions.connection) -> None:
        """Open them with the parameters of the psycopg2 connection ``watched``. Raises psycopg2.Error."""
        parameters: dict[str, Any] = {**watched.info.dsn_parameters, "password": watched.info.password or ""}
        self._sessions: list[psycopg2.extensions.connection] = []
        try:
            for _number in range(3):
                with own():
                    self._sessions.append(psycopg2.connect(**parameters))
            *self._gates, self._watcher = self._sessions
            self._watcher.autocommit = True
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def watch(self, pid: int, run: Callable[[], _Result]) -> tuple[_Result, dict[int, frozenset[LockMode]]]:
        """Call ``run``, which sends one statement over the session ``pid``; return its result and the locks.

        They are by the relation's oid. None are seen of a statement that does not write to these catalogs,
        or when the role of the gates may not lock them: it takes a superuser. Raises what ``run`` does.
        """
        seen: dict[int, set[LockMode]] = {}
        is_done = threading.Event()
        try:
            self._lock(self._gates[0], _FIRST_GATE)
        except psycopg2.Error:
            self._open()
            return run(), {}
        watching = threading.Thread(target=self._take_turns, args=(pid, is_done, seen), daemon=True)
        watching.start()
        try:
            result = run()
        finally:
            is_done.set()
            watching.join()
            self._open()
        return result, {oid: frozenset(modes) for oid, modes in seen.items()}

    def _take_turns(self, pid: int, is_done: threading.Event, seen: dict[int, set[LockMode]]) -> None:
        """Stop the statement again and again until it is done, or for as long as it may take."""
        deadline = time.monotonic() + LIMIT_S
        closed, other = self._gates
        try:
            while not is_done.is_set() and time.monotonic() < deadline:
                if not self._waits(pid):
                    time.sleep(_PAUSE_S)
                    continue
                for oid, mode in self._locks(pid):
                    seen.setdefault(oid, set()).add(mode)
                queueing = threading.Thread(target=self._queue, args=(other,), daemon=True)
                queueing.start()
                while queueing.is_alive() and not self._waits(other.info.backend_pid):
                    time.sleep(_PAUSE_S)
                closed.rollback()
                queueing.join()
                closed, other = other, closed
        except psycopg2.Error:  # a lost session: the statement is what counts, and it is not ours
            return
        finally:
            self._open()

    def _queue(self, gate: psycopg2.extensions.connection) -> None:
        try:
            self._lock(gate, _NEXT_GATE)
        except psycopg2.Error:
            gate.rollback()

    def _lock(self, gate: psycopg2.extensions.connection, statement: str) -> None:
        with gate.cursor() as cursor:
            # The last one is for the case that this process is stopped while the gate is closed.
            cursor.execute(
                f"SET LOCAL lock_timeout = {_QUEUE_LIMIT_MS};"
                f"SET LOCAL idle_in_transaction_session_timeout = {LIMIT_S * 2000:.0f}; {statement}"
            )

    def _open(self) -> None:
        for gate in self._gates:
            if not gate.closed:
                gate.rollback()

    def _waits(self, pid: int) -> bool:
        with self._watcher.cursor() as cursor:
            cursor.execute(_WAITS, [pid])
            ((waits,),) = cursor.fetchall()
            return bool(waits)

    def _locks(self, pid: int) -> Iterable[tuple[int, LockMode]]:
        with self._watcher.cursor() as cursor:
            cursor.execute(_LOCKS, [pid, FIRST_USER_OID])
            return [(oid, LockMode.from_pg_locks(mode)) for oid, mode in cursor.fetchall()]
