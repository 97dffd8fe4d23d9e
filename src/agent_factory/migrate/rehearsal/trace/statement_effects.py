"""What a statement did: found from two snapshots of its locks and from the catalog rows that changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent_factory.migrate.model.locks import Blocks, LockMode
from agent_factory.migrate.rehearsal.trace.changes import compare, in_order
from agent_factory.migrate.rehearsal.trace.lock_snapshot import Counts, LockSnapshot
from agent_factory.migrate.rehearsal.trace.relations import Relation
from agent_factory.migrate.rehearsal.trace.schema_snapshot import SchemaSnapshot, Update
from agent_factory.migrate.rehearsal.trace.statements import Change, ChangeKind, HeldLock, TableEffect
from agent_factory.migrate.rehearsal.trace.table_effects import Signs, effect_of

Since = Mapping[tuple[int, LockMode], int]
"""The number of the statement that took a lock of the open transaction, by relation and mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEffects:
    """What one statement did to each table, the strongest lock first, and what it changed in the schema."""

    effects: tuple[TableEffect, ...]
    changes: tuple[Change, ...]


def tables_of(schema: SchemaSnapshot, *snapshots: LockSnapshot) -> dict[int, int]:
    """Return for each relation of the snapshots the table that its lock is reported as.

    Relations that are not reported are left out.
    """
    oids = {oid for snapshot in snapshots for oid in (*snapshot.locks, *snapshot.counts)}
    tables = {oid: schema.table_of(oid) for oid in oids}
    return {oid: table for oid, table in tables.items() if table is not None}


def held_locks(schema: SchemaSnapshot, before: LockSnapshot, since: Since) -> tuple[HeldLock, ...]:
    """Return the locks that block at least DDL on tables from before the trace, the strongest of each."""
    tables = tables_of(schema, before)
    strongest: dict[int, HeldLock] = {}
    for oid, modes in before.locks.items():
        table, mode = tables.get(oid), max(modes)
        if table is None or schema.is_new(table) or schema.is_new_index(oid) or mode.blocks is Blocks.NOTHING:
            continue
        held = HeldLock(table=schema.name(table), lock=mode, since=since.get((oid, mode), 0))
        strongest[table] = min(held, strongest.get(table, held), key=lambda lock: (-lock.lock, lock.since))
    return tuple(sorted(strongest.values(), key=lambda lock: (lock.since, -lock.lock, lock.table)))


def effects_between(
    schema: SchemaSnapshot,
    tables: Mapping[int, int],
    updates: Mapping[int, Update],
    since: Since,
    before: LockSnapshot,
    after: LockSnapshot,
    *,
    command: str,
    in_transaction: bool,
) -> StatementEffects:
    """Return what a statement did between two snapshots.

    ``tables`` is what ``tables_of`` returned before the schema was updated, ``updates`` the relations that
    changed since. Outside a transaction the snapshots may lack locks and counts, and a TRUNCATE is reported
    as a rewrite.
    """
    signs = _SignsByTable(schema, updates)
    _note_locks(signs, tables, updates, since, before, after)
    _note_counts(signs, tables, before, after)
    can_be_truncate = in_transaction and not _has_made_tables(updates, before, after)
    for oid, (old, new) in updates.items():
        if (either := old or new) is None or either.kind == "S":
            continue
        _note_update(signs[oid], old, new, can_be_truncate=can_be_truncate)
        for referred, lock in _foreign_keys(old, new):
            if referred != oid and referred in signs:
                signs[referred].for_others.add(lock)
        if not in_transaction and old and new and new.index_oids - old.index_oids:
            signs[oid].scans = True  # not every server can be asked for counts there
    each_table = [signs[table] for table in sorted(signs)]
    changed = {each.table for each in each_table if each.changes}
    effects = [effect for each in each_table if (effect := effect_of(each, command)) is not None]
    return StatementEffects(
        effects=tuple(sorted(effects, key=lambda e: (-e.lock, e.table not in changed, e.table))),
        changes=in_order(change for each in each_table for change in each.changes),
    )


class _SignsByTable(dict[int, Signs]):
    """The signs of each table, made when they are first asked for."""

    def __init__(self, schema: SchemaSnapshot, updates: Mapping[int, Update]) -> None:
        super().__init__()
        self._schema = schema
        self._updates = updates

    def __missing__(self, table: int) -> Signs:
        old, new = self._updates.get(table, (None, None))
        either = old or new
        name = either.name if either else self._schema.name(table)
        first_name = self._schema.first_name(table)
        self[table] = Signs(
            table=name,
            is_new=self._schema.is_new(table),
            first_name=first_name if first_name != name else None,
        )
        return self[table]


def _note_locks(
    signs: _SignsByTable,
    tables: Mapping[int, int],
    updates: Mapping[int, Update],
    since: Since,
    before: LockSnapshot,
    after: LockSnapshot,
) -> None:
    for oid, modes in after.locks.items():
        old, new = updates.get(oid, (None, None))
        is_new_table = old is None and new is not None and new.kind != "S"
        table = tables.get(oid, oid if is_new_table else None)
        if table is None:
            continue
        was_held = before.locks.get(oid, frozenset())
        signs[table].taken |= modes - was_held
        held = signs[table].held
        for mode in was_held:
            number = since.get((oid, mode), 0)
            held[mode] = min(number, held.get(mode, number))


def _note_counts(
    signs: _SignsByTable, tables: Mapping[int, int], before: LockSnapshot, after: LockSnapshot
) -> None:
    for oid, counts in after.counts.items():
        table, was = tables.get(oid), before.counts.get(oid, Counts())
        if table is None or counts == was:
            continue
        if table != oid:
            signs[table].uses_index = True
        else:
            signs[table].scans = counts.scans > was.scans
            signs[table].writes = counts.writes > was.writes


def _has_made_tables(updates: Mapping[int, Update], before: LockSnapshot, after: LockSnapshot) -> bool:
    """Say whether the statement has made and dropped something.

    A rewrite writes the rows into a table of its own, which is dropped when it has taken its place; its lock
    stays until the end of the transaction. TRUNCATE has no such table.
    """
    return any(
        mark is None and oid not in before.locks and oid not in updates for oid, mark in after.marks.items()
    )


def _foreign_keys(old: Relation | None, new: Relation | None) -> Iterator[tuple[int, LockMode]]:
    """The tables that foreign keys refer to which were added, checked or dropped, and the lock of that."""
    was = {oid: c for oid, c in (old.constraints if old else {}).items() if c.type == "f"}
    now = {oid: c for oid, c in (new.constraints if new else {}).items() if c.type == "f"}
    for oid, constraint in now.items():
        if oid not in was:
            yield constraint.refers_to, LockMode.SHARE_ROW_EXCLUSIVE
        elif constraint.is_valid and not was[oid].is_valid:
            yield constraint.refers_to, LockMode.ROW_SHARE
    for oid in was.keys() - now.keys():
        yield was[oid].refers_to, LockMode.ACCESS_EXCLUSIVE


def _note_update(signs: Signs, old: Relation | None, new: Relation | None, *, can_be_truncate: bool) -> None:
    signs.changes = compare(old, new)
    if old is None or new is None:
        return
    signs.is_touched = True
    if old.filenode != new.filenode and old.kind in "rm":
        if can_be_truncate and old.kind == "r" and old.tablespace == new.tablespace:
            signs.scans = False  # its indexes are built again, of nothing
            signs.changes = (*signs.changes, Change(kind=ChangeKind.TRUNCATE, table=signs.table))
        else:
            signs.rewrites = signs.scans = True
