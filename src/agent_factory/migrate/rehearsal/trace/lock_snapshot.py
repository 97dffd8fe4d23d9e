"""What the running transaction has left so far: its locks, and how often it scanned and wrote tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_factory.migrate.db.driver import Cursor
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.trace.prepared import Prepared
from agent_factory.migrate.rehearsal.trace.relations import ENUM_MARK, FIRST_USER_OID, MARK

_STRONG = ", ".join(f"'{mode.pg_locks}'" for mode in LockMode if mode >= LockMode.SHARE_UPDATE_EXCLUSIVE)

# Joined to one row, so that there is one when nothing is locked. SIReadLock is no lock: a serializable
# transaction remembers with it what it has read.
_LOCKS = f"""
WITH held AS MATERIALIZED (
    SELECT relation AS oid, pg_catalog.array_agg(DISTINCT mode) AS modes,
           bool_or(mode IN ({_STRONG})) AS is_strong
    FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND relation >= {FIRST_USER_OID}
      AND mode <> 'SIReadLock'
    GROUP BY relation
)
SELECT held.oid, held.modes,
       pg_catalog.pg_stat_get_xact_numscans(held.oid),
       pg_catalog.pg_stat_get_xact_tuples_inserted(held.oid)
       + pg_catalog.pg_stat_get_xact_tuples_updated(held.oid)
       + pg_catalog.pg_stat_get_xact_tuples_deleted(held.oid),
       {{}}
FROM (SELECT 1) one LEFT JOIN held ON true
"""  # noqa: S608 - of constants

# Marks only where a lock is strong enough to change the relation.
_MARKS = f"""
       CASE WHEN held.is_strong
            THEN (SELECT {MARK} FROM pg_catalog.pg_class c WHERE c.oid = held.oid) END,
       {ENUM_MARK}
"""  # noqa: S608 - of constants

# Two queries and not one with a parameter, which the server would plan for each of its values every time.
LOCKS_AND_MARKS = Prepared(name="af_db_trace_locks_and_marks", sql=_LOCKS.format(_MARKS))
LOCKS = Prepared(name="af_db_trace_locks", sql=_LOCKS.format("NULL, NULL"))

_COUNTS = """
SELECT oid, pg_catalog.pg_stat_get_{0}numscans(oid),
       pg_catalog.pg_stat_get_{0}tuples_inserted(oid) + pg_catalog.pg_stat_get_{0}tuples_updated(oid)
       + pg_catalog.pg_stat_get_{0}tuples_deleted(oid)
FROM pg_catalog.pg_class WHERE oid >= %s AND relkind IN ('r', 'm', 'i')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often a relation was scanned, and how many of its rows were written."""

    scans: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSnapshot:
    """What a transaction holds at one moment, by the oid of a relation.

    ``marks`` are only of those that are locked strongly enough to be changed.

    A mark is None for a relation that is gone.
    """

    locks: Mapping[int, frozenset[LockMode]] = field(default_factory=dict)
    counts: Mapping[int, Counts] = field(default_factory=dict)
    marks: Mapping[int, str | None] = field(default_factory=dict)
    enum_mark: str | None = None


def read_lock_snapshot(cursor: Cursor, *, with_marks: bool = True) -> LockSnapshot:
    """Return what the cursor's transaction holds. No relation of a user is locked by this."""
    cursor.execute((LOCKS_AND_MARKS if with_marks else LOCKS).execute)
    rows = cursor.fetchall()
    locked = [row for row in rows if row[0] is not None]
    strong = {mode for mode in LockMode if mode >= LockMode.SHARE_UPDATE_EXCLUSIVE}
    locks = {oid: frozenset(map(LockMode.from_pg_locks, modes)) for oid, modes, *_ in locked}
    return LockSnapshot(
        locks=locks,
        counts={oid: Counts(scans=scans, writes=writes) for oid, _, scans, writes, *_ in locked},
        marks={oid: mark for oid, *_, mark, _ in locked if with_marks and locks[oid] & strong},
        enum_mark=rows[0][-1],
    )


def read_counts(cursor: Cursor) -> dict[int, Counts]:
    """Return this session's counts of every relation, whether it is locked or not."""
    return _read_counts(cursor, "xact_")


def send_counts(cursor: Cursor) -> None:
    """Have the server begin the next transaction's counts at zero (PostgreSQL 15 and later).

    A session sends its counts to the shared statistics at most once a second, when it is idle; until then
    those of earlier transactions are among the ones that it reads. The cursor is in autocommit.
    """
    cursor.execute("SELECT pg_catalog.pg_stat_force_next_flush()")


def read_sent_counts(cursor: Cursor) -> dict[int, Counts]:
    """Return the shared counts of every relation. The cursor is in autocommit."""
    send_counts(cursor)
    return _read_counts(cursor, "")


def _read_counts(cursor: Cursor, which: str) -> dict[int, Counts]:
    cursor.execute(_COUNTS.format(which), [FIRST_USER_OID])
    return {
        oid: Counts(scans=scans, writes=writes) for oid, scans, writes in cursor.fetchall() if scans or writes
    }
