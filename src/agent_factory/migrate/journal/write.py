"""The journal: what ran, who ran it, from which source, and how it ended.

It lives in the schema ``af_db`` of the database that is migrated, so that a row is written in the same
transaction as Alembic's version row: both are there or neither is. ``alembic_version`` stays as Alembic has
it. PostgreSQL only. All times are the server's.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import run_lock
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import own_cursor_of, psycopg2_connection
from agent_factory.migrate.db.transactions import IS_MARKED
from agent_factory.migrate.journal.read import Entry, read_entries
from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.revisions.normalise import read_hashed, read_normalised
from agent_factory.redaction import redact

_CREATE = """
CREATE SCHEMA IF NOT EXISTS af_db;
CREATE TABLE IF NOT EXISTS af_db.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL,
    revision text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('upgrade', 'downgrade')),
    state text NOT NULL CHECK (state IN ('started', 'applied', 'failed')),
    source_sha256 text NOT NULL,
    source text NOT NULL,
    accepted_sha256 text,
    statements text[] NOT NULL DEFAULT '{}',
    db_role text NOT NULL DEFAULT current_user,
    os_user text,
    host text,
    git_commit text,
    git_dirty boolean,
    ci_url text,
    af_db_version text NOT NULL,
    alembic_version text NOT NULL,
    started_at timestamptz NOT NULL,
    duration_s double precision,
    error text
);
CREATE TABLE IF NOT EXISTS af_db.environment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL DEFAULT current_user
);
"""

_COLUMNS = {
    "run_id": "uuid",
    "revision": "text",
    "direction": "text",
    "state": "text",
    "source_sha256": "text",
    "source": "text",
    "statements": "text[]",
    **{field.name: "boolean" if field.type == bool | None else "text" for field in fields(Origin)},
    "started_at": "double precision",
    "duration_s": "double precision",
    "error": "text",
}
"""The columns that a row is written with, and the types of their values; the start as seconds ago."""

_STATEMENT = "af_db_journal"


def _insert(values: Mapping[str, str]) -> str:
    """The statement that writes a row of these SQL values."""
    started_at = f"clock_timestamp() - make_interval(secs => {values['started_at']})"
    written = {**values, "started_at": started_at}
    return f"INSERT INTO af_db.journal ({', '.join(written)}) SELECT {', '.join(written.values())}"


_GIVEN = {name: f"%({name})s::{kind}" for name, kind in _COLUMNS.items()}
_INSERT = _insert(_GIVEN)

_DIFFERS = ("revision", "source_sha256", "source", "statements", "started_at", "error")
"""What differs between the rows of a run's applied revisions; ``duration_s`` is the age of the start."""

_PLACES = {name: f"${number}" for number, name in enumerate(_DIFFERS, start=1)}
# Where the lock is lost there is no run_id, which may not be: so the check costs no message.
_WHILE_LOCKED = f"CASE WHEN {run_lock.STILL_HELD} THEN {_GIVEN['run_id']} END"
# Likewise there is no state in another transaction than the one that the revision began in.
_WHILE_MARKED = f"CASE WHEN {IS_MARKED} THEN {_GIVEN['state']} END"
_PREPARE = f"({', '.join(_COLUMNS[name] for name in _DIFFERS)}) AS " + _insert(
    {
        **_GIVEN,
        **_PLACES,
        "duration_s": _PLACES["started_at"],
        "run_id": _WHILE_LOCKED,
        "state": _WHILE_MARKED,
    }
)
_EXECUTE = f"EXECUTE {_STATEMENT} ({', '.join(f'%({name})s' for name in _DIFFERS)})"


