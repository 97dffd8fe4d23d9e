"""The rows of the version table and of the journal, asked of the driver."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent_factory.url import DatabaseURL

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor
    from agent_factory.migrate.journal.read import Entry
    from agent_factory.migrate.model.version_table import VersionTable

    _Found = tuple[list[tuple[object, ...]], Mapping[str, Entry] | None]

_TABLE = "alembic_version"
_SELECT = f"SELECT {_TABLE}.version_num FROM {_TABLE}"  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """``rows`` are the revisions that the database is at, sorted; none where there is no version table.

    ``entries`` are the journal's, where they were asked for; None where it keeps none that may be read.
    """

    rows: tuple[str, ...]
    entries: "Mapping[str, Entry] | None"


def ask(url: DatabaseURL, *, for_entries: bool = False) -> Answers | None:
    """Ask the database over a connection that cannot write; None for whatever else it says."""
    found = _ask_sqlite(url) if url.backend == "sqlite" else _ask_postgresql(url, for_entries=for_entries)
    if found is None:
        return None
    rows, entries = found
    if not all(len(row) == 1 and isinstance(row[0], str) and row[0] for row in rows):
        return None
    return Answers(rows=tuple(sorted(str(row[0]) for row in rows)), entries=entries)


def _ask_postgresql(url: DatabaseURL, *, for_entries: bool) -> "_Found | None":
    from agent_factory.migrate.db.libpq import connect_options, keywords, with_options
    from agent_factory.migrate.db.psycopg2_internals import import_without_ssl
    from agent_factory.migrate.db.version_tables import resolve
    from agent_factory.migrate.model.errors import RefusedError

    psycopg2 = import_without_ssl()

    try:
        connection = psycopg2.connect(**keywords(with_options(url, connect_options())))
        with contextlib.closing(connection), connection.cursor() as cursor:
            connection.set_session(readonly=True)
            table, is_there = resolve(cursor, _TABLE, None)
            rows: list[tuple[object, ...]] = []
            if is_there:
                cursor.execute(_SELECT)
                rows = cursor.fetchall()
            if not for_entries:
                return rows, None
            is_all, entries = _ask_journal(cursor, table, is_empty=not rows)
            return (rows, entries) if is_all else None
    except (psycopg2.Error, RefusedError):
        return None


def _ask_journal(
    cursor: "Cursor", table: "VersionTable", *, is_empty: bool
) -> "tuple[bool, dict[str, Entry] | None]":
    """Return whether the journal's entries of this history are all, and these; None where none can be read.

    Rows that do not say of which version table they are take the project's files to tell, and so do those of
    a table that has another name now: a history that has none, and is not empty, may have had one.
    """
    from agent_factory.migrate.journal.found import find_journal
    from agent_factory.migrate.journal.read import read_rows

    found = find_journal(cursor)
    if found is None or not found.may_read:
        return True, None
    own, unassigned = read_rows(cursor, found, table)
    if unassigned or own or is_empty:
        return not unassigned, own
    from agent_factory.migrate.journal.moved import tables_gone

    return not tables_gone(cursor, found), own


def _ask_sqlite(url: DatabaseURL) -> "_Found | None":
    if url.options or url.database.startswith((":", "file:")):
        return None
    path = Path(url.database)
    if not path.exists():
        return [], None  # a file that is not there is an empty database, and reading must not make it
    if not path.is_file():
        return None
    import sqlite3

    from agent_factory.sqlite_session import prepare

    try:
        with contextlib.closing(sqlite3.connect(path.absolute())) as connection:
            prepare(connection)
            connection.execute("BEGIN")
            there = connection.execute("PRAGMA main.table_info(alembic_version)").fetchone()
            return (connection.execute(_SELECT).fetchall() if there else []), None
    except sqlite3.Error:
        return None
