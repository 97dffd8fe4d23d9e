"""What a statement does to tables with rows, seen by another session and by the server's own counts."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2

from tests.integration.trace.forms import ROWS

LOOK_S = 0.1
"""How long a statement is kept waiting: enough to get there, and to be looked at."""

STRENGTH = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"),
    *("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)

# An index's lock is its table's, and so is that of a sequence that a column owns. What the statement makes
# is not committed, so the observer does not see it.
_LOCKS = """
SELECT coalesce(i.indrelid, d.refobjid, c.oid)::regclass::text, l.mode
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.objid = c.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
WHERE l.pid = %s AND l.locktype = 'relation' AND c.oid >= 16384 AND c.relnamespace <> 'pg_toast'::regnamespace
  AND coalesce(i.indislive, true)
"""

_FILES = """
SELECT oid::regclass::text, relfilenode, pg_relation_size(oid) FROM pg_class
WHERE oid >= 16384 AND relkind IN ('r', 'm') AND relpersistence <> 't'
"""

# Rows that were read from a table or by one of its indexes.
_READ = """
SELECT t.oid::regclass::text,
       pg_stat_get_{0}tuples_returned(t.oid)
       + coalesce((SELECT sum(pg_stat_get_{0}tuples_returned(indexrelid)) FROM pg_index
                   WHERE indrelid = t.oid), 0)
FROM pg_class t WHERE t.oid >= 16384 AND t.relkind IN ('r', 'm')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Per table: the strongest lock as SQL has it, and whether it was written anew, read from end to end."""

    locks: dict[str, str]
    rewritten: frozenset[str]
    scanned: frozenset[str]

    def __str__(self) -> str:
        return "; ".join(sorted(self._lines()))

    def _lines(self) -> Iterator[str]:
        for table, lock in self.locks.items():
            marks = (("rewrite", self.rewritten), ("scan", self.scanned))
            yield f"{table}: " + ", ".join([lock, *(word for word, tables in marks if table in tables)])


def observe_inside(url: str, statement: str) -> Seen:
    """Run a statement in a transaction, look at it before it ends, and roll it back."""
    with _session(url) as worker, _session(url) as observer:
        observer.connection.autocommit = True
        # Other processes would do part of the work, with locks and counts of their own.
        worker.execute("SET LOCAL max_parallel_maintenance_workers = 0; SET LOCAL max_parallel_workers = 0")
        files, reads = _files(worker), _reads(worker, "xact_")
        worker.execute(statement)
        observer.execute(_LOCKS, [worker.connection.info.backend_pid])
        locks = observer.fetchall()
        return _seen(locks, files, _files(worker), reads, _reads(worker, "xact_"))


def observe_outside(url: str, statement: str, held_up_by: Sequence[str]) -> Seen:
    """Run a statement outside a transaction while other sessions hold these locks, and look all the time.

    They keep it waiting, and give way one after the other.
    """
    with contextlib.ExitStack() as stack:
        worker, observer, *others = (stack.enter_context(_session(url)) for _ in range(2 + len(held_up_by)))
        worker.connection.autocommit = observer.connection.autocommit = True
        worker.execute("SET max_parallel_maintenance_workers = 0")
        files, reads = _files(observer), _sent_reads(worker)
        for other, lock in zip(others, held_up_by, strict=True):
            other.execute(lock)
        running = threading.Thread(target=worker.execute, args=(statement,))
        running.start()
        locks: set[tuple[str, str]] = set()
        for other in (*others, None):
            give_way_at = time.monotonic() + LOOK_S
            while running.is_alive() and (other is None or time.monotonic() < give_way_at):
                observer.execute(_LOCKS, [worker.connection.info.backend_pid])
                locks.update(observer.fetchall())
            if other is not None:
                other.connection.rollback()
        running.join()
        return _seen(sorted(locks), files, _files(observer), reads, _sent_reads(worker))


def _seen(
    locks: list[tuple[str, str]],
    files: dict[str, tuple[int, int]],
    files_after: dict[str, tuple[int, int]],
    reads: dict[str, int],
    reads_after: dict[str, int],
) -> Seen:
    strongest: dict[str, str] = {}
    for table, mode in locks:
        strongest[table] = max(strongest.get(table, mode), mode, key=STRENGTH.index)
    rewritten = {
        table
        for table, (node, _size) in files.items()
        # After TRUNCATE there is another file, and nothing in it.
        if table in files_after and files_after[table][0] != node and files_after[table][1] > 0
    }
    scanned = {table for table, before in reads.items() if reads_after.get(table, 0) - before >= ROWS}
    return Seen(
        locks={table: _sql(mode) for table, mode in strongest.items()},
        rewritten=frozenset(rewritten),
        scanned=frozenset(scanned | rewritten),
    )


def _sql(mode: str) -> str:
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    return words.strip().upper()


def _files(cursor: Any) -> dict[str, tuple[int, int]]:
    cursor.execute(_FILES)
    return {table: (node, size) for table, node, size in cursor.fetchall()}


def _reads(cursor: Any, which: str) -> dict[str, int]:
    cursor.execute(_READ.format(which))
    return {table: int(rows) for table, rows in cursor.fetchall()}


def _sent_reads(cursor: Any) -> dict[str, int]:
    cursor.execute("SELECT pg_stat_force_next_flush()")
    return _reads(cursor, "")


@contextlib.contextmanager
def _session(url: str) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        yield cursor
