"""What happens while revisions run, told as it happens."""

from collections.abc import Callable
from dataclasses import dataclass

from agent_factory.migrate.plan import Plan, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionStarted:
    """``number`` of ``total`` begins."""

    revision: Revision
    number: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionApplied:
    """``number`` of ``total`` is committed."""

    revision: Revision
    number: int
    total: int
    seconds: float


Event = RevisionStarted | RevisionApplied
Emit = Callable[[Event], None]
Confirm = Callable[[Plan], None]
"""Shows the plan and asks; raises RefusedError when the answer is no."""
