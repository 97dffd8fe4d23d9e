"""Branches that are meant to stay apart: each has a label that no other one has."""

from collections.abc import Collection, Sequence


def own_labels(heads: Sequence[Collection[str]]) -> tuple[str, ...]:
    """Return for each of several heads, given by its labels, one that no other has; else nothing."""
    if len(heads) < 2:
        return ()
    counted = [label for labels in heads for label in labels]
    own = [sorted(label for label in labels if counted.count(label) == 1) for labels in heads]
    return tuple(labels[0] for labels in own) if all(own) else ()
