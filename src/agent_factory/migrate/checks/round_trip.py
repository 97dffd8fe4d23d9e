"""Every revision up, down and up again on throwaway databases with rows in the tables.

Three runs for each revision, so the work grows with their number, not with its square.
"""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import (
    Catalog,
    Scope,
    Spellings,
    compare,
    in_words_of,
    read_catalog,
    spelled_differently,
)
from agent_factory.migrate.checks.additions import adds_not_null, labels_added
from agent_factory.migrate.checks.causes import is_of_sqlite, is_on_purpose, line_of, may_be_the_rows, origin
from agent_factory.migrate.checks.env_py import broken_there
from agent_factory.migrate.checks.hints import Hints, read_hints
from agent_factory.migrate.checks.made_up_rows import Filler
from agent_factory.migrate.checks.rows import Step, columns_of, compare_rows, read_rows
from agent_factory.migrate.checks.throwaway import (
    POSTGRESQL,
    SQLITE,
    Looked,
    Schemas,
    ThrowawayDatabases,
    not_there,
    reported_once,
)
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.driver import psycopg2_connection, sqlite3_connection
from agent_factory.migrate.model.errors import UsageError
from agent_factory.migrate.model.findings import CannotCheckError, Finding, finding
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Hooks, OwnConnection, Project
from agent_factory.migrate.rehearsal.copies import COPIED
from agent_factory.migrate.rehearsal.replay import (
    ReplayFailedError,
    failures_named,
    lay_baseline,
    migrate_to,
)
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.rehearsal.spellings import Printed
from agent_factory.migrate.rehearsal.time_limit import time_limit
from agent_factory.plain_text import text_of

_MOST_DETAILS = 20


def check_round_trip(
    project: Project,
    databases: ThrowawayDatabases,
    *,
    uses_sqlite: bool = False,
    schemas: Schemas = None,
) -> Looked:
    """Run every revision up, down and up again, on PostgreSQL and on SQLite.

    ``uses_sqlite`` says that the project is meant for SQLite; if not, migrations that do not run there are
    reported in one note, and nothing else is tried. ``schemas`` are those to compare. Raises CannotCheckError
    where there is nothing to run, or neither database could be had.
    """
    if not project.heads:
        raise CannotCheckError("there are no revisions")
    found: list[tuple[str, tuple[Finding, ...]]] = []
    broken: list[tuple[str, tuple[Finding, ...]]] = []
    skipped: list[str] = []
    for backend in (POSTGRESQL, SQLITE):
        runs_elsewhere = any(all(item.code != "upgrade-fails" for item in findings) for _, findings in found)
        try:
            looked = _check_on(
                backend,
                project,
                databases,
                uses_sqlite=uses_sqlite,
                runs_elsewhere=runs_elsewhere,
                schemas=schemas,
            )
        except alembic_project.BaselineFailedError as error:
            skipped.append(not_there(error, backend, uses_sqlite=uses_sqlite))
        except (CannotCheckError, ScratchUnavailableError) as error:
            skipped += [f"on {backend}: {reason}" for reason in error.reasons]
        except UsageError as error:
            skipped.append(f"on {backend}: env.py does not run there")
            broken.append((backend, (broken_there(error, backend, uses_sqlite=uses_sqlite),)))
        else:
            found.append((backend, looked.findings))
            skipped += [f"on {backend}: {reason}" for reason in looked.skipped]
    if not (found or broken):
        raise CannotCheckError(*skipped)
    return Looked(findings=reported_once([*found, *broken]), skipped=tuple(skipped), made=bool(found))


