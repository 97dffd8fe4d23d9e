"""Text for people: the revisions of a history, as a table, or as a block for each where that has no room."""

from collections.abc import Sequence

from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.results import HistoryEntry, HistoryResult
from agent_factory.migrate.report.screen import Screen

WIDE = 120
"""Columns from which a terminal has room for all that the journal knows."""
LEAST_MESSAGE = 24
"""Cells that a message has in a table, or it becomes a column of syllables."""

_UNWRAPPED = frozenset({"", "#", "revision", "follows", "state"})
_GAP = 3


def show_history(screen: Screen, result: HistoryResult) -> None:
    """Print every revision, newest first, with what the database and its journal have of it."""
    narrow = screen.is_terminal and screen.width < WIDE
    rows = [(_cells(entry, narrow=narrow), "" if entry.is_applied else "yellow") for entry in result.entries]
    if not rows:
        screen.line(("no revisions", ""))
        return
    columns = [("", "bold green"), ("revision", "bold"), ("follows", "dim"), ("message", ""), ("state", "")]
    if any(cells[-1] for cells, _style in rows):
        columns.append(("when, by whom" if narrow else "when, how long, by whom", "dim"))
    else:
        rows = [(cells[:-1], style) for cells, style in rows]
    if screen.is_terminal and _left_for_messages(screen.width, [cells for cells, _ in rows]) < LEAST_MESSAGE:
        for cells, style in rows:
            _show_block(screen, cells, style)
        return
    screen.table(columns, rows, unwrapped=_UNWRAPPED)


def _left_for_messages(width: int, rows: Sequence[Sequence[str]]) -> int:
    others = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    del others[3]
    return width - sum(others) - _GAP * len(others)


def _show_block(screen: Screen, cells: Sequence[str], style: str) -> None:
    """Print a revision over as many lines as its facts need; none is broken into a column."""
    from agent_factory.migrate.report.folding import fold_words

    mark, revision, follows, message, state, *when = cells
    lead = f"{mark:<3}"
    room = max(screen.width - len(lead), LEAST_MESSAGE)
    first, *others = fold_words(message, room, first=max(room - len(revision) - 2, 1)) or [""]
    lines = [((lead, "bold green"), (revision, "bold"), (f"  {first}", style))]
    facts = [*others, *fold_words(f"follows {follows}; {state}", room)]
    facts += [line for text in when for line in fold_words(text, room)]
    screen.lines([*lines, *((("   ", ""), (line, style or "dim")) for line in facts)])


def _cells(entry: HistoryEntry, *, narrow: bool) -> list[str]:
    revision = entry.revision
    labels = f" ({', '.join(revision.branch_labels)})" if revision.branch_labels else ""
    marks = ["applied" if entry.is_applied else "pending"]
    marks += ["edited since"] if entry.is_edited else []
    marks += ["current"] if entry.is_current else []
    marks += ["head"] if revision.is_head else []
    return [
        *("->" if entry.is_current else "", revision.id, ", ".join(revision.parents) or "base"),
        *(revision.message + labels, ", ".join(marks), _applied_by(entry, narrow=narrow)),
    ]


def _applied_by(entry: HistoryEntry, *, narrow: bool) -> str:
    if entry.by is None:
        unknown = "of an unknown version table" if entry.is_of_unknown_table else ""
        return "not by af-db" if entry.is_outside else unknown
    by = entry.by
    adopted = "adopted " if by.is_adopted else ""
    if narrow:
        return f"{adopted}{by.at:%Y-%m-%d %H:%M}, {by.os_user}"
    when = f"{adopted}{by.at:%Y-%m-%d %H:%M:%S %Z}"
    took = f", {show_duration(by.duration_s)}" if by.duration_s is not None and not adopted else ""
    return f"{when}{took}, {by.os_user}@{by.host} as {by.db_role}"
