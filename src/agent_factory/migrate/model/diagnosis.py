"""What ``doctor`` and ``wait`` return: how a command would reach its database, and whether it is there."""

from dataclasses import dataclass
from enum import StrEnum

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


class Verdict(StrEnum):
    """What was found of one thing that ``doctor`` has examined.

    A note is worth knowing and keeps nobody from anything; a finding is wrong, or will be in the way; what
    failed ends a command.
    """

    OK = "ok"
    NOTE = "note"
    FINDING = "finding"
    FAILED = "failed"
    NOT_TRIED = "not tried"


class Group(StrEnum):
    """What an examined thing is part of, in the order in which things depend on each other."""

    CONFIGURATION = "configuration"
    CONNECTION = "connection"
    SERVER = "server"
    PROJECT = "project"
    PROGRAMS = "programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One thing that was examined: ``what`` is the evidence, in one sentence.

    ``code`` names the cause for machines where something is wrong, and ``next_steps`` say what to type.
    """

    group: Group
    name: str
    verdict: Verdict
    what: str
    code: str = ""
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that counts, without secrets, and where it was found; "not set" is one too."""

    name: str
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorResult:
    """All that was examined, in order. ``database`` is None where none is named."""

    database: str | None
    settings: tuple[Setting, ...]
    versions: tuple[Setting, ...]
    examined: tuple[Examined, ...]

    @property
    def exit_code(self) -> ExitCode:
        """What failed first decides: what follows depends on it."""
        failed = next((item for item in self.examined if item.verdict is Verdict.FAILED), None)
        if failed is not None:
            reached = failed.group in (Group.CONNECTION, Group.SERVER)
            return ExitCode.CANNOT_CONNECT if reached else ExitCode.USAGE
        found = any(item.verdict is Verdict.FINDING for item in self.examined)
        return ExitCode.CHECK_FAILED if found else ExitCode.DONE