def _check_on(
    backend: str,
    project: Project,
    databases: ThrowawayDatabases,
    *,
    uses_sqlite: bool,
    runs_elsewhere: bool,
    schemas: Schemas,
) -> Looked:
    hints: Hints = {}
    with databases.empty(backend) as target:
        with connect(target) as connection:
            scope = _scope(project, connection, schemas)
        steps = alembic_project.plan(project, target, Direction.UPGRADE, "heads", ()).steps
        try:
            migrate_to(project, target, project.heads, databases.limit_s)
        except ReplayFailedError as error:
            is_of_backend = alembic_project.refused_in(error.cause) is None
            if (
                backend == SQLITE
                and not uses_sqlite
                and is_of_backend
                and (runs_elsewhere or is_of_sqlite(error.cause))
            ):
                note = finding("not-for-sqlite", f"revision {error}", file=_file(project, error.revision))
                return Looked(findings=(note,))
        else:
            with connect(target, read_only=True) as connection:
                hints = read_hints(connection, read_catalog(connection, scope))
    trip = _RoundTrip(
        project=project,
        steps=steps,
        empty=lambda: databases.empty(backend),
        find_spellings=functools.partial(databases.find_spellings, scope=scope),
        scope=scope,
        filler=Filler(hints=hints),
        limit_s=databases.limit_s,
    )
    trip.make()
    return Looked(findings=tuple(trip.findings), skipped=tuple(trip.skipped))


