"""The journal: what ran on which version table, who ran it, from which source, and how it ended.

It lives in the schema ``af_db`` of the database that is migrated, so that a row is written in the same
transaction as Alembic's version row: both are there or neither is. ``alembic_version`` stays as Alembic has
it. PostgreSQL only. All times are the server's.
"""

import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa

from agent_factory.migrate.db import run_lock
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import encodings_of, own_cursor_of, psycopg2_connection
from agent_factory.migrate.db.spelled_secrets import masked_source, masked_sql
from agent_factory.migrate.db.transactions import IS_MARKED
from agent_factory.migrate.journal.found import REMARK, FoundJournal, find_journal
from agent_factory.migrate.journal.histories import Records
from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.model.errors import UNCHANGED, AlreadyRunningError
from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.revisions.normalise import read_hashed, read_normalised
from agent_factory.plain_text import fitting
from agent_factory.redaction import redact

_CHANGE = f"""
ALTER TABLE af_db.journal
    ADD COLUMN IF NOT EXISTS version_schema text, ADD COLUMN IF NOT EXISTS version_table text,
    ADD COLUMN IF NOT EXISTS arguments text[], ADD COLUMN IF NOT EXISTS checklist text[];
COMMENT ON TABLE af_db.journal IS '{REMARK}';
"""
"""From format 1 to 2, and what came to 2 later. Old rows keep NULL in the first two until it is known which
history they are of."""

_CREATE = f"""
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
    statements text[] NOT NULL DEFAULT '{{}}',
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
    error text,
    version_schema text,
    version_table text,
    arguments text[],
    checklist text[]
);
COMMENT ON TABLE af_db.journal IS '{REMARK}';
CREATE TABLE IF NOT EXISTS af_db.environment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL DEFAULT current_user
);
"""

_ORIGIN_TYPES = {"git_dirty": "boolean", "arguments": "text[]", "checklist": "text[]"}

_COLUMNS = {
    "run_id": "uuid",
    "revision": "text",
    "direction": "text",
    "state": "text",
    "source_sha256": "text",
    "source": "text",
    "statements": "text[]",
    **{field.name: _ORIGIN_TYPES.get(field.name, "text") for field in fields(Origin)},
    "started_at": "double precision",
    "duration_s": "double precision",
    "error": "text",
    "version_schema": "text",
    "version_table": "text",
}
"""The columns that a row is written with, and the types of their values; the start as seconds ago."""


_STATEMENT = "af_db_journal"

_CHANGE_KEY = int.from_bytes(b"af-db\x00\x00\x02")
"""The advisory lock of whoever makes the journal or changes its format: one for all histories."""

_CHANGE_LOCK_TIMEOUT = "100ms"
_CHANGE_PAUSE_S = 0.2
_CHANGE_FOR_S = 10.0
_IN_THE_WAY = (
    psycopg2.errors.LockNotAvailable,
    psycopg2.errors.UniqueViolation,  # somebody makes the same at this moment, without the lock
    psycopg2.errors.DuplicateTable,
    psycopg2.errors.DuplicateSchema,
)
"""What another session is the cause of: it is tried again."""


def _insert(values: Mapping[str, str], found: FoundJournal) -> str:
    """The statement that writes a row of these SQL values, as far as the journal has columns for them."""
    started_at = f"clock_timestamp() - make_interval(secs => {values['started_at']})"
    lacks = found.missing_columns
    written = {
        name: value for name, value in {**values, "started_at": started_at}.items() if name not in lacks
    }
    return f"INSERT INTO af_db.journal ({', '.join(written)}) SELECT {', '.join(written.values())}"


_GIVEN = {name: f"%({name})s::{kind}" for name, kind in _COLUMNS.items()}

_DIFFERS = ("revision", "source_sha256", "source", "statements", "started_at", "error")
"""What differs between the rows of a run's applied revisions; ``duration_s`` is the age of the start."""

