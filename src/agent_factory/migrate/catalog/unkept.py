"""Settings in which a fresh copy of a schema differs from its original, though nothing has changed it.

What PostgreSQL keeps beside an object may be its own affair: since its releases of November 2026 a number in
the options of each column, another one in every database. What is known of that kind is not read at all; this
finds the next one by what it does.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key
from agent_factory.migrate.catalog.registry import kinds_of
from agent_factory.migrate.db.sql import bare_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class UnkeptSettings:
    """``of_kinds`` are settings of a kind of object that most objects show not to be kept, each with how many
    do; ``of_objects`` those that single objects show, while others keep theirs."""

    of_kinds: Mapping[tuple[str, str], int]
    of_objects: Collection[tuple[Key, str]]

    def named(self) -> tuple[str, ...]:
        """Return them in words."""
        return (
            *(
                f"{setting} of each {kind} ({count} differ)"
                for (kind, setting), count in self.of_kinds.items()
            ),
            *(f"{setting} of {kind} {name}" for (kind, name), setting in self.of_objects),
        )


NONE_UNKEPT = UnkeptSettings(of_kinds={}, of_objects=())


def find_unkept_settings(
    original: Catalog, copy: Catalog, *, changed: Collection[Key] = (), failed: Collection[str] = ()
) -> UnkeptSettings:
    """Return the settings in which objects of the copy are not as the original's.

    A setting counts as one that is not kept, for all objects of its kind, where it differs for most
    of them. ``changed`` are the objects that a revision changes, ``failed`` those of which the copy's server
    has refused a statement, unquoted: what they show proves nothing. A part of an object's definition is
    never among them.
    """
    settings = {name: kind.settings for name, kind in kinds_of(original.backend).items()}
    copies = {one.key: one for one in copy.objects}
    differ: dict[tuple[Key, str], bool] = {}
    kept: Counter[tuple[str, str]] = Counter()
    for one in original.objects:
        other = copies.get(one.key)
        if other is None:
            continue
        is_failed = bool(failed) and ".".join(bare_parts(one.table or one.name)) in failed
        proves = one.key not in changed and not is_failed
        mine, theirs = (_only(settings[one.kind], of) for of in (one, other))
        for name in sorted(mine.keys() | theirs.keys()):
            if mine.get(name) != theirs.get(name):
                differ[one.key, name] = proves
            elif proves:
                kept[one.kind, name] += 1
    shown = Counter((kind, name) for ((kind, _), name), is_proof in differ.items() if is_proof)
    of_kinds = {setting: count for setting, count in sorted(shown.items()) if count > kept[setting]}
    return UnkeptSettings(
        of_kinds=of_kinds,
        of_objects=tuple((key, name) for key, name in sorted(differ) if (key[0], name) not in of_kinds),
    )


def some_setting_differs(one: Catalog, other: Catalog) -> bool:
    """Say whether an object that both have is not the same in a setting."""
    unkept = find_unkept_settings(one, other)
    return bool(unkept.of_kinds or unkept.of_objects)


def without_settings(catalog: Catalog, unkept: UnkeptSettings, *, also_of_objects: bool = False) -> Catalog:
    """Return the catalog without the settings that no object of a kind keeps, and those of single objects."""
    of_objects = set(unkept.of_objects) if also_of_objects else set()
    if not unkept.of_kinds and not of_objects:
        return catalog
    return replace(
        catalog, objects=tuple(_without(one, unkept.of_kinds, of_objects) for one in catalog.objects)
    )


def changed_between(before: Catalog, after: Catalog) -> frozenset[Key]:
    """Return what is not the same in both, or in one alone."""
    was, now = ({one.key: one for one in catalog.objects} for catalog in (before, after))
    return frozenset(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))


def _only(settings: Collection[str], one: CatalogObject) -> Mapping[str, str]:
    """Return the object's clauses for these fields, by the fields' names."""
    return {name: clause for name, clause in zip(one.fields, one.clauses, strict=False) if name in settings}


def _without(
    one: CatalogObject, of_kinds: Collection[tuple[str, str]], of_objects: Collection[tuple[Key, str]]
) -> CatalogObject:
    kept = [
        (clause, name)
        for clause, name in zip(one.clauses, one.fields, strict=False)
        if (one.kind, name) not in of_kinds and (one.key, name) not in of_objects
    ]
    if len(kept) == len(one.fields):
        return one
    return replace(one, clauses=tuple(c for c, _ in kept), fields=tuple(name for _, name in kept))
