"""Facts read from a PostgreSQL connection: SELECT and SHOW only."""

from dataclasses import dataclass

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import fetch_named
from agent_factory.migrate.db.driver import Values, psycopg2_connection
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.model.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Who and where we are. ``pid`` is the process that runs our queries; ``told_pid`` is the one that
    the connection got when it was made. They differ when a pooler stands between. ``statement_timeout_ms`` is
    what sessions begin with, 0 for no limit."""

    pid: int
    told_pid: int
    version: int
    role: str
    is_superuser: bool
    in_recovery: bool
    is_read_only: bool
    statement_timeout_ms: int

    @property
    def behind_pooler(self) -> bool:
        return self.pid != self.told_pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that PostgreSQL keeps up to date and does not use: a failed concurrent build left it."""

    schema: str
    name: str
    table: str
    builder_pid: int | None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql_name(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def drop_command(self) -> str:
        return f"DROP INDEX CONCURRENTLY {self.sql_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A constraint that old rows may break. ``of`` is its table or domain; names are as SQL needs them."""

    of: str
    name: str
    definition: str
    validate_command: str


_FACTS = """
SELECT pg_backend_pid() AS pid,
       current_setting('server_version_num')::int AS version,
       current_user AS role,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
       pg_is_in_recovery() AS in_recovery,
       current_setting('default_transaction_read_only') = 'on' AS is_read_only,
       (SELECT reset_val::int FROM pg_settings WHERE name = 'statement_timeout') AS statement_timeout_ms
"""

_SYSTEM_IDENTIFIER = "SELECT system_identifier::text FROM pg_control_system()"

_SESSION = """
SELECT pid, usename AS user, coalesce(host(client_addr), 'local socket') AS host,
       application_name AS application, state, backend_start AS since,
       extract(epoch FROM clock_timestamp() - xact_start)::float8 AS transaction_age_s,
       left(query, 200) AS query
FROM pg_stat_activity
"""

_WAITING_ALIKE = """
WHERE (usename, coalesce(client_addr, '0.0.0.0')) =
      (SELECT usename, coalesce(client_addr, '0.0.0.0') FROM pg_stat_activity WHERE pid = %(pid)s)
  AND pid IN (
    WITH RECURSIVE
      waiting AS MATERIALIZED (
        SELECT pid, pg_blocking_pids(pid) AS by FROM (SELECT DISTINCT pid FROM pg_locks WHERE NOT granted) w),
      behind AS (
        SELECT pid FROM waiting WHERE %(pid)s = ANY (by)
        UNION SELECT waiting.pid FROM waiting JOIN behind ON behind.pid = ANY (waiting.by))
    SELECT pid FROM behind)
ORDER BY pid
"""

_INVALID_INDEXES = """
SELECT n.nspname AS schema, c.relname AS name, i.indrelid::regclass::text AS table, p.pid AS builder_pid
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_progress_create_index p
       ON p.index_relid = i.indexrelid AND p.datname = current_database()
WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i'
ORDER BY 1, 2
"""

_UNVALIDATED = """
SELECT format('%I.%I', n.nspname, c.relname) AS of, quote_ident(k.conname) AS name,
       pg_get_constraintdef(k.oid) AS definition,
       format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I', n.nspname, c.relname, k.conname)
           AS validate_command
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND k.conparentid = 0 AND k.conislocal AND c.relkind IN ('r', 'p')
  AND pg_get_constraintdef(k.oid) LIKE '%NOT VALID'
UNION ALL
SELECT format('%I.%I', n.nspname, t.typname), quote_ident(k.conname), pg_get_constraintdef(k.oid),
       format('ALTER DOMAIN %I.%I VALIDATE CONSTRAINT %I', n.nspname, t.typname, k.conname)
FROM pg_constraint k
JOIN pg_type t ON t.oid = k.contypid
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE NOT k.convalidated AND pg_get_constraintdef(k.oid) LIKE '%NOT VALID'
ORDER BY 1, 2
"""


def read_facts(connection: sa.Connection) -> ServerFacts:
    """Return what decides whether, and how, a migration may run here."""
    (row,) = fetch_named(connection, _FACTS)
    return ServerFacts(told_pid=psycopg2_connection(connection).info.backend_pid, **row)


def backend_pid(connection: sa.Connection) -> int:
    """Return the process of the server that answers this question, as the server says it."""
    ((pid,),) = (row.values() for row in fetch_named(connection, "SELECT pg_backend_pid() AS pid"))
    return int(pid)


def system_identifier(connection: sa.Connection) -> str | None:
    """Return what tells this server's data from every other's; None where this role may not read it."""
    try:
        ((identifier,),) = (row.values() for row in fetch_named(connection, _SYSTEM_IDENTIFIER))
    except psycopg2.errors.InsufficientPrivilege:
        return None
    return str(identifier)


def lock_holder(connection: sa.Connection, key: int) -> Session | None:
    """Return the session that holds the advisory lock of this 64-bit key for itself alone."""
    sessions = _sessions(
        connection,
        """WHERE pid = (
            SELECT pid FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND mode = 'ExclusiveLock'
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND classid::int8 = %(high)s AND objid::int8 = %(low)s LIMIT 1)""",
        {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF},
    )
    return sessions[0] if sessions else None


def find_session(connection: sa.Connection, pid: int) -> Session | None:
    """Return the session of this process; None where it has ended."""
    sessions = _sessions(connection, "WHERE pid = %(pid)s", {"pid": pid})
    return sessions[0] if sessions else None


def blockers(connection: sa.Connection, pid: int) -> tuple[Session, ...]:
    """Return the sessions whose locks this process waits for."""
    return _sessions(connection, "WHERE pid = ANY (pg_blocking_pids(%(pid)s)) ORDER BY pid", {"pid": pid})


def waiting_alike(connection: sa.Connection, pid: int) -> tuple[Session, ...]:
    """Return the sessions of this process's user and host that wait, at last, for a lock which it holds."""
    return _sessions(connection, _WAITING_ALIKE, {"pid": pid})


def sessions_called(connection: sa.Connection, application: str) -> tuple[Session, ...]:
    """Return the other sessions with this application name."""
    return _sessions(
        connection,
        "WHERE application_name = %(application)s AND pid <> pg_backend_pid()",
        {"application": application},
    )


def index_progress(connection: sa.Connection, pid: int) -> tuple[str, float] | None:
    """Return phase and percentage of the index that this process builds, or None."""
    rows = fetch_named(
        connection,
        """SELECT phase, CASE WHEN blocks_total > 0 THEN 100.0 * blocks_done / blocks_total
                              WHEN tuples_total > 0 THEN 100.0 * tuples_done / tuples_total
                              ELSE 0 END AS percent
           FROM pg_stat_progress_create_index WHERE pid = %(pid)s AND datname = current_database()""",
        {"pid": pid},
    )
    return (rows[0]["phase"], float(rows[0]["percent"])) if rows else None


def invalid_indexes(connection: sa.Connection) -> tuple[Index, ...]:
    """Return the INVALID indexes of the database, those that are being built right now included."""
    return tuple(Index(**row) for row in fetch_named(connection, _INVALID_INDEXES))


def unvalidated_constraints(connection: sa.Connection) -> tuple[Constraint, ...]:
    """Return the constraints that were added NOT VALID, and not validated since.

    Those that follow from another one, a partition's for one, are left out, and so are NOT ENFORCED ones.
    """
    return tuple(Constraint(**row) for row in fetch_named(connection, _UNVALIDATED))


def find_index(connection: sa.Connection, name: str) -> bool | None:
    """Say whether the index of this name, as SQL writes it, is valid; None when there is none."""
    rows = fetch_named(
        connection,
        "SELECT indisvalid AND indisready AS valid FROM pg_index WHERE indexrelid = to_regclass(%(name)s)",
        {"name": name},
    )
    return bool(rows[0]["valid"]) if rows else None


def _sessions(connection: sa.Connection, where: str, values: Values) -> tuple[Session, ...]:
    return tuple(Session(**row) for row in fetch_named(connection, _SESSION + where, values))
