"""Where two catalogs differ, object by object, and the statement that would fix each difference."""

from dataclasses import dataclass

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key, is_attached
from agent_factory.migrate.catalog.remedies import find_remedy
from agent_factory.migrate.catalog.snapshot import Snapshot

_CHANGED_WITH_PARENT = ("column", "constraint")
"""What PostgreSQL changes in a partition or a child table as it is changed in the parent."""

_WITHOUT_LIFE_OF_ITS_OWN = ("index", "trigger")
"""What a partition has because its parent has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One object that is not as expected; ``expected`` or ``found`` is None when there is none.

    ``remedy`` makes what was found into what was expected, with its comments and grants, owned by whoever
    runs it. It is None where that cannot be told for certain, and where it would delete rows. Several
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

    What comes and goes with something else is told by that alone: a missing table is one difference, whatever
    it had. A renamed object is a missing and an extra one. Raises ValueError for catalogs of databases that
    do not speak the same SQL.
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
            expected=_told((kind, name), wanted, there),
            found=_told((kind, name), there, wanted),
            remedy=find_remedy((kind, name), wanted, there, backend=expected.backend),
        )
        for kind, name in wanted.keys_that_differ(there)
        if not _follows((kind, name), wanted, there)
    )


def _told(key: Key, snapshot: Snapshot, other: Snapshot) -> str | None:
    """The definition; that of a table which the other side lacks with its columns, as they are not told."""
    one = snapshot.get(key)
    if one is None or one.kind not in ("table", "foreign table") or key in other.objects:
        return one.definition if one is not None else None
    columns = ", ".join(
        f"{part.name.removeprefix(f'{one.name}.')} {part.definition}"
        for part in snapshot.objects.values()
        if part.kind == "column" and part.table == one.name
    )
    return f"{one.definition} ({columns})"


def _follows(key: Key, wanted: Snapshot, there: Snapshot) -> bool:
    """Say whether this difference follows from another one, which is told."""
    expected, found = wanted.get(key), there.get(key)
    if (expected is None or _lacks_its_parent(expected, wanted, there)) and (
        found is None or _lacks_its_parent(found, there, wanted)
    ):
        return True
    if _follows_from_attaching(expected, found, wanted, there):
        return True
    one = expected or there.objects[key]
    parent = wanted.get(one.parent), there.get(one.parent)
    if parent[0] is None or parent[1] is None or parent[0] == parent[1]:
        return False
    if one.kind == "sequence" and (expected is None or found is None):
        return any("IDENTITY" in clause for clause in set(parent[0].clauses) ^ set(parent[1].clauses))
    if not is_attached(one):
        return False
    if one.kind in _WITHOUT_LIFE_OF_ITS_OWN:
        return True
    if expected is None or found is None:
        return False
    return one.kind in _CHANGED_WITH_PARENT and _change(expected, found) == _change(parent[0], parent[1])


def _lacks_its_parent(one: CatalogObject, snapshot: Snapshot, other: Snapshot) -> bool:
    """Say whether what the object is part of is on its side only."""
    parents = [one.parent] if one.parent is not None else []
    if one.table is not None and one.kind != "table":
        parents.append(("table", one.table))
    return any(
        parent in snapshot.objects
        and (parent not in other.objects or _lacks_its_parent(snapshot.objects[parent], snapshot, other))
        for parent in parents
    )


def _follows_from_attaching(
    expected: CatalogObject | None, found: CatalogObject | None, wanted: Snapshot, there: Snapshot
) -> bool:
    """Say whether it is what attaching or detaching a partition does to the partition's parts."""
    one = expected or found
    if one is None or one.table is None or one.kind == "table":
        return False
    table = wanted.get(("table", one.table)), there.get(("table", one.table))
    if table[0] is None or table[1] is None or not _is_attaching(_change(table[0], table[1])):
        return False
    if expected is None or found is None:
        return is_attached(one)
    return _is_attaching(_change(expected, found))


def _is_attaching(change: tuple[frozenset[str], frozenset[str]]) -> bool:
    """Say whether nothing else changed than what it is a partition of."""
    clauses = change[0] | change[1]
    return bool(clauses) and all(clause.startswith("PARTITION OF ") for clause in clauses)


def _change(before: CatalogObject, after: CatalogObject) -> tuple[frozenset[str], frozenset[str]]:
    """Return the clauses that go and those that come, the name of the table left out."""
    gone, come = (
        frozenset(clause.replace(str(one.table), "") for clause in one.clauses) for one in (before, after)
    )
    return gone - come, come - gone
