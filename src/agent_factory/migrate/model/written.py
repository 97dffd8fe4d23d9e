"""What the commands return that write files, or a database's name: values that most commands never load."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.model.errors import ExitCode
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.results import CurrentHead
from agent_factory.migrate.model.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevision:
    """A revision to be written, as ``alembic revision`` has it.

    ``head`` is what it follows: by default the only head, ``base`` for nothing; with ``splice`` also a
    revision that others follow. ``is_empty`` leaves the models out.
    """

    message: str
    is_empty: bool = False
    head: str | None = None
    splice: bool = False
    branch_label: str | None = None
    version_path: Path | None = None
    depends_on: tuple[str, ...] = ()
    rev_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateResult:
    """A new revision file; ``revision`` and ``path`` are None when there was nothing to write.

    ``notes`` say what Alembic could not compare, such as an index on an expression in SQLite, ``remarks``
    what of the revision might be better.
    """

    revision: Revision | None
    path: Path | None
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeResult:
    """A new revision that joins ``heads``; ``revision`` is None when there was one head already.

    ``notes`` say which tables both sides change, where that was allowed, and what could not be found out.
    """

    revision: Revision | None
    path: Path | None
    heads: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaResult:
    """A database's schema as text, ``sql``, or None where ``path`` is the file that it was written to, or
    compared with.

    ``difference`` is how that file differs from it, line by line; empty where it does not, and None where
    it was not compared.
    """

    database: str
    sql: str | None
    path: Path | None
    difference: str | None = None

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.CHECK_FAILED if self.difference else ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDiffers:
    """One object that a database does not have as a revision makes it; ``remedy`` makes it so."""

    kind: str
    name: str
    expected: str | None
    found: str | None
    remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptResult:
    """Which revisions a database's schema is at, as ``compared`` schemas of the history show.

    ``differences`` are how it differs from what these make: they are the nearest then. ``before`` is what
    the version table said, ``written`` whether it says ``at`` now; ``notes`` are for people.
    """

    database: str
    version_table: str
    before: tuple[str, ...]
    at: tuple[str, ...]
    differences: tuple[ObjectDiffers, ...]
    compared: int
    written: bool
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.CHECK_FAILED if self.differences and not self.written else ExitCode.DONE


ConfirmAdoption = Callable[[AdoptResult], None]
"""Shows where the database was found to be and asks; raises RefusedError when the answer is no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentResult:
    """The environment name of a database; ``before`` differs from ``name`` when it was changed."""

    database: str
    before: str | None
    name: str | None

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RebasedFile:
    """A revision that gets another place in the history: its id, parents and file before and after."""

    message: str
    id_before: str
    id: str
    parents_before: tuple[str, ...]
    parents: tuple[str, ...]
    path_before: Path
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RebaseResult:
    """What a branch's revisions become behind those of ``against``; none where they follow it already.

    ``heads`` are what they follow. ``written`` says that the files were changed. ``notes`` are for people.
    """

    against: str
    heads: tuple[str, ...]
    files: tuple[RebasedFile, ...]
    written: bool
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


ConfirmRebase = Callable[[RebaseResult], None]
"""Shows what would change and asks; raises RefusedError when the answer is no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopResult:
    """A run that was stopped; ``stopped`` is the session in which it ran, None where none did.

    ``current`` is what the database is at now; a part of a revision may be committed besides, which the run
    itself, and the next one, say.
    """

    database: str
    stopped: Session | None
    current: tuple[CurrentHead, ...]
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


ConfirmStop = Callable[[Session], None]
"""Asks whether the run in this session is to be stopped; raises RefusedError when the answer is no."""
