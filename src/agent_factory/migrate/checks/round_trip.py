"""Every revision up, down and up again on throwaway databases with rows in the tables.

Three runs for each revision, so the work grows with their number, not with its square.
"""

import linecache
import re
import sqlite3
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Catalog, Scope, compare, read_catalog
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.checks.made_up_rows import (
    Filler,
    Hints,
    Rows,
    columns_of,
    common_columns,
    read_hints,
    read_rows,
)
from agent_factory.migrate.checks.throwaway import (
    POSTGRESQL,
    SQLITE,
    Looked,
    Schemas,
    ThrowawayDatabases,
    told_once,
)
from agent_factory.migrate.connection import connect
from agent_factory.migrate.findings import CannotCheckError, Finding, finding
from agent_factory.migrate.plan import Direction, Plan, Revision
from agent_factory.migrate.project import Hooks, Project
from agent_factory.migrate.rehearsal import COPIED
from agent_factory.migrate.replay import ReplayFailedError, failures_named, migrate_to
from agent_factory.migrate.scratch import ScratchUnavailableError
from agent_factory.migrate.target import Target

_MOST_DETAILS = 20


def check_round_trip(
    project: Project,
    databases: ThrowawayDatabases,
    *,
    uses_sqlite: bool = False,
    schemas: Schemas = None,
) -> Looked:
    """Run every revision up, down and up again, on PostgreSQL and on SQLite.

    ``uses_sqlite`` says that the project is meant for SQLite; otherwise migrations that do not run there are
    told in one note, and nothing else is tried. ``schemas`` are those to compare. Raises CannotCheckError
    where there is nothing to run, or neither database could be had.
    """
    if not project.heads:
        raise CannotCheckError("there are no revisions")
    found: list[tuple[str, tuple[Finding, ...]]] = []
    skipped: list[str] = []
    for backend in (POSTGRESQL, SQLITE):
        try:
            looked = _check_on(backend, project, databases, uses_sqlite=uses_sqlite, schemas=schemas)
        except (CannotCheckError, ScratchUnavailableError) as error:
            skipped += [f"on {backend}: {reason}" for reason in error.reasons]
        else:
            found.append((backend, looked.findings))
            skipped += [f"on {backend}: {reason}" for reason in looked.skipped]
    if not found:
        raise CannotCheckError(*skipped)
    return Looked(findings=told_once(found), skipped=tuple(skipped))


def _check_on(
    backend: str, project: Project, databases: ThrowawayDatabases, *, uses_sqlite: bool, schemas: Schemas
) -> Looked:
    hints: Hints = {}
    with databases.empty(backend) as target:
        with connect(target) as connection:
            scope = _scope(project, connection, schemas)
        try:
            migrate_to(project, target, project.heads)
        except ReplayFailedError as error:
            if backend == SQLITE and not uses_sqlite:
                note = finding("not-for-sqlite", f"revision {error}", file=_file(project, error.revision))
                return Looked(findings=(note,))
        else:
            with connect(target, read_only=True) as connection:
                hints = read_hints(connection, read_catalog(connection, scope))
    with databases.empty(backend) as target:
        trip = _RoundTrip(project=project, target=target, scope=scope, filler=Filler(hints=hints))
        trip.make()
        return Looked(findings=tuple(trip.findings), skipped=tuple(trip.skipped))


def _scope(project: Project, connection: sa.Connection, schemas: Schemas) -> Scope:
    models = alembic_project.read_models(project, connection)
    return replace(COPIED, version_table=models.version_table, schemas=schemas)


def _file(project: Project, revision: str) -> Path:
    return next(item.path for item in alembic_project.revisions(project) if item.id == revision)


