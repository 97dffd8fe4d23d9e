"""Asking a run of another terminal, or of another machine, to stop: an advisory lock that names its session.

The request is a lock, and no row: it ends with the session that asks, so that none is left for a later run.
"""

import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.model.session import Session

_KEY = int.from_bytes(b"stop")
"""The first of the two numbers of such a lock; the second is the process of the server that is to stop."""

_FIND = """
SELECT l.pid FROM pg_locks l
JOIN pg_stat_activity asks ON asks.pid = l.pid
JOIN pg_stat_activity runs ON runs.pid = %(pid)s
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
  AND l.classid::int8 = %(key)s AND l.objid::int8 = %(pid)s
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (pg_has_role(asks.usesysid, runs.usesysid, 'MEMBER')
       OR pg_has_role(asks.usesysid, 'pg_signal_backend', 'MEMBER'))
LIMIT 1
"""
"""Who may ask is who may cancel its statements (pg_cancel_backend)."""


def ask_to_stop(connection: sa.Connection, pid: int) -> None:
    """Ask the run in this process of the server to stop, for as long as the connection lives."""
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", [_KEY, pid])


def find_request(connection: sa.Connection, pid: int) -> Session | None:
    """Return who asks the run in this process to stop, and may; None where nobody does."""
    with own_cursor(connection) as cursor:
        cursor.execute(_FIND, {"pid": pid, "key": _KEY})
        rows = cursor.fetchall()
    return server.find_session(connection, rows[0][0]) if rows else None
