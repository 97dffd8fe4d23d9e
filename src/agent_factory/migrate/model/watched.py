"""What came of watching a database."""

from dataclasses import dataclass

from agent_factory.migrate.model.errors import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """A database was looked at ``looks`` times in these seconds, and shown each time."""

    database: str
    seconds: float
    looks: int

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE
