"""Revisions, and the plan: what will run, as plain data, before anything does."""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Direction(StrEnum):
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"

    @property
    def opposite(self) -> "Direction":
        return Direction.DOWNGRADE if self is Direction.UPGRADE else Direction.UPGRADE


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision file. ``parents`` are the revisions it follows: none for a base, several for a merge."""

    id: str
    message: str
    path: Path
    parents: tuple[str, ...]
    branch_labels: tuple[str, ...]
    is_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The revisions that lead a database from ``before`` to ``after``, in the order in which they run.

    ``before`` and ``after`` are the revisions that ``alembic_version`` holds; empty at base. ``target`` is
    what was asked for, as it was typed; ``arguments`` are what was typed for Alembic and env.py, as in Setup.
    """

    direction: Direction
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    steps: tuple[Revision, ...]
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def typed(self) -> str:
        """The arguments as a shell takes them."""
        return " ".join(f"{option} {shlex.quote(value)}" for option, value in self.arguments)

    @property
    def command(self) -> str:
        """The words that go on with this plan: ``-2`` would mean another revision once a part has run."""
        if not re.search(r"[+-]\d+$", self.target) or len(self.after) > 1:
            return f"{self.direction} {self.target}"
        return f"{self.direction} {self.after[0] if self.after else 'base'}"