_PLACES = {name: f"${number}" for number, name in enumerate(_DIFFERS, start=1)}
_EXECUTE = f"EXECUTE {_STATEMENT} ({', '.join(f'%({name})s' for name in _DIFFERS)})"


def _prepare(still_held: str, found: FoundJournal) -> str:
    # Where the lock is lost there is no run_id, which may not be: so the check costs no message.
    while_locked = f"CASE WHEN {still_held} THEN {_GIVEN['run_id']} END"
    # Likewise there is no state in another transaction than the one that the revision began in.
    while_marked = f"CASE WHEN {IS_MARKED} THEN {_GIVEN['state']} END"
    values = {
        **_GIVEN,
        **_PLACES,
        "duration_s": _PLACES["started_at"],
        "run_id": while_locked,
        "state": while_marked,
    }
    return f"({', '.join(_COLUMNS[name] for name in _DIFFERS)}) AS {_insert(values, found)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the rows of one run have in common: its id, whose history it moves, where to, and who runs it.

    ``journal`` is the one that they are written to, in its format.
    """

    id: str
    table: VersionTable
    direction: Direction
    origin: Origin
    journal: FoundJournal

    def values(self) -> dict[str, object]:
        """The columns' values."""
        return {
            "run_id": self.id,
            "direction": str(self.direction),
            "version_schema": self.table.schema,
            "version_table": self.table.name,
            **asdict(self.origin),
        }


def prepare(connection: sa.Connection) -> FoundJournal | None:
    """Make the journal where it is missing, bring it to this format, and return it as this role finds it.

    None where there is none and this role may not make it. Where this role may not change its format, or
    others use it all the time, it is returned as it is. Whoever makes or changes it holds a lock of its own:
    runs of different histories do it at once. Commits. Raises RefusedError as ``find_journal`` does, and
    AlreadyRunningError where another session keeps it from being made.
    """
    driver = psycopg2_connection(connection)
    until = time.monotonic() + _CHANGE_FOR_S
    while True:
        with own_cursor(connection) as cursor:
            found = find_journal(cursor)
            if found is not None and (found.is_newest or not found.may_alter):
                return found
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_CHANGE_KEY])
            ((is_locked,),) = cursor.fetchall()
            # Another may have made it between the first query and the lock.
            if is_locked and find_journal(cursor) == found:
                try:
                    cursor.execute(f"SET LOCAL lock_timeout = '{_CHANGE_LOCK_TIMEOUT}'")
                    cursor.execute(_CREATE if found is None else _CHANGE)
                    driver.commit()
                except psycopg2.errors.InsufficientPrivilege:
                    return found
                except _IN_THE_WAY:
                    pass
                else:
                    return find_journal(cursor)
        if time.monotonic() > until:
            if found is not None:
                return found
            raise AlreadyRunningError(
                "already-running",
                "another session keeps the schema af_db from being made",
                state=UNCHANGED,
                next_steps=(
                    "run the command again; see who: SELECT * FROM pg_locks WHERE locktype = 'advisory'",
                ),
            )
        time.sleep(_CHANGE_PAUSE_S)


