"""What changed between two readings of a relation, reported as changes to schema objects.

Objects are recognised by their numbers in the catalog, which a rename keeps. Changing a column's type makes
indexes and constraints again under their names: those are no changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from agent_factory.migrate.rehearsal.trace.relations import Column, Constraint, Enum, Part, Relation
from agent_factory.migrate.rehearsal.trace.statements import Change, ChangeKind

_ADDED = {
    "c": ChangeKind.ADD_CHECK,
    "f": ChangeKind.ADD_FOREIGN_KEY,
    "p": ChangeKind.ADD_PRIMARY_KEY,
    "u": ChangeKind.ADD_UNIQUE,
    "x": ChangeKind.ADD_EXCLUSION,
}
"""By ``pg_constraint.contype``. NOT NULL (``n``) belongs to the column; constraint triggers are triggers."""

_Made = TypeVar("_Made", Constraint, Part)

_ORDER = {kind: number for number, kind in enumerate(ChangeKind)}


def compare(old: Relation | None, new: Relation | None) -> tuple[Change, ...]:
    """Return what changed in a relation; None where it was not there, or is gone.

    Nothing is reported of a sequence: it is part of what draws from it.
    """
    either = old or new
    if either is None or either.kind == "S":
        return ()
    if old is None:
        kind = ChangeKind.CREATE_VIEW if either.is_view else ChangeKind.CREATE_TABLE
        created = Change(kind=kind, table=either.name, after=either.query)
        return (created, *_parents(either.name, frozenset(), either.parents))
    if new is None:
        kind = ChangeKind.DROP_VIEW if either.is_view else ChangeKind.DROP_TABLE
        return (Change(kind=kind, table=old.name, before=old.query),)
    return tuple(_relation(old, new))


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes in the order of ChangeKind."""
    return tuple(sorted(changes, key=lambda change: _ORDER[change.kind]))


def compare_enums(before: Mapping[int, Enum], after: Mapping[int, Enum]) -> tuple[Change, ...]:
    """Return the values that types which were there before got, or that were renamed."""
    changes = []
    for oid in sorted(before.keys() & after.keys()):
        old, new = before[oid], after[oid]
        for label_oid, label in new.labels.items():
            was = old.labels.get(label_oid)
            if was is None:
                changes.append(
                    Change(kind=ChangeKind.ADD_ENUM_VALUE, table=old.name, name=label, after=label)
                )
            elif was != label:
                changes.append(
                    Change(
                        kind=ChangeKind.RENAME_ENUM_VALUE, table=old.name, name=was, before=was, after=label
                    )
                )
    return tuple(changes)


def _relation(old: Relation, new: Relation) -> Iterator[Change]:
    table = old.name
    if old.name != new.name:
        kind = ChangeKind.RENAME_VIEW if old.is_view else ChangeKind.RENAME_TABLE
        yield Change(kind=kind, table=table, before=old.name, after=new.name)
    if old.query != new.query:
        yield Change(kind=ChangeKind.CHANGE_VIEW, table=table, before=old.query, after=new.query)
    if old.has_row_security != new.has_row_security:
        kind = ChangeKind.ENABLE_ROW_SECURITY if new.has_row_security else ChangeKind.DISABLE_ROW_SECURITY
        yield Change(kind=kind, table=table)
    yield from _parents(table, old.parents, new.parents)
    if old.is_view:
        # A view's columns are its query's.
        yield from _parts(ChangeKind.ADD_INDEX, ChangeKind.DROP_INDEX, table, old.indexes, new.indexes)
        return
    yield from _columns(table, old, new)
    retyped = any(
        old.columns[number].type_key != column.type_key
        for number, column in new.columns.items()
        if number in old.columns
    )
    yield from _constraints(table, old, new, retyped=retyped)
    yield from _indexes(table, old, new, retyped=retyped)
    yield from _parts(ChangeKind.ADD_TRIGGER, ChangeKind.DROP_TRIGGER, table, old.triggers, new.triggers)
    yield from _parts(ChangeKind.ADD_POLICY, ChangeKind.DROP_POLICY, table, old.policies, new.policies)


def _parents(table: str, old: frozenset[int], new: frozenset[int]) -> Iterator[Change]:
    if new - old:
        yield Change(kind=ChangeKind.ATTACH_PARTITION, table=table)
    if old - new:
        yield Change(kind=ChangeKind.DETACH_PARTITION, table=table)


def _columns(table: str, old: Relation, new: Relation) -> Iterator[Change]:
    for number, column in old.columns.items():
        now = new.columns.get(number)
        if now is None:
            yield Change(kind=ChangeKind.DROP_COLUMN, table=table, name=column.name, before=column.definition)
        else:
            yield from _column(table, number, column, now, new.constraints.values())
    for number, column in new.columns.items():
        if number not in old.columns:
            yield Change(kind=ChangeKind.ADD_COLUMN, table=table, name=column.name, after=column.definition)


