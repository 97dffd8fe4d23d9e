"""A rehearsal: the plan's revisions run on a throwaway copy of the database's schema, and are watched.

A copy without rows predicts locks, rewrites and scans (measured: 133 of 135 forms of statement take the same
with no rows as with 200,000). SQLite rehearses on a copy of the file.
"""

import contextlib
import functools
import inspect
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import (
    NONE_UNKEPT,
    Catalog,
    Difference,
    Scope,
    UnkeptSettings,
    changed_between,
    compare,
    find_unkept_settings,
    read_catalog,
    without_settings,
)
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.driver import watched_connection
from agent_factory.migrate.db.sent_statements import SentListener, SentStatement, SentStatements
from agent_factory.migrate.db.watched_file import watched_file
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.project import Hooks, OwnConnection, Project
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.replay import (
    OF_ROLES_AND_ROWS,
    ReplayFailedError,
    blank_database,
    failures_named,
    made_by_migrations,
    migrate_to,
    scratch_like,
)
from agent_factory.migrate.rehearsal.scratch import (
    CannotCopyError,
    Scratch,
    ScratchUnavailableError,
    copy_schema,
)
from agent_factory.migrate.rehearsal.temporary_folders import temporary_folder
from agent_factory.migrate.rehearsal.time_limit import time_limit
from agent_factory.migrate.rehearsal.trace import Place, Trace, tracing
from agent_factory.url import DatabaseURL

