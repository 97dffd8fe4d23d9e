"""What the journal knows of each revision, and what that says of the files: read with the driver alone.

``history`` is answered before SQLAlchemy is loaded; journal.py writes these rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_factory.migrate.journal.found import FoundJournal
from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.revisions.normalise import file_sha256

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor


ADOPTED = "adopted"
"""How the remark begins in the row of a revision that did not run: the database had it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Origin):
    """The last that the journal knows of a revision; ``state`` is ``started`` while it is unfinished.

    ``is_unassigned`` says that the row is of an unknown version table: it may be another history's.
    """

    id: int
    revision: str
    direction: Direction
    state: str
    source_sha256: str
    accepted_sha256: str | None
    statements: tuple[str, ...]
    db_role: str
    started_at: datetime
    duration_s: float | None
    error: str | None
    is_unassigned: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether it says that the revision was upgraded to its end, and not downgraded since."""
        return self.state == "applied" and self.direction is Direction.UPGRADE

    @property
    def is_adopted(self) -> bool:
        """Whether it did not run: the database was found to have it already."""
        return self.is_applied and (self.error or "").startswith(ADOPTED)


_COLUMNS = tuple(field.name for field in fields(Entry) if field.name != "is_unassigned")
_LATEST_OF_TABLE = """
SELECT DISTINCT ON (version_table IS NULL, revision, CASE WHEN version_table IS NULL THEN id END)
       {columns}, version_table IS NULL AS is_unassigned
FROM af_db.journal
WHERE state <> 'failed' AND (version_table IS NULL OR
      (version_table = %(name)s AND version_schema IS NOT DISTINCT FROM %(schema)s))
ORDER BY version_table IS NULL, revision, CASE WHEN version_table IS NULL THEN id END, id DESC
"""
_ALL = """
SELECT {columns}, true AS is_unassigned
FROM af_db.journal WHERE state <> 'failed' ORDER BY id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An applied revision whose file is no longer what ran."""

    revision: str
    applied_sha256: str
    file_sha256: str


def read_rows(
    cursor: "Cursor", found: FoundJournal, table: VersionTable
) -> tuple[dict[str, Entry], list[Entry]]:
    """Return the latest entry of each revision that ran on this version table, and the rows that say of none.

    The latter are oldest first for each revision. The failed ones count in neither.
    """
    lacks = found.missing_columns
    columns = ", ".join(f"NULL AS {name}" if name in lacks else name for name in _COLUMNS)
    if found.names_version_tables:
        cursor.execute(_LATEST_OF_TABLE.format(columns=columns), {"schema": table.schema, "name": table.name})
    else:
        cursor.execute(_ALL.format(columns=columns))
    names = (*_COLUMNS, "is_unassigned")
    entries = [_entry(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    own = {entry.revision: entry for entry in entries if not entry.is_unassigned}
    return own, [replace(entry, is_unassigned=False) for entry in entries if entry.is_unassigned]


def _entry(values: dict[str, Any]) -> Entry:
    values["direction"] = Direction(values["direction"])
    values["statements"] = tuple(values["statements"])
    for name in ("arguments", "checklist"):
        values[name] = None if values[name] is None else tuple(values[name])
    return Entry(**values)


def find_edited(
    entries: Mapping[str, Entry],
    applied: Sequence[Revision],
    *,
    sha256_of: Callable[[Path], str] = file_sha256,
) -> tuple[Edited, ...]:
    """Return the applied revisions whose files are neither what ran nor what was accepted since."""
    found = []
    for revision in applied:
        entry = entries.get(revision.id)
        if entry is None or not entry.is_applied:
            continue
        now = sha256_of(revision.path)
        if now not in (entry.source_sha256, entry.accepted_sha256):
            found.append(Edited(revision=revision.id, applied_sha256=entry.source_sha256, file_sha256=now))
    return tuple(found)


def ran_outside(entries: Mapping[str, Entry], applied: Sequence[Revision]) -> tuple[str, ...]:
    """Return the applied revisions that the journal does not know as applied: plain Alembic ran them."""
    return tuple(
        revision.id
        for revision in applied
        if (entry := entries.get(revision.id)) is None or not entry.is_applied
    )
