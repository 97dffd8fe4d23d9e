"""A rule of the checks: one cause of findings."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. Errors and warnings make a check fail; a note does not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One cause of findings. ``code`` names it for machines and never changes.

    ``text`` is the rule, as one wishes it kept; ``help`` is why, and what to do where it is broken.
    """

    code: str
    level: Level
    text: str
    help: str
