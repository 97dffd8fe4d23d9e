"""``history``, from the texts of the files, the version table and the journal."""

import sys
from collections.abc import Mapping
from pathlib import Path

from agent_factory.migrate.journal.applied import describe_past
from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.results import HistoryResult
from agent_factory.migrate.quick.project import History
from agent_factory.migrate.revisions.graph import build_graph


def describe_history(
    database: str, history: History, rows: tuple[str, ...], entries: Mapping[str, Entry] | None
) -> HistoryResult | None:
    """Return every revision, newest first; None where Alembic's order, labels or messages are not known.

    Labels spread from revision to revision, and dependencies come in an order that only Alembic has.
    """
    files = history.read_details()
    graph = build_graph([each for _sha256, each in files.values()])
    if graph is None or graph.depends_on or any(each.labels for _sha256, each in files.values()):
        return None
    if sys.flags.optimize > 1:  # Python leaves out the texts that are messages
        return None
    revisions: dict[str, Revision] = {}
    for path, (_sha256, each) in files.items():
        if each.message is None:
            return None
        revisions[each.id] = Revision(
            id=each.id,
            message=each.message,
            path=Path(path),
            parents=each.parents,
            branch_labels=(),
            is_head=each.id in history.heads,
        )
    return HistoryResult(
        database=database,
        entries=describe_past(
            [revisions[each] for each in graph.newest_first()],
            applied=graph.ancestors([row for row in rows if row in revisions]),
            current=rows,
            entries=entries,
            sha256_of=lambda path: files[str(path)][0],
        ),
        heads=history.heads,
        unknown=tuple(row for row in rows if row not in revisions),
    )
