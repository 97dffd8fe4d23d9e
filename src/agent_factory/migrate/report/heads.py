"""Revisions as people read them."""

from collections.abc import Sequence

from agent_factory.migrate.model.results import CurrentHead


def describe(head: CurrentHead | None) -> str:
    """Return ``002 (head)``; None is a database that no revision has touched."""
    if head is None:
        return "(no revision)"
    if not head.known:
        return f"{head.revision} (not in this checkout)"
    return f"{head.revision} (head)" if head.is_head else head.revision


def show_heads(heads: Sequence[CurrentHead]) -> str:
    return ", ".join(describe(head) for head in heads or (None,))


def show_revisions(revisions: Sequence[str]) -> str:
    return ", ".join(revisions) or "(no revision)"
