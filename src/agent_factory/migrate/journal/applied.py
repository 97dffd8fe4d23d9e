"""What a database has of a history, and what its journal says of that."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from agent_factory.migrate.journal.read import Entry, find_edited, ran_outside
from agent_factory.migrate.model.origin import AppliedBy, Origin
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.results import HistoryEntry
from agent_factory.migrate.revisions.normalise import file_sha256


def describe_past(
    revisions: Sequence[Revision],
    *,
    applied: Collection[str],
    current: Collection[str],
    entries: Mapping[str, Entry] | None,
    sha256_of: Callable[[Path], str] = file_sha256,
) -> tuple[HistoryEntry, ...]:
    """Say of each revision whether it is applied, by whom, and whether its file has changed since.

    ``entries`` are the journal's; None where it keeps none that may be read.
    """
    there = [revision for revision in revisions if revision.id in applied]
    outside = frozenset() if entries is None else frozenset(ran_outside(entries, there))
    edited = {item.revision for item in find_edited(entries or {}, there, sha256_of=sha256_of)}
    by = {
        revision.id: applied_by(entries[revision.id])
        for revision in there
        if entries and revision.id not in outside and not entries[revision.id].is_unassigned
    }
    shared = {revision.id for revision in there if entries} - outside - by.keys()
    return tuple(
        HistoryEntry(
            revision=revision,
            is_applied=revision.id in applied,
            is_current=revision.id in current,
            by=by.get(revision.id),
            is_outside=revision.id in outside,
            is_edited=revision.id in edited,
            difference=None,
            is_of_unknown_table=revision.id in shared,
        )
        for revision in revisions
    )


def applied_by(entry: Entry) -> AppliedBy:
    """Return who ran what the entry is of."""
    origin = {field.name: getattr(entry, field.name) for field in fields(Origin)}
    return AppliedBy(
        at=entry.started_at,
        db_role=entry.db_role,
        duration_s=entry.duration_s,
        is_adopted=entry.is_adopted,
        **origin,
    )
