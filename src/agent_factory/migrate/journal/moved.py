"""Rows of a version table that was renamed, or whose schema was: they name what is not there any more.

PostgreSQL tells nobody that a schema got another name. But where a history has revisions and not one row,
and the rows of one table that is gone say just these revisions, they are its own.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_factory.migrate.journal.found import FoundJournal
from agent_factory.migrate.journal.read import Entry, read_rows
from agent_factory.migrate.model.version_table import VersionTable

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor

_GONE = """
SELECT DISTINCT version_schema, version_table FROM af_db.journal j
WHERE version_table IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = j.version_table AND n.nspname = j.version_schema)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The name that a version table had, and the latest entries under it of each revision."""

    table: VersionTable
    entries: dict[str, Entry]


def tables_gone(cursor: "Cursor", found: FoundJournal) -> list[VersionTable]:
    """Return the version tables that the journal names and the database has no more."""
    if not found.names_version_tables:
        return []
    cursor.execute(_GONE)
    return [VersionTable(schema=schema, name=name) for schema, name in cursor.fetchall()]


def find_moved(
    cursor: "Cursor", found: FoundJournal, rows: Collection[str], applied: Collection[str]
) -> Moved | None:
    """Return under which name the rows of a history are that has ``applied``, and stands at ``rows``.

    None where no table that is gone has said the same, or several have.
    """
    if not rows:
        return None
    same = []
    for table in tables_gone(cursor, found):
        entries, _unassigned = read_rows(cursor, found, table)
        said = {entry.revision for entry in entries.values() if entry.is_applied}
        if set(rows) <= said <= set(applied):
            same.append(Moved(table=table, entries=entries))
    return same[0] if len(same) == 1 else None