def _column(
    table: str, number: int, old: Column, new: Column, constraints: Iterable[Constraint]
) -> Iterator[Change]:
    name = old.name
    if old.name != new.name:
        yield Change(kind=ChangeKind.RENAME_COLUMN, table=table, name=name, before=old.name, after=new.name)
    if old.type_key != new.type_key:
        yield Change(kind=ChangeKind.CHANGE_TYPE, table=table, name=name, before=old.type, after=new.type)
    if new.not_null and not old.not_null:
        unchecked = any(
            constraint.type == "n" and not constraint.is_valid and constraint.column == number
            for constraint in constraints
        )
        after = "NOT NULL NOT VALID" if unchecked else "NOT NULL"
        yield Change(kind=ChangeKind.SET_NOT_NULL, table=table, name=name, after=after)
    if old.not_null and not new.not_null:
        yield Change(kind=ChangeKind.DROP_NOT_NULL, table=table, name=name, before="NOT NULL")
    # A new type writes the default again with a cast, and what a search_path hides is no change.
    if old.default_key != new.default_key and old.default != new.default and old.type_key == new.type_key:
        yield Change(
            kind=ChangeKind.CHANGE_DEFAULT, table=table, name=name, before=old.default, after=new.default
        )


def _constraints(table: str, old: Relation, new: Relation, *, retyped: bool) -> Iterator[Change]:
    gone = {oid: c for oid, c in old.constraints.items() if oid not in new.constraints and c.type in _ADDED}
    come = {oid: c for oid, c in new.constraints.items() if oid not in old.constraints and c.type in _ADDED}
    gone, come = _without_remade(gone, come, retyped=retyped)
    for constraint in gone.values():
        yield Change(
            kind=ChangeKind.DROP_CONSTRAINT,
            table=table,
            name=constraint.name,
            before=constraint.definition,
        )
    for constraint in come.values():
        made_of = old.indexes.get(constraint.index)
        yield Change(
            kind=_ADDED[constraint.type],
            table=table,
            name=constraint.name,
            before=made_of.definition if made_of and constraint.type in "pux" else None,
            after=constraint.definition,
        )
    for oid in sorted(old.constraints.keys() & new.constraints.keys()):
        yield from _constraint(table, old.constraints[oid], new.constraints[oid])


def _constraint(table: str, old: Constraint, new: Constraint) -> Iterator[Change]:
    name = old.name
    if old.name != new.name:
        yield Change(
            kind=ChangeKind.RENAME_CONSTRAINT, table=table, name=name, before=old.name, after=new.name
        )
    for kind in (
        *([ChangeKind.VALIDATE_CONSTRAINT] if new.is_valid and not old.is_valid else []),
        *([ChangeKind.CHANGE_CONSTRAINT] if new.options != old.options else []),
    ):
        yield Change(kind=kind, table=table, name=name, before=old.definition, after=new.definition)


def _indexes(table: str, old: Relation, new: Relation, *, retyped: bool) -> Iterator[Change]:
    gone = {oid: i for oid, i in old.indexes.items() if oid not in new.index_oids}
    come = {oid: i for oid, i in new.indexes.items() if oid not in old.index_oids}
    gone, come = _without_remade(gone, come, retyped=retyped)
    for index in gone.values():
        yield Change(kind=ChangeKind.DROP_INDEX, table=table, name=index.name, before=index.definition)
    for index in come.values():
        yield Change(kind=ChangeKind.ADD_INDEX, table=table, name=index.name, after=index.definition)
    for oid in sorted(old.indexes.keys() & new.indexes.keys()):
        was, now = old.indexes[oid].name, new.indexes[oid].name
        if was != now:
            yield Change(kind=ChangeKind.RENAME_INDEX, table=table, name=was, before=was, after=now)


def _parts(
    added: ChangeKind, dropped: ChangeKind, table: str, old: Mapping[int, Part], new: Mapping[int, Part]
) -> Iterator[Change]:
    for oid, part in old.items():
        if oid not in new:
            yield Change(kind=dropped, table=table, name=part.name, before=part.definition)
    for oid, part in new.items():
        if oid not in old:
            yield Change(kind=added, table=table, name=part.name, after=part.definition)


def _without_remade(
    gone: dict[int, _Made], come: dict[int, _Made], *, retyped: bool
) -> tuple[dict[int, _Made], dict[int, _Made]]:
    """Leave out what was dropped and made again the same: a new type, REINDEX CONCURRENTLY."""
    names = {
        old.name
        for old in gone.values()
        for new in come.values()
        if old.name == new.name and (retyped or old.definition == new.definition)
    }
    return (
        {oid: item for oid, item in gone.items() if item.name not in names},
        {oid: item for oid, item in come.items() if item.name not in names},
    )
