"""One thing that somebody may do to a database by hand, and what should be said of it."""

from dataclasses import dataclass
from typing import Any

import pytest

Told = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``told`` is all that a comparison should tell; ``mended`` whether it should know how to undo it."""

    sql: str
    told: tuple[Told, ...]
    mended: bool


def change(name: str, sql: str, *told: Told, mended: bool = True) -> Any:
    """Return the change as a parameter of a test."""
    return pytest.param(Change(sql=sql, told=tuple(sorted(told)), mended=mended), id=name)
