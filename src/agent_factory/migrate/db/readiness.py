"""What stands in a run's way on a PostgreSQL right now: SELECT only, from statistics and the catalog.

A role that may not see others' sessions sees less, and the result says so.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import fetch_named, own_cursor
from agent_factory.migrate.db.driver import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTransaction:
    """A transaction of another session; ``table`` is one of those asked about that it has a lock on."""

    pid: int
    user: str | None
    application: str | None
    age_s: float
    table: str | None

    def __str__(self) -> str:
        who = f"pid {self.pid}, user {self.user}"
        return f"{who}, application {self.application}" if self.application else who


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What others do. ``longest`` is their oldest transaction, ``on_tables`` the oldest of those that have a
    lock on a table asked about; ``waiting`` counts who waits for a lock there. ``sees_all`` is False where
    this role sees the transactions of its own sessions only.
    """

    sessions: int
    active: int
    longest: OpenTransaction | None
    on_tables: OpenTransaction | None
    waiting: int
    sees_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """``lag_s`` and ``lag_bytes`` say how far its replay is; None where this role may not know."""

    name: str
    lag_s: float | None
    lag_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A replication slot. ``retained_bytes`` is the WAL that it keeps, ``wal_status`` the server's word."""

    name: str
    is_active: bool
    retained_bytes: int | None
    wal_status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left of what a run needs. ``connections_left`` counts those that this role may still open;
    ``xid_age`` is the age of the database's oldest transaction id, in transactions."""

    connections_left: int
    xid_age: int
    standbys: tuple[Standby, ...]
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingRight:
    """What this role may not do: ``owner`` is who may. ``may_switch``: it may become that role."""

    what: str
    owner: str
    may_switch: bool


# The type of a session that may not be seen is null, and so are its state and its transaction.
_ACTIVITY = """
WITH held AS (
    SELECT DISTINCT ON (l.pid) l.pid, asked.name
    FROM pg_locks l JOIN unnest(%(tables)s::text[]) AS asked (name) ON l.relation = to_regclass(asked.name)
    WHERE l.locktype = 'relation' AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY l.pid, asked.name)
SELECT o.pid, o.usename::text AS user, nullif(o.application_name, '') AS application,
       extract(epoch FROM clock_timestamp() - o.xact_start)::float8 AS age_s, held.name AS table,
       coalesce(o.state = 'active', false) AS is_active
FROM pg_stat_activity o LEFT JOIN held USING (pid)
WHERE o.datname = current_database() AND coalesce(o.backend_type, 'client backend') = 'client backend'
  AND o.pid <> pg_backend_pid()
ORDER BY o.xact_start NULLS LAST, o.pid
"""

_WAITING = """
SELECT count(DISTINCT l.pid)
FROM pg_locks l JOIN unnest(%(tables)s::text[]) AS asked (name) ON l.relation = to_regclass(asked.name)
WHERE NOT l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_WRITES = """
SELECT asked.name, s.n_tup_ins + s.n_tup_upd + s.n_tup_del
FROM pg_stat_all_tables s JOIN unnest(%(tables)s::text[]) AS asked (name) ON s.relid = to_regclass(asked.name)
"""

_SEES_ALL = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"

_ROOM = """
WITH client AS (
    SELECT datid, usesysid FROM pg_stat_activity
    WHERE coalesce(backend_type, 'client backend') = 'client backend' AND datid IS NOT NULL)
SELECT least(
    current_setting('max_connections')::int - (SELECT count(*) FROM client)
        - CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
               + coalesce(current_setting('reserved_connections', true), '0')::int END,
    CASE WHEN d.datconnlimit >= 0
         THEN d.datconnlimit - (SELECT count(*) FROM client WHERE datid = d.oid) END,
    CASE WHEN r.rolconnlimit >= 0
         THEN r.rolconnlimit - (SELECT count(*) FROM client WHERE usesysid = r.oid) END
    )::int AS connections_left,
    age(d.datfrozenxid)::int8 AS xid_age
FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = session_user
"""

_STANDBYS = """
SELECT coalesce(nullif(application_name, ''), host(client_addr), pid::text) AS name,
       extract(epoch FROM replay_lag)::float8 AS lag_s,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                            ELSE pg_current_wal_lsn() END, replay_lsn)::int8 AS lag_bytes