COPIED = Scope(leave_out_kinds=OF_ROLES_AND_ROWS, one_server=False)
"""What a copy of a schema has: it is made without rows, and without owners and rights, on another server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the migrations up to the plan make of an empty database; ``catalog`` None and why not."""

    catalog: Catalog | None
    why_not: str = ""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What was seen. ``server`` says where it ran, ``schema_from`` where the schema there came from.

    ``notes`` are how the copy differs from the original. ``before`` and ``after`` are the copy's catalog,
    ``original`` that of the database which was copied. ``sent`` is what each revision sent. ``history`` is
    None where it was not asked for. Unless ``is_copied``, the schema there is not the original's, but what
    the migrations make; ``failed`` are the objects of which the copy's server has refused a part.
    """

    revisions: tuple[RehearsedRevision, ...]
    server: str
    schema_from: str
    notes: tuple[str, ...]
    original: Catalog
    before: Catalog
    after: Catalog
    sent: Mapping[str, tuple[SentStatement, ...]]
    is_copied: bool
    failed: frozenset[str] = frozenset()
    history: History | None = None

    @functools.cached_property
    def unkept(self) -> UnkeptSettings:
        """The settings that a copy does not keep, as the objects show that no revision changes."""
        if not self.is_copied:
            return NONE_UNKEPT
        changed = changed_between(self.before, self.after)
        return find_unkept_settings(self.original, self.before, changed=changed, failed=self.failed)

    @functools.cached_property
    def copied_otherwise(self) -> tuple[Difference, ...]:
        """Where else the copy differed from the original at the start: not changed by the plan."""
        return compare(self._as_a_copy_keeps(self.before), self._as_a_copy_keeps(self.original))

    def _as_a_copy_keeps(self, catalog: Catalog) -> Catalog:
        return without_settings(catalog, self.unkept, also_of_objects=True)

    def find_surprises(self, reached: Catalog, *, others_ran: bool = False) -> tuple[Difference, ...]:
        """Return where the original, after the plan, differs from the copy after it.

        Where the copy differed from the start is left out: the plan did not change it. So is, where other
        histories of the database have run meanwhile, what this plan changed nothing of: that may be theirs.
        """
        other = {(item.kind, item.name) for item in self.copied_otherwise}
        differences = compare(self._as_a_copy_keeps(self.after), self._as_a_copy_keeps(reached))
        own = changed_between(self.before, self.after)
        return tuple(
            item
            for item in differences
            if (item.kind, item.name) not in other and not (others_ran and (item.kind, item.name) not in own)
        )


class RehearsalFailedError(Exception):
    """A revision failed on the copy: ``cause`` is what it raised, ``notes`` how the copy differs."""

    def __init__(self, cause: BaseException, revision: str, notes: tuple[str, ...]) -> None:
        super().__init__(f"{revision}: {cause}")
        self.cause = cause
        self.revision = revision
        self.notes = notes


class NotRehearsedError(Exception):
    """A revision reached for another database than the copy, or a program, and failed without it.

    ``connections`` are all that it opened, ``revision`` is its id.
    """

    def __init__(self, revision: str, connections: tuple[OwnConnection, ...]) -> None:
        refused = next(own for own in connections if own.is_refused)
        what = "starts" if refused.is_program else "connects to"
        self.reasons = (f"{revision} {what} {refused.to} by itself ({refused.where}), and fails without it",)
        super().__init__(*self.reasons)
        self.revision = revision
        self.connections = connections


def rehearse(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    *,
    limit_s: float,
    scratch_url: str | None = None,
    with_history: bool = False,
    without_indexes: Sequence[str] = (),
) -> Rehearsal:
    """Run the plan on a copy; ``read_connection`` is a connection that reads the original, and only reads it.

    ``limit_s`` is how long the plan's revisions may take together, and those before them where they run too.
    ``without_indexes`` are dropped from the copy first: an unfinished run has built them, and the plan does.
    ``with_history`` says to run the migrations before the plan as well, beside the copy.

    Raises RehearsalFailedError, NotRehearsedError, and ScratchUnavailableError where no server is to be had.
    """
    with (
        alembic_project.copied(target.url),
        _copy(project, target, plan, read_connection, scratch_url, limit_s) as copy,
        connect(copy.target) as connection,
    ):
        original = read_catalog(read_connection, COPIED)
        for name in without_indexes:
            with connection.begin():
                connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
        before = read_catalog(connection, COPIED)
        sent, reused = SentStatements(), list[str]()
        find_place = functools.partial(_find_place, plan, sent)
        with _recorded(connection, sent), tracing(connection, find_place=find_place) as trace:
            revisions = _run(project, connection, plan, trace, sent, reused, copy.notes, limit_s)
        after = read_catalog(connection, COPIED)
        history = None
        if with_history and copy.is_migrated:
            history = History(catalog=before)
        elif with_history:
            history = _replay(project, target, plan, read_connection, copy, scratch_url, limit_s)
        return Rehearsal(
            revisions=revisions,
            server=copy.server,
            schema_from=copy.schema_from,
            notes=(*copy.notes, *reused),
            original=original,
            before=before,
            after=after,
            sent=sent.by_revision(),
            is_copied=not copy.is_migrated,
            failed=copy.failed,
            history=history,
        )


def run_traced(project: Project, target: Target, plan: Plan) -> tuple[RehearsedRevision, ...]:
    """Run a plan on a throwaway database and return what was seen. Raises RehearsalFailedError."""
    with connect(target) as connection, tracing(connection) as trace:
        try:
            return _run(project, connection, plan, trace, SentStatements(), [])
        except NotRehearsedError as error:
            raise RehearsalFailedError(error, error.revision, ()) from error


@contextlib.contextmanager
def _recorded(connection: sa.Connection, sent: SentStatements) -> Iterator[None]:
    """Have what the revisions send on this connection recorded for the block."""
    driver = watched_connection(connection) or watched_file(connection)
    driver.listener = SentListener(
        is_meant=lambda: not alembic_project.sends_version_row(connection), note=sent.note
    )
    try:
        yield
    finally:
        driver.listener = None


def _find_place(plan: Plan, sent: SentStatements) -> Place:
    """Return where the revision is whose statement is sent now."""
    names = {step.id: step.path.name for step in plan.steps}
    name = names.get(sent.revision or "")
    frame = inspect.currentframe()
    while frame is not None and os.path.basename(frame.f_code.co_filename) != name:  # noqa: PTH119 - of each frame
        frame = frame.f_back
    return Place(line=frame.f_lineno if frame is not None else None, sent=sent.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    target: Target
    server: str
    schema_from: str
    notes: tuple[str, ...]
    scratch: Scratch | None = None
    is_migrated: bool = False
    failed: frozenset[str] = frozenset()


@contextlib.contextmanager
def _copy(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    scratch_url: str | None,
    limit_s: float,
) -> Iterator[_Copy]:
    if target.url.backend == "sqlite":
        with _copied_file(target) as path:
            url = DatabaseURL(backend="sqlite", database=str(path))
            yield _Copy(
                target=Target(url=url, environment=Environment.LOCAL),
                server="SQLite",
                schema_from="a copy of the file",
                notes=(),
            )
        return
    with scratch_like(target, read_connection, scratch_url=scratch_url) as scratch:
        yield _give_schema(project, target, plan, read_connection, scratch, limit_s)


@contextlib.contextmanager
def _copied_file(target: Target) -> Iterator[Path]:
    source = Path(target.url.database)
    with temporary_folder("rehearsal") as folder:
        path = folder / source.name
        if source.exists():
            with (
                contextlib.closing(
                    sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
                ) as original,
                contextlib.closing(sqlite3.connect(path)) as copy,
            ):
                original.backup(copy)
        yield path


def _give_schema(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    scratch: Scratch,
    limit_s: float,
) -> _Copy:
    """Give the scratch database production's schema, else what the migrations make."""
    try:
        copied = copy_schema(target, read_connection, scratch)
    except CannotCopyError as error:
        notes = (*scratch.gaps, f"the schema could not be copied: {error}")
        try:
            migrate_to(project, scratch.target, plan.before, limit_s)
        except ReplayFailedError as failure:
            raise RehearsalFailedError(failure.cause, failure.revision, notes) from failure
        return _Copy(
            target=scratch.target,
            server=scratch.origin,
            schema_from=f"the migrations up to {', '.join(plan.before) or 'base'}",
            notes=notes,
            scratch=scratch,
            is_migrated=True,
        )
    with connect(scratch.target) as connection:
        alembic_project.stamp(project, connection, plan.before)
    return _Copy(
        target=scratch.target,
        server=scratch.origin,
        schema_from="a copy of the database's own",
        notes=(*scratch.gaps, *copied.gaps),
        scratch=scratch,
        failed=copied.failed,
    )