@dataclass(slots=True, kw_only=True)
class _RoundTrip:
    """The way of one database through all revisions."""

    project: Project
    target: Target
    scope: Scope
    filler: Filler
    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _catalog: Catalog | None = None
    """The schema after the last step: the next one need not read it again."""
    _was_emptied: bool = False

    def make(self) -> None:
        with connect(self.target) as connection:
            current = alembic_project.read_current(self.project, connection)
            way = alembic_project.plan(self.project, self.target, Direction.UPGRADE, "heads", current)
            self._catalog = self._read(connection)
        unfilled: dict[str, str] = {}
        for number, step in enumerate(way.steps):
            with connect(self.target) as connection:
                goes_on = self._try(connection, step)
            unfilled |= self.filler.unfilled
            if not goes_on:
                left = len(way.steps) - number - 1
                if left:
                    self.skipped.append(f"the {left} revisions after {step.id}: they need it")
                break
        for table, why in sorted(unfilled.items()):
            if table not in self.filler.filled:
                name = table.replace('"', "")
                self.skipped.append(f"rows in {name}: none could be made up ({why})")

    def _try(self, connection: sa.Connection, step: Revision) -> bool:
        """Run one revision up, down and up; say whether the next one can be tried."""
        self._was_emptied = False
        before = self._catalog or self._read(connection)
        rows_before = self._rows(connection, before)
        error = self._run(connection, Direction.UPGRADE, step, before)
        if error is not None:
            self._failed("upgrade-fails", step, "upgrade()", error)
            return False
        up = self._read(connection)
        rows_up = self._rows(connection, up)
        self._fill(connection, up, since=before)
        error = self._run(connection, Direction.DOWNGRADE, step, up)
        if error is not None:
            if _is_on_purpose(error.cause, step.path):
                said = str(error.cause).strip().partition("\n")[0] or type(error.cause).__name__
                self._add("irreversible", step, f"{step.id} has no way back: {said}")
            else:
                self._failed("downgrade-fails", step, "downgrade()", error)
            self._catalog = up
            return self._still_at(connection, step, up)
        down = self._read(connection)
        self._differs("downgrade-differs", step, "down again, the schema is not as before", before, down)
        rows_down = self._rows(connection, down)
        self._compare_rows(step, common_columns(before, up, down), rows_before, rows_up, rows_down)
        error = self._run(connection, Direction.UPGRADE, step, down)
        if error is not None:
            self._failed("upgrade-fails", step, "upgrade(), after its downgrade(),", error)
            return False
        again = self._catalog = self._read(connection)
        self._differs(
            "second-upgrade-differs", step, "up again, the schema is not that of the first time", up, again
        )
        self._fill(connection, again, since=down)
        return True

    def _run(
        self, connection: sa.Connection, direction: Direction, step: Revision, before: Catalog
    ) -> ReplayFailedError | None:
        """Run one revision; return how it failed, or None.

        Where the rows that were made up may be to blame, it is run again without them, and that is told.
        """
        try:
            self._run_once(connection, direction, step)
        except ReplayFailedError as error:
            if not (self.filler.filled and _may_be_the_rows(error.cause, before)):
                return error
            with connection.begin():
                self.filler.empty(connection, columns_of(before))
            self._was_emptied = True
            try:
                self._run_once(connection, direction, step)
            except ReplayFailedError as again:
                return again
            self.skipped.append(
                f"{direction} of {step.id} with rows: those that were made up do not fit it ({error})"
            )
        return None

    def _run_once(self, connection: sa.Connection, direction: Direction, step: Revision) -> None:
        """Run one revision, as if by a command of its own: its settings do not outlive it."""
        plan = Plan(direction=direction, target=step.id, before=(), after=(), steps=(step,))
        try:
            with failures_named(plan) as started:
                alembic_project.run(self.project, connection, plan, Hooks(started=started.append))
        finally:
            connection.rollback()
            driver: Any = connection.connection.dbapi_connection
            if connection.dialect.name == "postgresql":
                driver.reset()

    def _read(self, connection: sa.Connection) -> Catalog:
        with connection.begin():
            return read_catalog(connection, self.scope)

    def _rows(self, connection: sa.Connection, catalog: Catalog) -> dict[str, Rows]:
        with connection.begin():
            return read_rows(connection, catalog)

    def _fill(self, connection: sa.Connection, catalog: Catalog, *, since: Catalog) -> None:
        with connection.begin():
            self.filler.fill(connection, catalog, since=since)

    def _still_at(self, connection: sa.Connection, step: Revision, up: Catalog) -> bool:
        """Say whether a downgrade that failed has left everything as it was."""
        current = alembic_project.read_current(self.project, connection)
        return step.id in current and self._read(connection) == up

    def _compare_rows(
        self,
        step: Revision,
        columns: Mapping[str, tuple[str, ...]],
        before: Mapping[str, Rows],
        up: Mapping[str, Rows],
        down: Mapping[str, Rows],
    ) -> None:
        """What the upgrade has left as it was, the downgrade has to leave as well."""
        lost = []
        for table, names in columns.items():
            if names and table in before and table in up and table in down:
                kept = before[table].only(names) & up[table].only(names)
                count = (kept - down[table].only(names)).total()
                if count and not self._was_emptied:
                    lost.append(f"{table}: {count} of {kept.total()} rows")
        if lost:
            self._add(
                "downgrade-loses-rows", step, f"the downgrade of {step.id} loses rows that were there", lost
            )

    def _differs(self, code: str, step: Revision, said: str, expected: Catalog, found: Catalog) -> None:
        differences = compare(expected, found)
        if differences:
            more = len(differences) - _MOST_DETAILS
            details = [str(item) for item in differences[:_MOST_DETAILS]]
            self._add(code, step, f"{step.id}: {said}", details + ([f"and {more} more"] if more > 0 else []))

    def _failed(self, code: str, step: Revision, function: str, error: ReplayFailedError) -> None:
        said = str(error).removeprefix(f"{error.revision}: ")
        self._add(code, step, f"{function} of {step.id} fails: {said}", line=_line_of(error.cause, step.path))

    def _add(
        self, code: str, step: Revision, message: str, details: Sequence[str] = (), *, line: int | None = None
    ) -> None:
        self.findings.append(finding(code, message, file=step.path, line=line, details=tuple(details)))


def _line_of(error: BaseException, path: Path) -> int | None:
    """The line of the revision's file where it failed."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return lines[-1] if lines else None


def _is_on_purpose(error: BaseException, path: Path) -> bool:
    """Say whether the revision itself raised this: by a ``raise`` in its file, no database's doing."""
    if isinstance(error, sa.exc.SQLAlchemyError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    if last is None or last.filename != str(path) or last.lineno is None:
        return isinstance(error, NotImplementedError)
    return linecache.getline(last.filename, last.lineno).strip().startswith("raise")


def _may_be_the_rows(error: BaseException, before: Catalog) -> bool:
    """Say whether other values than those that were made up might have pleased the revision.

    No row pleases a new column that is NOT NULL and has no default.
    """
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    columns = {plain(one.name).rpartition(".")[2] for one in before.objects if one.kind == "column"}
    if isinstance(cause, psycopg2.errors.NotNullViolation):
        return cause.diag.column_name in columns
    if isinstance(cause, sqlite3.IntegrityError):
        match = re.search(r"NOT NULL constraint failed: \S+\.(\S+)", str(cause))
        return match is None or match[1] in columns
    return isinstance(cause, psycopg2.IntegrityError | psycopg2.DataError)
