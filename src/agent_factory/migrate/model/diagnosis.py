"""What ``wait`` returns: whether a database is there."""

from dataclasses import dataclass

from agent_factory.migrate.model.errors import ExitCode
from agent_factory.migrate.model.results import CurrentHead


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitResult:
    """A database that takes connections. ``tries`` of them, in ``seconds``, were needed to know.

    ``at_head`` is None where that was not asked; else ``current`` is where the database is, and ``heads`` are
    the newest revisions of the project's files.
    """

    database: str
    seconds: float = 0
    tries: int = 1
    at_head: bool | None = None
    current: tuple[CurrentHead, ...] = ()
    heads: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.CHECK_FAILED if self.at_head is False else ExitCode.DONE
