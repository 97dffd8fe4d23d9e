"""Which history a row of the journal belongs to, where the row does not say it: those of format 1.

Rows say by themselves of which version table they are since format 2. Before, all histories of a database
shared them, and what can still be known is known from the revisions that they name.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.version_table import VersionTable

Written = tuple[str, str]
"""A revision and the SHA-256 of the source that ran: what distinguishes rows without a version table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the journal has of one history.

    ``entries`` are the latest of each revision. ``found_out`` are rows without a version table that are this
    history's: an owner may write that down. ``unknown`` are the revisions that the rest of these rows name:
    of an unknown version table. ``is_alone``: this history is the database's only one, so all are its.
    ``moved_from`` is what its version table was called when the rows were written, where that has changed.
    """

    entries: Mapping[str, Entry]
    found_out: frozenset[Written] = frozenset()
    unknown: tuple[str, ...] = ()
    is_alone: bool = False
    moved_from: VersionTable | None = None


def sort_out(
    own: Iterable[Entry],
    unassigned: Iterable[Entry],
    *,
    is_alone: bool,
    files: Mapping[str, str],
    applied: Collection[str],
) -> Records:
    """Return the records of a history from its own rows and from those that say of none, both oldest first.

    ``is_alone`` says that the database has no other version table: then all rows are this history's. If it
    has, those are whose source is that of a file here (``files``: SHA-256 by revision), and that make up what
    this history has ``applied``. Where tenants share one project, rows of one text are of several of them:
    they vouch for what is applied here, and stay of an unknown version table.
    """
    groups: dict[Written, list[Entry]] = defaultdict(list)
    for entry in unassigned:
        groups[entry.revision, entry.source_sha256].append(entry)
    latest = {entry.revision: entry for entry in own}
    found_out: set[Written] = set()
    unknown: list[str] = []
    shared: dict[str, Entry] = {}
    for written, rows in groups.items():
        revision, sha256 = written
        same = [row for row in rows if files.get(revision) in (sha256, row.accepted_sha256)]
        left, wanted = _left_applied(rows), 1 if revision in applied else 0
        # What began and did not end holds up whoever it may be of.
        is_begun = rows[-1].state == "started"
        if is_alone or (same and left == wanted and not is_begun):
            found_out.add(written)
            if revision not in latest or latest[revision].id < rows[-1].id:
                latest[revision] = rows[-1]
            continue
        unknown.append(revision)
        if same and is_begun:
            shared[revision] = rows[-1]
        elif left > wanted == 1:
            shared.update((revision, row) for row in same if row.is_applied)
    return Records(
        entries={revision: replace(row, is_unassigned=True) for revision, row in shared.items()} | latest,
        found_out=frozenset(found_out),
        unknown=tuple(dict.fromkeys(unknown)),
        is_alone=is_alone,
    )


def _left_applied(rows: Iterable[Entry]) -> int:
    """How many histories have the revision applied, as far as these rows say."""
    ran = Counter(row.direction for row in rows if row.state == "applied")
    return ran[Direction.UPGRADE] - ran[Direction.DOWNGRADE]
