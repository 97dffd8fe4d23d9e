"""Settings that a fresh copy of a schema has otherwise than its original, though nothing has changed it.

What PostgreSQL keeps beside an object may be its own affair: since its releases of November 2026 a number in
the options of each column, another one in every database. What is known of that kind is not read at all; this
finds the next one by what it does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class UnkeptSetting:
    """A setting of a kind of object that a copy does not keep; ``objects`` are how many show it."""

    kind: str
    setting: str
    objects: int

    def __str__(self) -> str:
        return f"{self.setting} of {self.objects} {self.kind}{'s' if self.objects > 1 else ''}"


def find_unkept_settings(
    original: Catalog, copy: Catalog, *, changed: Collection[Key] = ()
) -> tuple[UnkeptSetting, ...]:
    """Return the settings in which an object of the copy is not as the original's, both untouched.

    ``changed`` are the objects that a revision changes: what they show proves nothing. A part of an object's
    definition is never among them.
    """
    copies = {one.key: one for one in copy.objects}
    found: dict[tuple[str, str], int] = {}
    for one in original.objects:
        other = copies.get(one.key)
        if other is None or other.clauses == one.clauses or one.key in changed:
            continue
        mine, theirs = _settings(one), _settings(other)
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name):
                found[one.kind, name] = found.get((one.kind, name), 0) + 1
    return tuple(
        UnkeptSetting(kind=kind, setting=name, objects=count) for (kind, name), count in sorted(found.items())
    )


def without_settings(catalog: Catalog, unkept: Collection[UnkeptSetting]) -> Catalog:
    """Return the catalog without these settings, of every object of their kinds."""
    if not unkept:
        return catalog
    names = {(item.kind, item.setting) for item in unkept}
    kinds = {item.kind for item in unkept}
    return replace(
        catalog,
        objects=tuple(_without(one, names) if one.kind in kinds else one for one in catalog.objects),
    )


def changed_between(before: Catalog, after: Catalog) -> frozenset[Key]:
    """Return what is not the same in both, or in one alone."""
    was, now = ({one.key: one for one in catalog.objects} for catalog in (before, after))
    return frozenset(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))


def _settings(one: CatalogObject) -> Mapping[str, str]:
    return {name: clause for name, clause in zip(one.settings, one.clauses, strict=False) if name is not None}


def _without(one: CatalogObject, names: Collection[tuple[str, str]]) -> CatalogObject:
    if not any((one.kind, name) in names for name in one.settings):
        return one
    kept = [
        (clause, name)
        for clause, name in zip(one.clauses, one.settings, strict=True)
        if (one.kind, name) not in names
    ]
    return replace(one, clauses=tuple(c for c, _ in kept), settings=tuple(name for _, name in kept))