def _replay(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    copy: _Copy,
    scratch_url: str | None,
    limit_s: float,
) -> History:
    """Make what the migrations make up to the plan, beside the copy; say so where they do not run."""
    try:
        with blank_database(target, read_connection, scratch_url=scratch_url, beside=copy.scratch) as blank:
            return History(catalog=made_by_migrations(project, blank, plan.before, COPIED, limit_s))
    except ReplayFailedError as error:
        return History(catalog=None, why_not=f"the migrations do not run on an empty database: {error}")
    except ScratchUnavailableError as error:
        return History(catalog=None, why_not=str(error))


def _run(
    project: Project,
    connection: sa.Connection,
    plan: Plan,
    trace: Trace,
    sent: SentStatements,
    reused: list[str],
    notes: tuple[str, ...] = (),
    limit_s: float | None = None,
) -> tuple[RehearsedRevision, ...]:
    steps = {step.id: step for step in plan.steps}
    rehearsed: list[RehearsedRevision] = []
    opened: dict[str, list[OwnConnection]] = {step.id: [] for step in plan.steps}

    def connected(own: OwnConnection) -> None:
        if began:
            opened[began[-1]].append(own)

    def started(revision: str) -> None:
        began.append(revision)
        project.opened.take_outside()
        sent.begin(revision)

    def recording(_revision: str) -> None:
        sent.end()

    def note_reuse(revision: str, why: Exception) -> None:
        reused.append(f"{revision} could not be executed again ({type(why).__name__}: {why})")

    def committed(revision: str) -> None:
        statements, reads = trace.take(), trace.take_reads()
        last = sent.last_action(revision)
        rehearsed.append(
            RehearsedRevision(
                revision=steps[revision],
                transactional=all(statement.transactional for statement in statements),
                statements=statements,
                connections=tuple(dict.fromkeys(opened[revision])),
                reads=tuple(read for read in reads if read.sent < last),
                outside_files=project.opened.take_outside(),
            )
        )

    try:
        with failures_named(plan) as began, time_limit(connection, limit_s):
            hooks = Hooks(
                started=started,
                recording=recording,
                committed=committed,
                reused=note_reuse,
                connected=connected,
            )
            alembic_project.run(project, connection, plan, hooks)
    except ReplayFailedError as error:
        connections = tuple(dict.fromkeys(opened.get(error.revision, ())))
        if any(own.is_refused for own in connections):
            raise NotRehearsedError(error.revision, connections) from error.cause
        raise RehearsalFailedError(error.cause, error.revision, notes) from error.cause
    return tuple(rehearsed)
