"""Revisions put together, and the newest of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent_factory.migrate.graph.declared import Declared

_PLAIN_ID = re.compile(r"[^@:+\-\s]+")
"""What Alembic takes for a part of an id; it reads the other characters as something else."""

_SYMBOLS = frozenset({"base", "head", "heads", "current"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A history that Alembic takes. ``heads`` are the revisions that none follows, sorted.

    ``parents`` has every revision, with those that it follows.
    """

    parents: dict[str, tuple[str, ...]]
    depends_on: dict[str, tuple[str, ...]]
    heads: tuple[str, ...]

    def oldest_first(self) -> tuple[str, ...]:
        """Return the revisions so that each stands after those that it follows or depends on."""
        return tuple(_ordered({each: self._before(each) for each in self.parents}))

    def ancestors(self, revisions: Sequence[str]) -> frozenset[str]:
        """Return what a database at these revisions has applied, themselves included."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting.extend(self._before(revision))
        return frozenset(found)

    def _before(self, revision: str) -> tuple[str, ...]:
        return self.parents[revision] + self.depends_on.get(revision, ())


def build_graph(declared: Sequence[Declared]) -> Graph | None:
    """Return the graph of these revisions; None where Alembic would refuse them or may mean others."""
    by_name = {each.id: each.id for each in declared}
    if len(by_name) != len(declared):
        return None
    for each in declared:
        for name in each.labels:
            if name in by_name:
                return None
            by_name[name] = each.id
    if any(name in _SYMBOLS or not _PLAIN_ID.fullmatch(name) for name in by_name):
        return None
    parents = {each.id: each.parents for each in declared}
    try:
        depends_on = {
            each.id: tuple(by_name[name] for name in each.depends_on) for each in declared if each.depends_on
        }
    except KeyError:
        return None
    if any(parent not in parents for each in declared for parent in each.parents):
        return None
    graph = Graph(
        parents=parents,
        depends_on=depends_on,
        heads=tuple(sorted(parents.keys() - {name for each in declared for name in each.parents})),
    )
    return graph if len(graph.oldest_first()) == len(parents) else None


def _ordered(before: dict[str, tuple[str, ...]]) -> list[str]:
    """Kahn's order; what is part of a circle is left out."""
    missing = {each: len(set(names)) for each, names in before.items()}
    after: dict[str, list[str]] = {each: [] for each in before}
    for each, names in before.items():
        for name in set(names):
            after[name].append(each)
    ordered = [each for each, count in missing.items() if not count]
    for each in ordered:
        for later in after[each]:
            missing[later] -= 1
            if not missing[later]:
                ordered.append(later)
    return ordered
