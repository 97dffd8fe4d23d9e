"""A rehearsal: the plan's revisions run on a throwaway copy of the database's schema, and are watched.

A copy without rows predicts locks, rewrites and scans (measured: 133 of 135 forms of statement take the same
with no rows as with 200,000). SQLite rehearses on a copy of the file.
"""

import contextlib
import functools
import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import (
    NO_SPELLINGS,
    NONE_UNKEPT,
    Catalog,
    Difference,
    Key,
    Spellings,
    UnkeptSettings,
    changed_between,
    compare,
    find_constant_defaults,
    find_other_constants,
    find_unkept_settings,
    in_words_of,
    learn_spellings,
    read_catalog,
    spelled_differently,
    with_defaults_of,
    without_settings,
)
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.driver import watched_connection
from agent_factory.migrate.db.sent_statements import SentListener, SentStatement, SentStatements
from agent_factory.migrate.db.watched_file import watched_file
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project import Hooks, OwnConnection, Project
from agent_factory.migrate.rehearsal.copies import COPIED, Copy, RehearsalFailedError, copy_of
from agent_factory.migrate.rehearsal.history import History, replay_history
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision, touched_by
from agent_factory.migrate.rehearsal.replay import (
    ReplayFailedError,
    failures_named,
    lay_baseline,
)
from agent_factory.migrate.rehearsal.schemas import schemas_to_begin_with
from agent_factory.migrate.rehearsal.scratch import (
    ScratchUnavailableError,
)
from agent_factory.migrate.rehearsal.spellings import Printed, find_spellings, restored_spellings
from agent_factory.migrate.rehearsal.time_limit import time_limit
from agent_factory.migrate.rehearsal.trace import Place, Trace, tracing


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
    spellings: Spellings = NO_SPELLINGS
    computed: frozenset[Key] = frozenset()
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
        return self._compare(self.before, self.original, self.spellings)

    def find_surprises(
        self, reached: Catalog, spellings: Spellings = NO_SPELLINGS, *, others_ran: bool = False
    ) -> tuple[Difference, ...]:
        """Return where the original, after the plan, differs from the copy after it.

        Where the copy differed from the start is left out: the plan did not change it. So is, where other
        histories of the database have run meanwhile, what this plan changed nothing of: that may be theirs.
        ``spellings`` are what is known of the original's words since then.
        """
        other = {(item.kind, item.name) for item in self.copied_otherwise}
        differences = self._compare(self.after, reached, self.spellings | spellings)
        own = changed_between(self.before, self.after)
        return tuple(
            item
            for item in differences
            if (item.kind, item.name) not in other and not (others_ran and (item.kind, item.name) not in own)
        )

    def may_be_other_words(self, reached: Catalog) -> bool:
        """Say whether a surprise may be one thing in other words, which only a server can tell."""
        return bool(spelled_differently(self.after, in_words_of(self.after, reached, self.spellings)))

    def _compare(self, copy: Catalog, original: Catalog, spellings: Spellings) -> tuple[Difference, ...]:
        expected, found = (
            without_settings(catalog, self.unkept, also_of_objects=True) for catalog in (copy, original)
        )
        found = with_defaults_of(expected, found, self.computed)
        return compare(expected, in_words_of(expected, found, spellings))


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


LENT = "env.py makes an engine of its own: in its place it gets af-db's connection, here and in the run"


def rehearse(
    project: Project,
    target: Target,
    plan: Plan,
    table: VersionTable,
    read_connection: sa.Connection,
    *,
    limit_s: float,
    scratch_url: str | None = None,
    with_history: bool = False,
    without_indexes: Sequence[str] = (),
    begins_with_baseline: bool = False,
) -> Rehearsal:
    """Run the plan on a copy; ``read_connection`` is a connection that reads the original, and only reads it.

    ``table`` is the version table of the history that the plan is of.
    ``limit_s`` is how long the plan's revisions may take together, and those before them where they run too.
    ``without_indexes`` are dropped from the copy first: an unfinished run has built them, and the plan does.
    ``with_history`` says to run the migrations before the plan as well, beside the copy;
    ``begins_with_baseline`` that the run will apply the baseline first, which no revision did.

    Raises RehearsalFailedError, BaselineFailedError, NotRehearsedError, and ScratchUnavailableError where no
    server is to be had.
    """
    schemas = schemas_to_begin_with(project, read_connection, table)
    with (
        alembic_project.copied(target.url),
        copy_of(project, target, plan, read_connection, scratch_url, limit_s, schemas) as copy,
        connect(copy.target) as connection,
    ):
        original = read_catalog(read_connection, COPIED)
        _drop_indexes(connection, without_indexes)
        before = read_catalog(connection, COPIED)
        spellings = _spellings_of(
            copy,
            Printed(catalog=before, target=copy.target, connection=connection),
            Printed(catalog=original, target=target, connection=read_connection),
            scratch_url,
        )
        # Read before: to the original, what the baseline makes is new as well.
        _lay_baseline(project, copy, limit_s, is_wanted=begins_with_baseline)
        sent, reported = SentStatements(), list[str]()
        find_place = functools.partial(_find_place, plan, sent)
        with _recorded(connection, sent), tracing(connection, find_place=find_place) as trace:
            revisions = _run(project, connection, plan, trace, sent, reported, copy.notes, limit_s)
        after = read_catalog(connection, COPIED)
        if copy.scratch is not None and copy.scratch.major != _major(read_connection):
            # Two versions print what the plan makes in words of their own.
            reached = Printed(catalog=after, target=copy.target, connection=connection)
            spellings |= restored_spellings(reached, COPIED, copy.scratch, scratch_url)
        computed = _find_computed(
            project,
            target,
            plan,
            read_connection,
            before,
            after,
            scratch_url,
            limit_s,
            without_indexes,
            schemas,
            begins_with_baseline=begins_with_baseline,
        )
        history = None
        with_history = with_history and not begins_with_baseline  # nothing is there yet that could differ
        if with_history and copy.is_migrated:
            history = History(catalog=before, spellings=spellings)
        elif with_history:
            touched = touched_by(revisions)
            was = Printed(catalog=original, target=target, connection=read_connection)
            history = replay_history(
                project, plan, was, copy, spellings, touched, schemas, scratch_url, limit_s
            )
        return Rehearsal(
            revisions=revisions,
            server=copy.server,
            schema_from=copy.schema_from,
            notes=(*copy.notes, *reported),
            original=original,
            before=before,
            after=after,
            sent=sent.by_revision(),
            is_copied=not copy.is_migrated,
            failed=copy.failed,
            spellings=spellings,
            computed=computed,
            history=history,
        )


