"""What the journal knows of each revision, and what that says of the files: read with the driver alone.

``history`` is answered before SQLAlchemy is loaded; journal.py writes these rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.revisions.normalise import file_sha256

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Origin):
    """The last that the journal knows of a revision; ``state`` is ``started`` while it is unfinished."""

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


_COLUMNS = tuple(field.name for field in fields(Entry))
_LATEST = f"""
SELECT DISTINCT ON (revision) {", ".join(_COLUMNS)}
FROM af_db.journal
WHERE state <> 'failed'
ORDER BY revision, id DESC
"""  # noqa: S608 - the names of fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An applied revision whose file is no longer what ran."""

    revision: str
    applied_sha256: str
    file_sha256: str


def read_entries(cursor: "Cursor") -> dict[str, Entry]:
    """Return the latest entry of each revision that ran; the failed ones in between do not count."""
    cursor.execute(_LATEST)
    entries = (_entry(dict(zip(_COLUMNS, row, strict=True))) for row in cursor.fetchall())
    return {entry.revision: entry for entry in entries}


def _entry(values: dict[str, Any]) -> Entry:
    values["direction"] = Direction(values["direction"])
    values["statements"] = tuple(values["statements"])
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
        if entry is None or entry.direction is not Direction.UPGRADE or entry.state != "applied":
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
        if (entry := entries.get(revision.id)) is None
        or entry.state != "applied"
        or entry.direction is not Direction.UPGRADE
    )
