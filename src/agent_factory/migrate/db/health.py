"""How a PostgreSQL is doing right now, as a person asks pg_stat_activity and pg_locks: SELECT only, cheap.

A role without pg_monitor sees less of others' sessions: what it may not see is None, and ``sees_all`` says
so. Standbys, slots, transaction ids and connections left are ``readiness.read_room``'s.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate.db.cursors import fetch_named
from agent_factory.migrate.db.readiness import Room, read_room, sees_all
from agent_factory.migrate.model.session import Session

LONGEST = 5
"""How many open transactions are named."""
WAITING = 20
"""How many waiting sessions are named; who blocks one is asked one by one, and takes every lock table."""
HIDDEN = "not known"
"""The state of a session that this role may not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCount:
    """How many other sessions of the database are in this state, as PostgreSQL calls it, or HIDDEN."""

    state: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaiter:
    """A session that waits for a lock. ``table`` is what the lock is on, None where it is no table of this
    database; ``blockers`` are who has the lock, or is before it in the queue."""

    session: Session
    table: str | None
    mode: str
    waited_s: float | None
    blockers: tuple[Session, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the database has counted since its statistics began, at ``at_s`` by the server's clock.

    A session adds its own about once a second, so two that are less than some seconds apart tell little.
    """

    at_s: float
    commits: int
    rollbacks: int
    deadlocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Per second, between two counts."""

    commits: float
    rollbacks: float
    deadlocks: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandProgress:
    """A command that PostgreSQL reports the progress of. ``percent`` is None where a phase has none."""

    pid: int
    command: str
    table: str | None
    phase: str
    percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTimes:
    """What pg_stat_statements has of one statement of this database, over all roles."""

    calls: int
    total_ms: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All of it at one moment. ``runs`` are the sessions in which af-db runs revisions; ``rates`` is None
    where nothing was counted before. ``sees_all``: this role may see what others do."""

    at_s: float
    sees_all: bool
    sessions: tuple[SessionCount, ...]
    runs: tuple[Session, ...]
    longest: tuple[Session, ...]
    waits: tuple[LockWaiter, ...]
    progress: tuple[CommandProgress, ...]
    counters: Counters
    room: Room
    rates: Rates | None = None

    @property
    def lag_s(self) -> float | None:
        """How far the standby is that is furthest behind; None where there is none, or it may not be seen."""
        return max(
            (one.lag_s or 0.0 for one in self.room.standbys if one.lag_bytes is not None), default=None
        )


_OTHERS = """
FROM pg_stat_activity
WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
  AND coalesce(backend_type, 'client backend') = 'client backend'
"""
"""The type of a session that may not be seen is null; those of the server's own are in no database, but for
workers, which nobody tells from a client then."""

_COUNTS = f"""
SELECT coalesce(state, %(hidden)s) AS state, count(*)::int AS count {_OTHERS}
GROUP BY 1 ORDER BY 1
"""

_SESSION = """
SELECT pid, usename::text AS user,
       coalesce(host(client_addr), CASE WHEN state IS NOT NULL THEN 'local socket' END) AS host,
       application_name AS application, state, backend_start AS since,
       extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction_age_s,
       CASE WHEN state IS NOT NULL THEN left(query, 200) END AS query
"""

_LONGEST = _SESSION + _OTHERS + "AND xact_start IS NOT NULL ORDER BY xact_start, pid LIMIT %(limit)s"

_RUNS = _SESSION + _OTHERS + "AND application_name LIKE 'af-db/%%' ORDER BY backend_start, pid"

_WAITING = """
SELECT l.pid, l.mode, CASE WHEN d.datname IS NOT NULL THEN c.oid::regclass::text END AS table,
       extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS waited_s,
       pg_blocking_pids(l.pid) AS blocked_by
FROM (SELECT DISTINCT ON (pid) * FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()
      ORDER BY pid LIMIT %(limit)s) l
LEFT JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
LEFT JOIN pg_class c ON c.oid = l.relation
WHERE d.datname IS NOT NULL
   OR l.pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())
ORDER BY waited_s DESC NULLS LAST, l.pid
"""
"""A wait for another's row is one for its transaction, which is in no database."""

_BY_PID = _SESSION + "FROM pg_stat_activity WHERE pid = ANY (%(pids)s)"

_COUNTERS = """
SELECT extract(epoch FROM clock_timestamp())::float8 AS at_s, xact_commit AS commits,
       xact_rollback AS rollbacks, deadlocks
FROM pg_stat_database WHERE datname = current_database()
"""

_PROGRESS = """
SELECT pid, command, relid::regclass::text AS table, phase,
       (100.0 * done / nullif(total, 0))::float8 AS percent
FROM (
    SELECT pid, command, datid, relid, phase,
           CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END AS done,
           CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END AS total
    FROM pg_stat_progress_create_index
    UNION ALL SELECT pid, command, datid, relid, phase, heap_blks_scanned, heap_blks_total
    FROM pg_stat_progress_cluster
    UNION ALL SELECT pid, 'VACUUM', datid, relid, phase, heap_blks_scanned, heap_blks_total
    FROM pg_stat_progress_vacuum
    UNION ALL SELECT pid, 'ANALYZE', datid, relid, phase, sample_blks_scanned, sample_blks_total
    FROM pg_stat_progress_analyze
    UNION ALL SELECT pid, command, datid, relid, type, bytes_processed, bytes_total
    FROM pg_stat_progress_copy) p
WHERE p.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY pid
"""