@contextlib.contextmanager
def _no_schema_said() -> Iterator[None]:
    """Raise CannotCheckError where env.py works in a schema that no migration makes."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, psycopg2.errors.InvalidSchemaName):
            raise
        raise CannotCheckError(
            f"env.py sets a schema that an empty database lacks ({text_of(error.orig).strip()}); let it make "
            "that (CREATE SCHEMA IF NOT EXISTS), or a baseline"
        ) from error


def _scope(project: Project, connection: sa.Connection, schemas: Schemas) -> Scope:
    models = alembic_project.read_models(project, connection)
    return replace(COPIED, version_table=models.version_table, schemas=schemas, one_server=True)


def _file(project: Project, revision: str) -> Path:
    return next(item.path for item in alembic_project.revisions(project) if item.id == revision)


@dataclass(slots=True, kw_only=True)
class _RoundTrip:
    """All revisions up, down and up again on one database, as long as each leaves it as the next needs it.

    ``empty`` makes the first one, and another where a revision has left something else; ``find_spellings``
    says which clauses of two of them are one thing in other words. ``limit_s`` is how long one revision may
    take, in one direction.
    """

    project: Project
    steps: tuple[Revision, ...]
    empty: Callable[[], AbstractContextManager[Target]]
    find_spellings: Callable[[Printed, Printed], Spellings]
    scope: Scope
    filler: Filler
    limit_s: float
    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _last: Step | None = None
    """What the database has after the last step: the next one need not read it again."""
    _was_emptied: bool = False
    _targets: dict[sa.Connection, Target] = field(default_factory=dict)
    """How each connection was made."""
    _statements: list[str] = field(default_factory=list)
    """What the last run of a revision has sent."""

    def make(self) -> None:
        unfilled: dict[str, str] = {}
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(self._database())
            self._begin(connection)
            for number, step in enumerate(self.steps, start=1):
                goes_on = self._try(connection, step)
                unfilled |= self.filler.unfilled
                left = len(self.steps) - number
                if goes_on or not left:
                    continue
                stack.close()
                connection = stack.enter_context(self._database())
                try:
                    self._begin_after(connection, self.steps[:number])
                except ReplayFailedError:
                    those = "the 1 revision" if left == 1 else f"the {left} revisions"
                    self.skipped.append(f"{those} after {step.id}: they need it")
                    break
        for table, why in sorted(unfilled.items()):
            if table not in self.filler.filled:
                name = table.replace('"', "")
                self.skipped.append(f"rows in {name}: none could be generated ({why})")

    def _begin(self, connection: sa.Connection) -> None:
        """Put rows into what the baseline has made, where there is one."""
        catalog = self._read_catalog(connection)
        self._fill(connection, catalog, since=replace(catalog, objects=()))
        self._last = self._read(connection, catalog)

    @contextlib.contextmanager
    def _database(self) -> Iterator[sa.Connection]:
        """Make a new database, with one connection for all: what a session has looked up it keeps."""
        with self.empty() as target:
            lay_baseline(self.project, target, self.limit_s)
            with connect(target) as connection, _no_schema_said():
                alembic_project.prepare(self.project, connection)
            with connect(target) as connection:
                self._targets[connection] = target
                yield connection

    def _begin_after(self, connection: sa.Connection, steps: tuple[Revision, ...]) -> None:
        """Bring a new database to where these revisions lead. Raises ReplayFailedError."""
        empty = self._read_catalog(connection)
        self._run_once(connection, Direction.UPGRADE, *steps)
        self.filler.filled.clear()
        catalog = self._read_catalog(connection)
        self._fill(connection, catalog, since=replace(empty, objects=()))
        self._last = self._read(connection, catalog)

    def _try(self, connection: sa.Connection, step: Revision) -> bool:
        """Run one revision up, down and up; say whether the database is as the next one needs it."""
        self._was_emptied = False
        before = self._last or self._read(connection)
        error = self._run(connection, Direction.UPGRADE, step, before.catalog)
        if error is not None:
            self._failed("upgrade-fails", step, "upgrade()", error)
            return False
        up = self._read(connection)
        self._refuses_rows(step, before, up.catalog)
        self._fill(connection, up.catalog, since=before.catalog)
        error = self._run(connection, Direction.DOWNGRADE, step, up.catalog)
        if error is not None:
            if is_on_purpose(error.cause, step.path):
                said = text_of(error.cause).strip().partition("\n")[0] or type(error.cause).__name__
                self._add("irreversible", step, f"{step.id} cannot be downgraded: {said}")
            else:
                self._failed("downgrade-fails", step, "downgrade()", error)
            self._last = self._read(connection)
            current = alembic_project.read_current(self.project, connection)
            return step.id in current and self._last.catalog == up.catalog
        down = self._read(connection)
        down = replace(down, catalog=self._in_words_of(before.catalog, down.catalog, connection, step))
        labels = labels_added(before.catalog, down.catalog)
        if labels:
            said = f"{step.id} cannot be downgraded: PostgreSQL removes no label from an enum"
            self._add("irreversible", step, said, labels)
        else:
            said = "after the downgrade, the schema is not as before the upgrade"
            self._differs("downgrade-differs", step, said, before.catalog, down.catalog)
        self._compare_rows(step, before, up, down)
        error = self._run(connection, Direction.UPGRADE, step, down.catalog)
        if error is not None:
            if not (labels and isinstance(origin(error.cause), psycopg2.errors.DuplicateObject)):
                self._failed("upgrade-fails", step, "upgrade(), after its downgrade(),", error)
            return False
        again = self._read_catalog(connection)
        self._fill(connection, again, since=down.catalog)
        self._last = self._read(connection, again)
        said = "after the second upgrade, the schema differs from that of the first"
        self._differs("second-upgrade-differs", step, said, up.catalog, again)
        return again == up.catalog

    def _run(
        self, connection: sa.Connection, direction: Direction, step: Revision, before: Catalog
    ) -> ReplayFailedError | None:
        """Run one revision; return how it failed, or None.

        Where the rows that were made up may be to blame, it is run again without them, and that is reported.
        """
        try:
            self._run_once(connection, direction, step)
        except ReplayFailedError as error:
            if not (self.filler.filled and may_be_the_rows(error.cause, before)):
                return error
            with connection.begin():
                self.filler.empty(connection, columns_of(before))
            self._was_emptied = True
            try:
                self._run_once(connection, direction, step)
            except ReplayFailedError as again:
                return again
            self.skipped.append(
                f"{direction} of {step.id} with rows: the generated rows do not fit it ({error})"
            )
        return None

    def _run_once(self, connection: sa.Connection, direction: Direction, *steps: Revision) -> None:
        """Run revisions, as if by a command of their own: their settings do not outlive it."""
        plan = Plan(direction=direction, target=steps[-1].id, before=(), after=(), steps=steps)
        self._statements.clear()
        sa.event.listen(connection, "before_cursor_execute", self._note)
        try:
            with failures_named(plan) as started, time_limit(connection, self.limit_s):
                hooks = Hooks(
                    started=started.append,
                    connected=lambda own: self._connected(started or [steps[0].id], own),
                )
                alembic_project.run(self.project, connection, plan, hooks)
        finally:
            sa.event.remove(connection, "before_cursor_execute", self._note)
            connection.rollback()
            if connection.dialect.name == "postgresql":
                psycopg2_connection(connection).reset()
            else:
                sqlite3_connection(connection).execute("PRAGMA foreign_keys = OFF")

    def _note(self, _connection: sa.Connection, _cursor: object, statement: str, *_facts: object) -> None:
        self._statements.append(statement)

    def _read_catalog(self, connection: sa.Connection) -> Catalog:
        with connection.begin():
            return read_catalog(connection, self.scope)

    def _read(self, connection: sa.Connection, catalog: Catalog | None = None) -> Step:
        with connection.begin():
            catalog = catalog or read_catalog(connection, self.scope)
            return Step(catalog=catalog, rows=read_rows(connection, catalog))

    def _fill(self, connection: sa.Connection, catalog: Catalog, *, since: Catalog) -> None:
        with connection.begin():
            self.filler.fill(connection, catalog, since=since)

    def _in_words_of(
        self, expected: Catalog, found: Catalog, connection: sa.Connection, step: Revision
    ) -> Catalog:
        """Return what was found, after the downgrade of a revision, in the words from before its upgrade.

        ALTER TABLE prints a condition and parses it again, which leaves it in other words. Those from before
        are printed by another database, which is migrated to there.
        """
        if connection.dialect.name != "postgresql" or not spelled_differently(expected, found):
            return found
        earlier = self.steps[: self.steps.index(step)]
        with self._database() as another:
            try:
                self._run_once(another, Direction.UPGRADE, *earlier)
            except ReplayFailedError:
                return found
            spellings = self.find_spellings(
                Printed(catalog=expected, target=self._targets[another], connection=another),
                Printed(catalog=found, target=self._targets[connection], connection=connection),
            )
            another.rollback()
        connection.rollback()
        return in_words_of(expected, found, spellings)

    def _refuses_rows(self, step: Revision, before: Step, up: Catalog) -> None:
        """A new column that no row can have, in a table for which none could be made up."""
        columns = columns_of(before.catalog)
        for table, found in columns_of(up).items():
            has_rows = table not in before.rows or (before.rows[table].rows and not self._was_emptied)
            for column, definition in found.items():
                if (
                    table in columns
                    and column not in columns[table]
                    and not has_rows
                    and re.search(r"^(?!.*\b(?:DEFAULT|GENERATED)\b).*\bNOT NULL", definition)
                    and any(adds_not_null(statement, table, column) for statement in self._statements)
                ):
                    said = f"fails where {table} has rows: {column} is NOT NULL without a default"
                    self._add("upgrade-fails", step, f"upgrade() of {step.id} {said}")

    def _compare_rows(self, step: Revision, before: Step, up: Step, down: Step) -> None:
        """What the upgrade has left as it was, the downgrade has to leave as well."""
        if self._was_emptied:
            return
        lost, changed = compare_rows(before, up, down)
        if lost:
            said = f"the downgrade of {step.id} loses rows that were there before"
            self._add("downgrade-loses-rows", step, said, lost)
        if changed:
            said = f"the downgrade of {step.id} changes values that the upgrade did not change"
            self._add("downgrade-changes-rows", step, said, changed)

    def _differs(self, code: str, step: Revision, said: str, expected: Catalog, found: Catalog) -> None:
        differences = compare(expected, found)
        if differences:
            more = len(differences) - _MOST_DETAILS
            details = [str(item) for item in differences[:_MOST_DETAILS]]
            self._add(code, step, f"{step.id}: {said}", details + ([f"and {more} more"] if more > 0 else []))

    def _connected(self, started: Sequence[str], own: OwnConnection) -> None:
        does = f"starts {own.to}" if own.is_program else f"opens its own connection to {own.to}"
        so = ": refused here, so what needs it was not checked" if own.is_refused else ""
        found = finding("own-connection", f"{started[-1]} {does}{so}", file=own.file, line=own.line)
        if found not in self.findings:
            self.findings.append(found)

    def _failed(self, code: str, step: Revision, function: str, error: ReplayFailedError) -> None:
        if alembic_project.refused_in(error.cause) is not None:
            return  # that it was refused is reported, and what it would do nobody knows
        said = text_of(error).removeprefix(f"{error.revision}: ")
        self._add(code, step, f"{function} of {step.id} fails: {said}", line=line_of(error.cause, step.path))

    def _add(
        self, code: str, step: Revision, message: str, details: Sequence[str] = (), *, line: int | None = None
    ) -> None:
        self.findings.append(finding(code, message, file=step.path, line=line, details=tuple(details)))
