"""What came of watching a database."""

from dataclasses import dataclass
from datetime import datetime

from agent_factory.migrate.model.errors import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """How a database was, asked ``looks`` times in these seconds, and shown each time."""

    database: str
    seconds: float
    looks: int

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWatched:
    """How a database was for ``seconds`` after a run, against the time from the command's begin to the run.

    ``rollbacks_before`` and ``rollbacks_after`` are per second, without af-db's own; None where not known.
    ``rose_at``: since when they are many more. ``waiting`` are sessions that waited for a lock at the end,
    ``slower`` statements that take at least twice as long, None where pg_stat_statements is not there.
    ``undo`` is the command that undoes the run, or empty.
    """

    seconds: float
    rollbacks_before: float | None
    rollbacks_after: float | None
    rose_at: datetime | None
    waiting: tuple[str, ...]
    slower: tuple[str, ...] | None
    undo: str
    was_cut_short: bool = False

    @property
    def is_well(self) -> bool:
        """Whether nothing was seen that a person should know of."""
        return self.rose_at is None and not self.waiting and not self.slower

    def __str__(self) -> str:
        facts = [self._rollbacks()]
        if self.waiting:
            facts.append(f"waiting: {'; '.join(self.waiting)}")
        if self.slower:
            facts.append(f"slower: {'; '.join(self.slower)}")
        elif self.slower is None:
            facts.append("whether queries got slower is not known (no pg_stat_statements)")
        if not self.is_well and self.undo:
            facts.append(f"way back: {self.undo}")
        return "; ".join(facts)

    def _rollbacks(self) -> str:
        before, after = self.rollbacks_before, self.rollbacks_after
        if before is None or after is None:
            return "rollbacks not known"
        since = f" since {self.rose_at:%H:%M:%S}" if self.rose_at is not None else " after"
        return f"rollbacks {before:.1f}/s before, {after:.1f}/s{since}"