_STATEMENTS_VIEW = """
SELECT format('%I.pg_stat_statements', n.nspname) AS view
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements' AND has_schema_privilege(n.oid, 'USAGE')
  AND current_setting('pg_stat_statements.max', true) IS NOT NULL
"""
"""Where the library is not loaded, the view is there and fails."""


def count_sessions(connection: sa.Connection) -> tuple[SessionCount, ...]:
    """Return how many other sessions of the database there are, by state."""
    return tuple(SessionCount(**row) for row in fetch_named(connection, _COUNTS, {"hidden": HIDDEN}))


def longest_transactions(connection: sa.Connection, limit: int = LONGEST) -> tuple[Session, ...]:
    """Return who has the oldest open transactions of the database, the oldest first."""
    return tuple(Session(**row) for row in fetch_named(connection, _LONGEST, {"limit": limit}))


def find_runs(connection: sa.Connection) -> tuple[Session, ...]:
    """Return the sessions of the database in which af-db runs revisions, by the name that it gives them."""
    return tuple(Session(**row) for row in fetch_named(connection, _RUNS, {}))


def read_waits(connection: sa.Connection) -> tuple[LockWaiter, ...]:
    """Return the sessions of the database that wait for a lock, the longest wait first."""
    found = fetch_named(connection, _WAITING, {"limit": WAITING})
    if not found:
        return ()
    pids = {row["pid"] for row in found}.union(*(row["blocked_by"] for row in found))
    sessions = {row["pid"]: Session(**row) for row in fetch_named(connection, _BY_PID, {"pids": list(pids)})}
    return tuple(
        LockWaiter(
            session=sessions[row["pid"]],
            table=row["table"],
            mode=row["mode"],
            waited_s=row["waited_s"],
            blockers=tuple(sessions.get(pid) or _unseen(pid) for pid in dict.fromkeys(row["blocked_by"])),
        )
        for row in found
        if row["pid"] in sessions  # it may have ended between the two questions
    )


def read_counters(connection: sa.Connection) -> Counters:
    """Return the commits, rollbacks and deadlocks of the database so far."""
    (row,) = fetch_named(connection, _COUNTERS)
    return Counters(**row)


def rates_between(earlier: Counters, later: Counters, *, own_rollbacks: int = 0) -> Rates | None:
    """Return what was counted per second, without these rollbacks; None where the statistics began again, or
    no time has gone by."""
    seconds = later.at_s - earlier.at_s
    if seconds <= 0 or later.commits < earlier.commits or later.rollbacks < earlier.rollbacks:
        return None
    return Rates(
        commits=(later.commits - earlier.commits) / seconds,
        rollbacks=max(0, later.rollbacks - earlier.rollbacks - own_rollbacks) / seconds,
        deadlocks=max(0, later.deadlocks - earlier.deadlocks) / seconds,
    )


def read_progress(connection: sa.Connection) -> tuple[CommandProgress, ...]:
    """Return the long commands that run in the database, and how far each is."""
    return tuple(CommandProgress(**row) for row in fetch_named(connection, _PROGRESS))


def read_statements(connection: sa.Connection) -> dict[int, StatementTimes] | None:
    """Return the times of the database's statements by their ids; None where pg_stat_statements is not there.

    This role's own statements alone have a text where it may not see those of others.
    """
    view = fetch_named(connection, _STATEMENTS_VIEW)
    if not view:
        return None
    rows = fetch_named(
        connection,
        f"""SELECT queryid, sum(calls)::int8 AS calls, sum(total_exec_time)::float8 AS total_ms,
                   left(min(query), 200) AS text
            FROM {view[0]["view"]}
            WHERE queryid IS NOT NULL
              AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            GROUP BY queryid""",  # noqa: S608 - a name as PostgreSQL quotes it
    )
    return {row.pop("queryid"): StatementTimes(**row) for row in rows}


def read_health(connection: sa.Connection, *, room: Room | None = None) -> Health:
    """Return all of this, but for rates: in one transaction, so that it is of one moment, which commits: a
    rollback would count as one of the database's. ``room`` is what was read of it a moment ago."""
    with connection.begin():
        counters = read_counters(connection)
        return Health(
            at_s=counters.at_s,
            sees_all=sees_all(connection),
            sessions=count_sessions(connection),
            runs=find_runs(connection),
            longest=longest_transactions(connection),
            waits=read_waits(connection),
            progress=read_progress(connection),
            counters=counters,
            room=room or read_room(connection),
        )


def _unseen(pid: int) -> Session:
    """Return what is known of a blocker that is no session any more, or none at all: pid 0."""
    state = "ended" if pid else "prepared transaction"
    return Session(
        pid=pid,
        user=None,
        host=None,
        application=None,
        state=state,
        since=None,
        transaction_age_s=None,
        query=None,
    )