def prepared_row(
    connection: sa.Connection,
    run: Run,
    *,
    revision: Revision,
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
        statement = _prepare(run_lock.still_held_by(run.table), run.journal)
        driver.prepare(_STATEMENT, statement, _kept_values(driver, run) | {"state": "applied", "mark": mark})
    with own_cursor_of(driver) as cursor:  # it sends nothing
        values = _revision_values(driver, revision, statements, seconds, error)
        return bytes(cursor.mogrify(_EXECUTE, values))


def row(
    connection: sa.Connection,
    run: Run,
    *,
    revision: Revision,
    state: str,
    statements: Sequence[str] = (),
    seconds: float = 0.0,
    error: str | None = None,
) -> bytes:
    """Return the SQL that writes a row; ``seconds`` is how long ago the revision began."""
    driver = psycopg2_connection(connection)
    values = (
        _kept_values(driver, run)
        | _revision_values(driver, revision, statements, seconds, error)
        | {"state": state, "duration_s": None if state == "started" else seconds}
    )
    with own_cursor(connection) as cursor:
        return bytes(cursor.mogrify(_insert(_GIVEN, run.journal), values))


def _kept_values(driver: psycopg2.extensions.connection, run: Run) -> dict[str, object]:
    return {name: _kept_value(driver, value) for name, value in run.values().items()}


def _kept_value(driver: psycopg2.extensions.connection, value: object) -> object:
    if isinstance(value, tuple):
        return [_kept_value(driver, item) for item in value]
    return kept_text(driver, value) if isinstance(value, str) else value


def _revision_values(
    driver: psycopg2.extensions.connection,
    revision: Revision,
    statements: Sequence[str],
    seconds: float,
    error: str | None,
) -> dict[str, object]:
    source, sha256 = read_hashed(revision.path)
    return {
        "revision": revision.id,
        "source_sha256": sha256,
        "source": kept_text(driver, masked_source(source)),
        "statements": [kept_text(driver, masked_sql(statement)) for statement in statements],
        "started_at": seconds,
        "error": kept_text(driver, error) if error else None,
    }


def kept_text(driver: psycopg2.extensions.connection, text: str) -> str:
    """Return a text as the journal keeps it: without secrets, in characters that this database can hold."""
    return fitting(redact(text), encodings_of(driver))


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
            [kept_text(psycopg2_connection(connection), masked_sql(statement)), run_id, revision],
        )


def close_mark(connection: sa.Connection, run_id: str, revision: str, committed: Sequence[str]) -> None:
    """Settle the row that says "started" once it is known what was committed: nothing is a plain failure."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "UPDATE af_db.journal SET statements = %s::text[], "
            "state = CASE WHEN %s THEN 'started' ELSE 'failed' END "
            "WHERE run_id = %s AND revision = %s AND state = 'started'",
            [
                [
                    kept_text(psycopg2_connection(connection), masked_sql(statement))
                    for statement in committed
                ],
                *(bool(committed), run_id, revision),
            ],
        )


def accept(connection: sa.Connection, entry: Entry, sha256: str) -> None:
    """Note that a person accepted an edited file of this content in place of what ran. Commits."""
    with own_cursor(connection) as cursor:
        cursor.execute("UPDATE af_db.journal SET accepted_sha256 = %s WHERE id = %s", [sha256, entry.id])
        psycopg2_connection(connection).commit()


def assign(connection: sa.Connection, table: VersionTable, records: Records) -> None:
    """Write into the rows that say of no version table, and were found to be this one's, that they are.

    Those of failures, which are in no records, go along. Commits.
    """
    with own_cursor(connection) as cursor:
        cursor.execute(
            "UPDATE af_db.journal SET version_schema = %s, version_table = %s"
            " WHERE version_table IS NULL AND (%s OR (revision, source_sha256) IN %s)",
            [table.schema, table.name, records.is_alone, tuple(records.found_out)],
        )
        psycopg2_connection(connection).commit()


def carry_over(connection: sa.Connection, before: VersionTable, table: VersionTable) -> None:
    """Write into the rows of a version table the name that it has now. Commits."""
    with own_cursor(connection) as cursor:
        cursor.execute(
            "UPDATE af_db.journal SET version_schema = %s, version_table = %s"
            " WHERE version_schema IS NOT DISTINCT FROM %s AND version_table = %s",
            [table.schema, table.name, before.schema, before.name],
        )
        psycopg2_connection(connection).commit()


def difference(connection: sa.Connection, entry: Entry, revision: Revision) -> str:
    """Return what changed in the file since it was applied, as a unified diff."""
    with own_cursor(connection) as cursor:
        cursor.execute("SELECT source FROM af_db.journal WHERE id = %s", [entry.id])
        ((source,),) = cursor.fetchall()
    return "".join(
        difflib.unified_diff(
            source.splitlines(keepends=True),
            kept_text(
                psycopg2_connection(connection), masked_source(read_normalised(revision.path))
            ).splitlines(keepends=True),
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