def is_kept(connection: sa.Connection) -> bool:
    """Say whether the database has a journal, which this role may be able to read or not."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'af_db' AND c.relname = 'journal')"
        )
        ((is_there,),) = cursor.fetchall()
        return bool(is_there)


def prepare(connection: sa.Connection) -> bool:
    """Make the schema and its tables where they are missing; False when this role may not. Commits."""
    try:
        with own_cursor(connection) as cursor:
            cursor.execute(_CREATE)
            psycopg2_connection(connection).commit()
    except psycopg2.errors.InsufficientPrivilege:
        return False
    return True


def prepared_row(
    connection: sa.Connection,
    *,
    run_id: str,
    revision: Revision,
    direction: Direction,
    origin: Origin,
    statements: Sequence[str],
    seconds: float,
    mark: str,
    error: str | None = None,
) -> bytes:
    """Return the SQL that writes the row of an applied revision by a prepared statement, at half the cost.

    ``error`` is in what its run was not as it was rehearsed; ``mark`` that of the run's transactions.

    It fails where the session has lost the run lock, or is in another transaction: ``lost_lock`` and
    ``lost_transaction`` say so. Not through a transaction pooler,
    where the next transaction may be in another session.
    """
    driver = psycopg2_connection(connection)
    if _STATEMENT not in driver.prepared:
        run = _run_values(run_id, direction, origin)
        driver.prepare(_STATEMENT, _PREPARE, run | {"state": "applied", "mark": mark})
    with own_cursor_of(driver) as cursor:  # it sends nothing
        return bytes(cursor.mogrify(_EXECUTE, _revision_values(revision, statements, seconds, error)))


def row(
    connection: sa.Connection,
    *,
    run_id: str,
    revision: Revision,
    direction: Direction,
    state: str,
    origin: Origin,
    statements: Sequence[str] = (),
    seconds: float = 0.0,
    error: str | None = None,
) -> bytes:
    """Return the SQL that writes a row; ``seconds`` is how long ago the revision began."""
    values = (
        _run_values(run_id, direction, origin)
        | _revision_values(revision, statements, seconds, error)
        | {"state": state, "duration_s": None if state == "started" else seconds}
    )
    with own_cursor(connection) as cursor:
        return bytes(cursor.mogrify(_INSERT, values))


def _run_values(run_id: str, direction: Direction, origin: Origin) -> dict[str, object]:
    return {"run_id": run_id, "direction": str(direction), **asdict(origin)}


def _revision_values(
    revision: Revision, statements: Sequence[str], seconds: float, error: str | None
) -> dict[str, object]:
    source, sha256 = read_hashed(revision.path)
    return {
        "revision": revision.id,
        "source_sha256": sha256,
        "source": redact(source),
        "statements": [redact(statement) for statement in statements],
        "started_at": seconds,
        "error": redact(error) if error else None,
    }


def lost_lock(error: BaseException) -> bool:
    """Say whether a row was refused because the session does not hold the run lock any more."""
    return _is_missing(error, "run_id")


def lost_transaction(error: BaseException) -> bool:
    """Say whether a row was refused because the transaction is not the one that the revision began in."""
    return _is_missing(error, "state")


def _is_missing(error: BaseException, column: str) -> bool:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return (
        isinstance(cause, psycopg2.errors.NotNullViolation)
        and cause.diag.schema_name == "af_db"
        and cause.diag.column_name == column
    )


def note_statement(connection: sa.Connection, run_id: str, revision: str, statement: str) -> None:
    """Add a statement that is about to run outside a transaction to the row that says "started"."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "UPDATE af_db.journal SET statements = statements || %s::text "
            "WHERE run_id = %s AND revision = %s AND state = 'started'",
            [redact(statement), run_id, revision],
        )


def close_mark(connection: sa.Connection, run_id: str, revision: str, committed: Sequence[str]) -> None:
    """Settle the row that says "started" once it is known what was committed: nothing is a plain failure."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "UPDATE af_db.journal SET statements = %s::text[], "
            "state = CASE WHEN %s THEN 'started' ELSE 'failed' END "
            "WHERE run_id = %s AND revision = %s AND state = 'started'",
            [[redact(statement) for statement in committed], bool(committed), run_id, revision],
        )


def accept(connection: sa.Connection, revision: str, sha256: str) -> None:
    """Note that a person accepted an edited file of this content in place of what ran. Commits."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "UPDATE af_db.journal SET accepted_sha256 = %s WHERE id = "
            "(SELECT max(id) FROM af_db.journal WHERE revision = %s AND state = 'applied')",
            [sha256, revision],
        )
        psycopg2_connection(connection).commit()


def read(connection: sa.Connection) -> dict[str, Entry]:
    """Return the latest entry of each revision that ran; the failed ones in between do not count."""
    with own_cursor(connection) as cursor:
        return read_entries(cursor)


def difference(connection: sa.Connection, entry: Entry, revision: Revision) -> str:
    """Return what changed in the file since it was applied, as a unified diff."""
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT source FROM af_db.journal WHERE id = %s", [entry.id])
        ((source,),) = cursor.fetchall()
    return "".join(
        difflib.unified_diff(
            source.splitlines(keepends=True),
            redact(read_normalised(revision.path)).splitlines(keepends=True),
            f"{revision.path.name} as applied",
            f"{revision.path.name} now",
        )
    )


def read_environment(connection: sa.Connection) -> str | None:
    """Return the environment name of the database, or None."""
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT name FROM af_db.environment")
        row = cursor.fetchone()
        return str(row[0]) if row else None


def write_environment(connection: sa.Connection, name: str) -> None:
    """Give the database this environment name. Commits."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "INSERT INTO af_db.environment (name) VALUES (%s) ON CONFLICT (only_row) "
            "DO UPDATE SET name = excluded.name, set_at = now(), set_by = current_user",
            [name],
        )
        psycopg2_connection(connection).commit()
