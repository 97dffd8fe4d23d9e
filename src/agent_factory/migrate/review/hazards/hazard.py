"""A hazard that was found in a plan, as reports show it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``HIGH`` stops an upgrade until the hazard is allowed by name."""

    NOTICE = "notice"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What could go wrong, where, and what to do instead.

    ``code`` is that of its rule. ``statement`` is its number in the revision, from 1, None for the revision
    as a whole; ``table`` is the one that it is mostly about, as production calls it. ``remedy`` may have
    several lines.
    """

    code: str
    severity: Severity
    revision: str
    statement: int | None
    table: str | None
    message: str
    remedy: str
