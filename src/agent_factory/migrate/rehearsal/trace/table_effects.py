"""From what is known of a table while a statement ran to the effect that the statement had on it.

``pg_locks`` shows the modes that a transaction holds, not how often it took them. So a statement that takes
a mode which an earlier one already holds leaves no sign there, and its lock is found from what it did: the
lock that its changes take by the manual, that of a rewrite, of reading and writing rows. Where there is only
a sign that something was done (a comment, an option of the table), the strongest lock that is held counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.trace.statements import Change, ChangeKind, TableEffect

_NEEDS = {
    ChangeKind.ADD_FOREIGN_KEY: LockMode.SHARE_ROW_EXCLUSIVE,
    ChangeKind.VALIDATE_CONSTRAINT: LockMode.SHARE_UPDATE_EXCLUSIVE,
    ChangeKind.ADD_INDEX: LockMode.SHARE,
    ChangeKind.RENAME_INDEX: LockMode.SHARE_UPDATE_EXCLUSIVE,
    ChangeKind.ADD_TRIGGER: LockMode.SHARE_ROW_EXCLUSIVE,
}
"""What a change needs where that is not ACCESS EXCLUSIVE (the manual's pages on the statements)."""

_NEEDS_CONCURRENTLY = {
    ChangeKind.ADD_INDEX: LockMode.SHARE_UPDATE_EXCLUSIVE,
    ChangeKind.DROP_INDEX: LockMode.SHARE_UPDATE_EXCLUSIVE,
}

_ROWS_ONLY = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})


@dataclass(slots=True, kw_only=True)
class Signs:
    """What is known of one table.

    ``held`` are the modes from before the statement, with the number of the statement that took each,
    ``taken`` those that it added, ``for_others`` those that changes of other tables need on this one.
    ``is_touched``: rows of the catalog changed.
    """

    table: str
    is_new: bool
    first_name: str | None
    taken: set[LockMode] = field(default_factory=set)
    held: dict[LockMode, int] = field(default_factory=dict)
    for_others: set[LockMode] = field(default_factory=set)
    changes: tuple[Change, ...] = ()
    is_touched: bool = False
    scans: bool = False
    uses_index: bool = False
    writes: bool = False
    rewrites: bool = False


def effect_of(signs: Signs, command: str) -> TableEffect | None:
    """Return the effect on this table of a statement with this command tag; None when it had none."""
    needs = set(signs.taken)
    if signs.held:
        needs |= {lock for lock in _needed_again(signs, command) if lock <= max(signs.held)}
    elif not needs:
        needs |= {_NEEDS_CONCURRENTLY.get(c.kind) or lock_needed(c.kind) for c in signs.changes}
    if not needs:
        return None
    lock = max(needs)
    return TableEffect(
        table=signs.table,
        lock=lock,
        rewrites=signs.rewrites,
        scans=signs.scans,
        is_new=signs.is_new,
        held_since=min((since for mode, since in signs.held.items() if mode >= lock), default=None),
        first_name=signs.first_name,
    )


def lock_needed(kind: ChangeKind) -> LockMode:
    """Return the lock that a change takes on its table, in a transaction."""
    return _NEEDS.get(kind, LockMode.ACCESS_EXCLUSIVE)


def _needed_again(signs: Signs, command: str) -> Iterator[LockMode]:
    yield from (lock_needed(change.kind) for change in signs.changes)
    if signs.rewrites:
        yield LockMode.ACCESS_EXCLUSIVE
    yield from signs.for_others
    if signs.taken or signs.changes or signs.for_others:
        return  # the rest is explained by these
    if command in _ROWS_ONLY:
        if signs.writes or signs.scans or signs.uses_index:
            # Reading for a SELECT and for an UPDATE that finds no row looks the same.
            yield max(
                (mode for mode in signs.held if mode <= LockMode.ROW_EXCLUSIVE), default=LockMode.ACCESS_SHARE
            )
    elif signs.is_touched or signs.writes or signs.scans or signs.uses_index:
        yield max(signs.held)
