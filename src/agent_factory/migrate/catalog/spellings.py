"""Two spellings of one thing: what PostgreSQL prints in other words once it has parsed its own.

``CHECK (x IN ('a', 'b'))`` on a varchar is printed in one way where the statement was run, and in another one
after dump and restore. No text is taken apart to see that. A dump that is restored on a throwaway server
shows what becomes of each text, and two texts that come to the same are one.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key
from agent_factory.migrate.catalog.registry import kinds_of

_Spelled = tuple[Key, str, str]
"""The key of an object, the name of one of its fields, and the clause that it has there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spellings:
    """``later`` gives the clause that a clause becomes by a restore, where that is another one."""

    later: Mapping[_Spelled, str]

    def __or__(self, other: "Spellings") -> "Spellings":
        return Spellings(later={**other.later, **self.later})

    def settled(self, key: Key, name: str, clause: str) -> str:
        """Return the clause that it is at last, after as many restores as are known."""
        seen = [clause]
        while (clause := self.later.get((key, name, clause), clause)) not in seen:
            seen.append(clause)
        return min(seen[seen.index(clause) :])  # of clauses that become each other in turn always the same


NO_SPELLINGS = Spellings(later={})


def learn_spellings(catalog: Catalog, again: Catalog) -> Spellings:
    """Return what a restore has made of the clauses that PostgreSQL prints; ``again`` is read after it."""
    later = {one.key: _printed(one, again.backend) for one in again.objects}
    return Spellings(
        later={
            (one.key, name, clause): other
            for one in catalog.objects
            for name, clause in _printed(one, catalog.backend).items()
            if (other := later.get(one.key, {}).get(name)) is not None and other != clause
        }
    )


def spelled_differently(expected: Catalog, found: Catalog) -> frozenset[tuple[Key, str]]:
    """Return what both have with another clause of those that PostgreSQL prints: the object, the field."""
    return frozenset(
        (one.key, name)
        for other, one in _pairs_that_differ(expected, found)
        for name, clause in _printed(one, found.backend).items()
        if clause != _printed(other, expected.backend).get(name, clause)
    )


def in_words_of(expected: Catalog, found: Catalog, spellings: Spellings) -> Catalog:
    """Return what was found, with the clauses of ``expected`` for other spellings of these.

    Only of clauses that PostgreSQL prints, each by itself: whatever else differs in the object stays.
    """
    if not spellings.later:
        return found
    words = {one.key: other for other, one in _pairs_that_differ(expected, found)}
    objects = (
        _in_words_of(words[one.key], one, spellings, found.backend) if one.key in words else one
        for one in found.objects
    )
    return replace(found, objects=tuple(objects))


def _in_words_of(
    expected: CatalogObject, found: CatalogObject, spellings: Spellings, backend: str
) -> CatalogObject:
    printed = _printed(expected, backend)
    if not printed:
        return found

    def spelled(name: str, clause: str) -> str:
        wanted = printed.get(name, clause)
        is_same = spellings.settled(found.key, name, wanted) == spellings.settled(found.key, name, clause)
        return wanted if is_same else clause

    return replace(found, clauses=tuple(map(spelled, found.fields, found.clauses)))


def _pairs_that_differ(expected: Catalog, found: Catalog) -> list[tuple[CatalogObject, CatalogObject]]:
    others = {one.key: one for one in expected.objects}
    return [
        (other, one) for one in found.objects if (other := others.get(one.key)) is not None and other != one
    ]


def _printed(one: CatalogObject, backend: str) -> Mapping[str, str]:
    """Return the object's clauses that PostgreSQL prints, by the names of their fields."""
    names = _printed_fields(backend)[one.kind]
    return {name: clause for name, clause in zip(one.fields, one.clauses, strict=False) if name in names}


@functools.cache
def _printed_fields(backend: str) -> Mapping[str, frozenset[str]]:
    return {name: kind.printed for name, kind in kinds_of(backend).items()}