FROM pg_stat_replication ORDER BY 1
"""

_SLOTS = """
SELECT slot_name::text AS name, active AS is_active, wal_status,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                            ELSE pg_current_wal_lsn() END, restart_lsn)::int8 AS retained_bytes
FROM pg_replication_slots WHERE NOT temporary ORDER BY 1
"""

_NOT_OWNED = """
SELECT asked.name AS what, pg_get_userbyid(c.relowner)::text AS owner,
       pg_has_role(current_user, c.relowner, 'MEMBER') AS may_switch
FROM pg_class c JOIN unnest(%(tables)s::text[]) AS asked (name) ON c.oid = to_regclass(asked.name)
WHERE NOT pg_has_role(current_user, c.relowner, 'USAGE') ORDER BY 1
"""

_MAY_NOT_CREATE = """
SELECT 'schema ' || asked.name AS what, pg_get_userbyid(n.nspowner)::text AS owner,
       pg_has_role(current_user, n.nspowner, 'MEMBER') AS may_switch
FROM pg_namespace n JOIN unnest(%(schemas)s::text[]) AS asked (name) ON n.oid = to_regnamespace(asked.name)
WHERE NOT has_schema_privilege(n.oid, 'CREATE') ORDER BY 1
"""


def read_activity(connection: sa.Connection, tables: Collection[str]) -> Activity:
    """Return what others do in the database, and on these tables, named as SQL names them."""
    asked = {"tables": list(tables)}
    ((waiting,),) = _values(connection, _WAITING, asked)
    rows = fetch_named(connection, _ACTIVITY, asked)
    is_active = [bool(row.pop("is_active")) for row in rows]
    open_ones = [OpenTransaction(**row) for row in rows if row["age_s"] is not None]
    return Activity(
        sessions=len(rows),
        active=sum(is_active),
        longest=open_ones[0] if open_ones else None,
        on_tables=next((one for one in open_ones if one.table is not None), None),
        waiting=waiting,
        sees_all=sees_all(connection),
    )


def read_writes(connection: sa.Connection, tables: Collection[str]) -> dict[str, int]:
    """Return how many rows were written to these tables so far, by their names."""
    return dict(_values(connection, _WRITES, {"tables": list(tables)}))


def sees_all(connection: sa.Connection) -> bool:
    """Say whether this role may see what the sessions of others do."""
    ((sees,),) = _values(connection, _SEES_ALL)
    return bool(sees)


def read_room(connection: sa.Connection) -> Room:
    """Return what is left of connections and transaction ids, and how far those are who follow."""
    (row,) = fetch_named(connection, _ROOM)
    standbys = fetch_named(connection, _STANDBYS)
    return Room(
        standbys=tuple(Standby(**standby) for standby in standbys),
        slots=tuple(Slot(**slot) for slot in fetch_named(connection, _SLOTS)),
        **row,
    )


def read_lacking_rights(
    connection: sa.Connection, changed: Collection[str], schemas: Collection[str]
) -> tuple[LackingRight, ...]:
    """Return which of these tables this role may not change, and in which schemas it may make nothing."""
    return (
        *(LackingRight(**row) for row in fetch_named(connection, _NOT_OWNED, {"tables": list(changed)})),
        *(
            LackingRight(**row)
            for row in fetch_named(connection, _MAY_NOT_CREATE, {"schemas": list(schemas)})
        ),
    )


def read_local_time(connection: sa.Connection, zone: str) -> str | None:
    """Return the server's time of day in this zone, as ``14:05``; None where it knows no such zone."""
    query = "SELECT to_char(clock_timestamp() AT TIME ZONE %(zone)s, 'HH24:MI')"
    try:
        ((text,),) = _values(connection, query, {"zone": zone})
    except psycopg2.errors.InvalidParameterValue:
        connection.rollback()
        return None
    return str(text)


def read_seconds_until(connection: sa.Connection, time: str, zone: str | None) -> float | None:
    """Return the seconds from now to this time of the same day in this zone, or in the session's; negative
    for one that is past. None where the server knows no such zone."""
    query = """
    SELECT extract(epoch FROM date_trunc('day', now.here) + %(time)s::interval - now.here)::float8
    FROM (SELECT clock_timestamp() AT TIME ZONE coalesce(%(zone)s, current_setting('TimeZone'))) AS now (here)
    """
    try:
        ((seconds,),) = _values(connection, query, {"time": time, "zone": zone})
    except psycopg2.errors.InvalidParameterValue:
        connection.rollback()
        return None
    return float(seconds)


def _values(connection: sa.Connection, query: str, values: Values | None = None) -> Sequence[tuple[Any, ...]]:
    with own_cursor(connection) as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
