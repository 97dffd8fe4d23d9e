"""Revisions put together, and the newest of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent_factory.migrate.revisions.graph.declared import Declared
from agent_factory.migrate.revisions.graph.labels import own_labels

_PLAIN_ID = re.compile(r"[^@:+\-\s]+")
"""What Alembic takes for a part of an id; it reads the other characters as something else."""

_SYMBOLS = frozenset({"base", "head", "heads", "current"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A history that Alembic takes. ``heads`` are the revisions that none follows, sorted.

    ``parents`` has every revision, with those that it follows, in the order of the files; ``labels`` has
    those that declare some.
    """

    parents: dict[str, tuple[str, ...]]
    depends_on: dict[str, tuple[str, ...]]
    heads: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]

    @property
    def branches(self) -> tuple[str, ...]:
        """A label for each effective head, where each has one of its own: they are meant to stay apart."""
        lines = [_reached([head], lambda each: self.parents[each]) for head in self.effective_heads]
        return own_labels([{label for each in line for label in self.labels.get(each, ())} for line in lines])

    @property
    def effective_heads(self) -> tuple[str, ...]:
        """The heads that no other revision depends on: what a database that has everything is at."""
        needed = {name for names in self.depends_on.values() for name in names}
        return tuple(head for head in self.heads if head not in needed)

    def oldest_first(self) -> tuple[str, ...]:
        """Return the revisions so that each stands after those that it follows or depends on."""
        return tuple(_ordered({each: self._before(each) for each in self.parents}))

    def newest_first(self) -> tuple[str, ...]:
        """Return the revisions in the order in which Alembic lists them, of a history without ``depends_on``.

        It goes down one branch to where another one meets it, and goes on with the first that has to be
        listed before (alembic.script.revision, 1.20). Dependencies it takes in an order that is chance.
        """
        after = _turned(self.parents)
        tips = [each for each, names in after.items() if not names]
        listed: dict[str, None] = {}
        place = 0

        def not_listed(name: str) -> list[str]:
            return [each for each in after[name] if each not in listed]

        while tips:
            tip = tips[place]
            above = _reached(not_listed(tip), not_listed)
            if above:
                place = next(number for number, other in enumerate(tips) if other in above)
                continue
            listed[tip] = None
            new = [name for name in dict.fromkeys(self.parents[tip]) if name not in tips]
            if new:
                tips[place] = new[0]
                tips += new[1:]
            else:
                del tips[place]
                place = max(place - 1, 0)
        return tuple(listed)

    def ancestors(self, revisions: Sequence[str]) -> frozenset[str]:
        """Return what a database at these revisions has applied, themselves included."""
        return _reached(revisions, self._before)

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
        labels={each.id: tuple(each.labels) for each in declared if each.labels},
    )
    return graph if len(graph.oldest_first()) == len(parents) else None


def _ordered(before: dict[str, tuple[str, ...]]) -> list[str]:
    """Kahn's order; what is part of a circle is left out."""
    missing = {each: len(set(names)) for each, names in before.items()}
    after = _turned(before)
    ordered = [each for each, count in missing.items() if not count]
    for each in ordered:
        for later in after[each]:
            missing[later] -= 1
            if not missing[later]:
                ordered.append(later)
    return ordered


def _reached(revisions: Sequence[str], following: Callable[[str], Sequence[str]]) -> frozenset[str]:
    """These revisions, those that follow on them, and so on."""
    found: set[str] = set()
    waiting = list(revisions)
    while waiting:
        revision = waiting.pop()
        if revision not in found:
            found.add(revision)
            waiting.extend(following(revision))
    return frozenset(found)


def _turned(before: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Of each revision, those of which it is one that comes before."""
    after: dict[str, list[str]] = {each: [] for each in before}
    for each, names in before.items():
        for name in set(names):
            after[name].append(each)
    return after
