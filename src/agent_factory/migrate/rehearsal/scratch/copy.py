"""Production's schema, without its rows, in a scratch database."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.driver import psycopg2_connection
from agent_factory.migrate.db.pooler_names import pools_sessions
from agent_factory.migrate.db.session_limits import startup_options
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.rehearsal.scratch.access import find_reader
from agent_factory.migrate.rehearsal.scratch.database import Scratch
from agent_factory.migrate.rehearsal.scratch.dump import CannotCopyError, MayNotReadError, dump_schema
from agent_factory.migrate.rehearsal.scratch.installations import find_pg_dump
from agent_factory.migrate.rehearsal.scratch.original import Original, read_original
from agent_factory.migrate.rehearsal.scratch.restore import prepare_empty, restore
from agent_factory.plain_text import text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """``gaps`` are what the scratch database does not have or has in another form, for people;
    ``failed`` the names of the objects of which it has refused a part."""

    gaps: tuple[str, ...] = ()
    failed: frozenset[str] = frozenset()


def copy_schema(target: Target, read_connection: sa.Connection, scratch: Scratch) -> Copied:
    """Make production's schema in the empty scratch database. Nothing is written on production.

    ``read_connection`` is a connection to it, and ``target`` how that was made.

    What cannot be made there is left out and reported. Rows are not copied, not even the version table's.
    New sessions in the scratch database get production's settings, and a server of our own gets its roles,
    with what they own and may do.

    Raises CannotCopyError, with roles and settings in place nevertheless, for who makes the schema by
    other means; and CannotConnectError.
    """
    try:
        original = read_original(read_connection)
        try:
            dump = _dump(read_connection, target, original, near=scratch.bin_dir)
        except CannotCopyError:
            prepare_empty(original, scratch.target, is_own=scratch.is_own)
            raise
        restored = restore(dump, original, scratch.target, is_own=scratch.is_own)
        return Copied(gaps=restored.gaps, failed=restored.failed)
    except psycopg2.Error as error:
        raise CannotCopyError(f"the copy was not completed: {text_of(error).strip()}") from error


def copy_settings(connection: sa.Connection, scratch: Scratch) -> Copied:
    """Give an empty scratch database the settings of the one that ``connection`` reads, and no schema.

    New sessions there get its settings, and a server of our own gets its roles, which may do everything
    there. Raises CannotConnectError.
    """
    return Copied(gaps=prepare_empty(read_original(connection), scratch.target, is_own=scratch.is_own))


def dump_without_owners(target: Target, connection: sa.Connection, without_table: str) -> str:
    """Return the schema of a database as pg_dump writes it, without owners, rights and this table.

    The table's name is in quotes, for pg_dump to take it for no pattern. Raises CannotCopyError.
    """
    more = ("--no-owner", "--no-privileges", f"--exclude-table={without_table}")
    return _dump(connection, target, read_original(connection), more=more)


def _dump(
    connection: sa.Connection,
    target: Target,
    original: Original,
    *,
    near: Path | None = None,
    more: Sequence[str] = (),
) -> str:
    if server.read_facts(connection).behind_pooler and not pools_sessions(target.url):
        # pg_dump empties search_path for its session, and a pooler hands that session to the next.
        raise CannotCopyError(f"{target} is a pooler: pg_dump would change its sessions")
    pg_dump = find_pg_dump(original.major, near=near)
    if pg_dump is None:
        raise CannotCopyError(f"there is no pg_dump of PostgreSQL {original.major} or newer here")
    driver = psycopg2_connection(connection)
    options = startup_options(driver) if driver.limits and not driver.lift_sql else None
    try:
        return dump_schema(pg_dump, target.url, driver.info, options, more=more)
    except MayNotReadError:
        reader = find_reader(connection)
        if reader == original.role:
            raise
        return dump_schema(pg_dump, target.url, driver.info, options, role=reader, more=more)
