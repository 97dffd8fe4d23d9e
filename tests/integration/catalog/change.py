"""One thing that somebody may do to a database by hand, and what a comparison reports of it."""

from dataclasses import dataclass
from typing import Any

import pytest

from agent_factory.migrate.catalog import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``reported`` are all the objects that a comparison finds; ``has_remedy``: it knows how to undo it."""

    sql: str
    reported: tuple[Key, ...]
    has_remedy: bool


def change(name: str, sql: str, *reported: Key, has_remedy: bool = True) -> Any:
    """Return the change as a parameter of a test."""
    return pytest.param(Change(sql=sql, reported=tuple(sorted(reported)), has_remedy=has_remedy), id=name)
