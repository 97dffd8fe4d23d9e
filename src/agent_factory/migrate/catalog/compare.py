"""Where two catalogs differ, object by object, and the statement that would fix each difference."""

from dataclasses import dataclass

from agent_factory.migrate.catalog.follows import changes
from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key, is_attached, key_of_table
from agent_factory.migrate.catalog.remedies import find_remedy
from agent_factory.migrate.catalog.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One object that is not as expected; ``expected`` or ``found`` is None when there is none.

    ``remedy`` makes what was found into what was expected, with its comments and grants, owned by whoever
    runs it. It is None where no statement is certain to do that, and where it would delete rows. Several
    statements are separated by ``;`` and a new line.
    """

    kind: str
    name: str
    table: str | None
    expected: str | None
    found: str | None
    remedy: str | None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: expected {self.expected or 'none'}, found {self.found or 'none'}"


def compare(expected: Catalog, found: Catalog) -> tuple[Difference, ...]:
    """Return the objects that are not the same in both, sorted by kind and name.

    What comes and goes with something else is left out where that differs: a missing table is one
    difference, whatever it had. A renamed object is a missing and an extra one. Raises ValueError for
    catalogs of databases that do not speak the same SQL.
    """
    if expected.backend != found.backend:
        raise ValueError(f"a catalog of {found.backend} cannot be compared with one of {expected.backend}")
    if expected.objects == found.objects:
        return ()
    wanted, there = Snapshot.of(expected), Snapshot.of(found)
    return tuple(
        Difference(
            kind=kind,
            name=name,
            table=(wanted.get((kind, name)) or there.objects[kind, name]).table,
            expected=_shown((kind, name), wanted, there),
            found=_shown((kind, name), there, wanted),
            remedy=find_remedy((kind, name), wanted, there),
        )
        for kind, name in wanted.keys_that_differ(there)
        if not _follows((kind, name), wanted, there)
    )


def _shown(key: Key, snapshot: Snapshot, other: Snapshot) -> str | None:
    """Return the definition; that of a table which the other lacks has its columns too, as these follow."""
    one = snapshot.get(key)
    if one is None:
        return None
    shown_with = snapshot.kind_of(one).shown_with
    if shown_with is None or key in other.objects:
        return one.definition
    parts = ", ".join(
        f"{part.name.removeprefix(f'{one.name}.')} {part.definition}"
        for part in snapshot.objects.values()
        if part.kind == shown_with.name and part.table == one.name
    )
    return f"{one.definition} ({parts})"


def _follows(key: Key, wanted: Snapshot, there: Snapshot) -> bool:
    """Say whether this difference follows from another one."""
    expected, found = wanted.get(key), there.get(key)
    if (expected is None or _lacks_its_parent(expected, wanted, there)) and (
        found is None or _lacks_its_parent(found, there, wanted)
    ):
        return True
    if _follows_from_attaching(expected, found, wanted, there):
        return True
    one = expected or there.objects[key]
    parents = wanted.get(one.parent), there.get(one.parent)
    if parents[0] is None or parents[1] is None or parents[0] == parents[1]:
        return False
    follows = wanted.kind_of(one).follows
    return follows is not None and follows((expected, found), (parents[0], parents[1]))


def _lacks_its_parent(one: CatalogObject, snapshot: Snapshot, other: Snapshot) -> bool:
    """Say whether what the object is part of is in its own catalog only."""
    return any(
        parent in snapshot.objects
        and (parent not in other.objects or _lacks_its_parent(snapshot.objects[parent], snapshot, other))
        for parent in (one.parent, key_of_table(one))
        if parent is not None
    )


def _follows_from_attaching(
    expected: CatalogObject | None, found: CatalogObject | None, wanted: Snapshot, there: Snapshot
) -> bool:
    """Say whether it is what attaching or detaching a partition does to the partition's parts."""
    one = expected or found
    table = key_of_table(one) if one is not None else None
    before, after = wanted.get(table), there.get(table)
    if one is None or before is None or after is None or not _is_attaching(changes(before, after)):
        return False
    if expected is None or found is None:
        return is_attached(one)
    return _is_attaching(changes(expected, found))


def _is_attaching(change: tuple[frozenset[str], frozenset[str]]) -> bool:
    """Say whether nothing else changed than what it is a partition of."""
    clauses = change[0] | change[1]
    return bool(clauses) and all(clause.startswith("PARTITION OF ") for clause in clauses)