def run_traced(project: Project, target: Target, plan: Plan, limit_s: float) -> tuple[RehearsedRevision, ...]:
    """Run a plan on a throwaway database, within ``limit_s``, and return what was seen.

    Raises RehearsalFailedError.
    """
    with connect(target) as connection, tracing(connection) as trace:
        try:
            return _run(project, connection, plan, trace, SentStatements(), [], (), limit_s)
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


def _lay_baseline(project: Project, copy: Copy, limit_s: float, *, is_wanted: bool) -> None:
    """Apply the baseline to the copy, unless the migrations that were run in its place began with it."""
    if is_wanted and not copy.is_migrated:
        lay_baseline(project, copy.target, limit_s)


def _drop_indexes(connection: sa.Connection, names: Sequence[str]) -> None:
    for name in names:
        with connection.begin():
            # A percent sign is one: psycopg2 reads parameters only where some are given.
            connection.exec_driver_sql(
                f"DROP INDEX IF EXISTS {name}", execution_options={"no_parameters": True}
            )


def _find_computed(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    before: Catalog,
    after: Catalog,
    scratch_url: str | None,
    limit_s: float,
    without_indexes: Sequence[str],
    schemas: Sequence[str],
    *,
    begins_with_baseline: bool,
) -> frozenset[Key]:
    """Return what has a default that the plan makes another one each time.

    Where it gives a constant as default that none of its files has, it is run on another copy.
    """
    was, now = find_constant_defaults(before), find_constant_defaults(after)
    files = [step.path.read_bytes().decode(errors="replace") for step in plan.steps]
    unwritten = frozenset(
        key
        for key, constant in now.items()
        if was.get(key) != constant and not any(constant in text for text in files)
    )
    if not unwritten:
        return frozenset()
    try:
        with (
            copy_of(project, target, plan, read_connection, scratch_url, limit_s, schemas) as copy,
            connect(copy.target) as connection,
            failures_named(plan) as began,
            time_limit(connection, limit_s),
        ):
            _drop_indexes(connection, without_indexes)
            _lay_baseline(project, copy, limit_s, is_wanted=begins_with_baseline)
            alembic_project.run(project, connection, plan, Hooks(started=began.append))
            return unwritten & find_other_constants(after, read_catalog(connection, COPIED))
    except (ReplayFailedError, RehearsalFailedError, ScratchUnavailableError):
        return frozenset()  # then a difference is one


def _spellings_of(copy: Copy, made: Printed, original: Printed, scratch_url: str | None) -> Spellings:
    """Return which clauses of the copy, before the plan, and of the original are one thing in other words.

    What was copied is the original in the words that come of a dump. What the migrations have made is
    compared with it.
    """
    if copy.scratch is None or not copy.is_migrated:
        return learn_spellings(original.catalog, made.catalog)
    return find_spellings(made, original, COPIED, beside=copy.scratch, scratch_url=scratch_url)


def _major(read_connection: sa.Connection) -> int:
    return server.read_facts(read_connection).version // 10_000


def _run(
    project: Project,
    connection: sa.Connection,
    plan: Plan,
    trace: Trace,
    sent: SentStatements,
    reported: list[str],
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
        trace.take(), trace.take_reads()  # of env.py's own, or of one of its callbacks
        began.append(revision)
        project.opened.take_outside()
        sent.begin(revision)

    def recording(_revision: str) -> None:
        sent.end()

    def note_reuse(revision: str, why: Exception) -> None:
        reported.append(f"{revision} could not be executed again ({type(why).__name__}: {why})")

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
                lent=lambda: reported.append(LENT),
                connected=connected,
            )
            alembic_project.run(project, connection, plan, hooks)
    except ReplayFailedError as error:
        connections = tuple(dict.fromkeys(opened.get(error.revision, ())))
        if any(own.is_refused for own in connections):
            raise NotRehearsedError(error.revision, connections) from error.cause
        raise RehearsalFailedError(error.cause, error.revision, notes) from error.cause
    return tuple(rehearsed)
