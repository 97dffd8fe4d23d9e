"""Adopting a database: finding out which revisions its schema is at, and writing that down."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Scope, read_catalog
from agent_factory.migrate.checks.schema_place import SchemaPlace, SchemaSearch
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.engine import preflight
from agent_factory.migrate.engine.failure import explain
from agent_factory.migrate.engine.run_session import locked_session
from agent_factory.migrate.engine.run_state import RunState
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.found import FoundJournal
from agent_factory.migrate.journal.origin import find_origin
from agent_factory.migrate.journal.read import ADOPTED, ran_outside
from agent_factory.migrate.journal.records import find as find_journal
from agent_factory.migrate.journal.records import read_records
from agent_factory.migrate.model.errors import UNCHANGED, PartiallyAppliedError, RefusedError, RolledBackError
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import Position
from agent_factory.migrate.model.written import AdoptResult, ConfirmAdoption, ObjectDiffers
from agent_factory.migrate.project import FilesRead, Project, files_read, open_project
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.rehearsal.replay import (
    OF_ROLES_AND_ROWS,
)
from agent_factory.migrate.rehearsal.schemas import schemas_to_begin_with
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.workflows.check_database import other_histories
from agent_factory.migrate.workflows.child import on_project
from agent_factory.migrate.workflows.status import read_current


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRequest:
    """What is asked for: the database, and the ``revision`` that it is at, None to find it out.

    ``instead_of`` are the rows that its version table has wrongly; ``allows_drift`` adopts it where it is
    nearest to as well.
    """

    target: Target
    revision: str | None
    instead_of: tuple[str, ...]
    allows_drift: bool
    rehearsal: RehearsalOptions
    options: RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was found out, and what of the database and the files it was found with.

    ``is_recorded`` says that the version table and the journal say it already.
    """

    result: AdoptResult
    position: Position
    catalog_sha256: str
    read: FilesRead
    is_recorded: bool


def adopt(
    setup: Setup, request: AdoptRequest, *, ci_url: str | None, confirm: ConfirmAdoption
) -> AdoptResult:
    """Find the revisions whose schema is the database's, and write them into its version table and journal.

    The history is run on a throwaway database, in a process of its own. Without drift, or where that is
    allowed, ``confirm`` is asked, and raises RefusedError when the answer is no; else nothing is written, and
    the result has the nearest revisions and how to get there.
    """
    found = on_project(setup, request.target.url, _find, request)
    result = found.result
    if (result.differences and not request.allows_drift) or found.is_recorded:
        return result
    confirm(result)
    project = open_project(setup, target=request.target.url, read=found.read)
    _write(project, request, found, ci_url)
    reached = read_current(project, request.target)
    if reached != result.at:
        raise PartiallyAppliedError(
            "not-where-planned",
            f"the database is at {_shown(reached)} and not at {_shown(result.at)}",
            state=f"at {_shown(reached)}",
            next_steps=(f"compare: {request.target.command('history')}",),
        )
    return replace(result, written=True)


def _find(project: Project, request: AdoptRequest) -> _Found:
    target = request.target
    with connect(target, read_only=True) as connection:
        if target.url.backend == "postgresql":
            preflight.check_server(server.read_facts(connection), target, request.options)
        position = alembic_project.read_position(project, connection)
        _check_position(request, position)
        scope = _scope(project, connection, position)
        catalog = read_catalog(connection, scope)
        if not any(one.kind == "table" for one in catalog.objects):
            raise RefusedError(
                "nothing-to-adopt",
                f"{target} has no tables: there is nothing to adopt",
                state=UNCHANGED,
                next_steps=(f"migrate it from the beginning: {target.command('upgrade')}",),
            )
        schemas = schemas_to_begin_with(project, connection, position.table)
        search = SchemaSearch(project, target, connection, scope, catalog, request.rehearsal, schemas)
        try:
            place = (
                search.at_revision(request.revision)
                if request.revision is not None
                else search.anywhere(is_written_with_drift=request.allows_drift)
            )
        except ScratchUnavailableError as error:
            raise RefusedError(
                "no-throwaway-server",
                f"the history is compared on a throwaway server, and there is none: {error}",
                state=UNCHANGED,
                next_steps=(
                    "pip install 'agent-factory[rehearsal]'",
                    f"or name a PostgreSQL to use: {target.again('--scratch-url URL')}",
                ),
            ) from error
        return _Found(
            result=_result(target, position, place),
            position=position,
            catalog_sha256=catalog.sha256,
            read=files_read(project),
            is_recorded=place.at == position.rows and _is_known(project, connection, position),
        )


def _is_known(project: Project, connection: sa.Connection, position: Position) -> bool:
    """Say whether the journal knows all that is applied: an adoption that was cut short leaves it behind."""
    applied = alembic_project.applied_revisions(project, position.rows)
    if connection.dialect.name != "postgresql" or not applied:
        return True
    kept = find_journal(connection)
    if kept is None or not kept.may_read:
        return False
    entries = read_records(project, connection, kept, position).entries
    return not ran_outside(entries, applied)


def _scope(project: Project, connection: sa.Connection, position: Position) -> Scope:
    return Scope(
        leave_out_schemas=frozenset(other_histories(connection, position.table)),
        schemas=read_configuration(settings_root(project.setup)).schemas,
        leave_out_kinds=OF_ROLES_AND_ROWS,
        one_server=False,
        version_table=position.table.name,
    )


def _check_position(request: AdoptRequest, position: Position) -> None:
    """Raise RefusedError unless the version table is empty, or says what was typed to be wrong."""
    target, rows = request.target, position.rows
    if sorted(request.instead_of) == list(rows):
        return
    if not request.instead_of:
        raise RefusedError(
            "has-version",
            f"{target} says already where it is: at {_shown(rows)}",
            state=f"unchanged, at {_shown(rows)}",
            next_steps=(
                f"is that so? {target.command('check')}",
                f"if it is wrong, or the journal lacks it: {target.again(_instead_of(rows))}",
            ),
        )
    raise RefusedError(
        "has-version",
        f"{target} is at {_shown(rows)}, and not at {_shown(request.instead_of)}",
        state=f"unchanged, at {_shown(rows)}",
        next_steps=("name what it says now, each revision by --instead-of",),
    )


def _instead_of(rows: Sequence[str]) -> str:
    return " ".join(f"--instead-of {row}" for row in rows)


def _result(target: Target, position: Position, place: SchemaPlace) -> AdoptResult:
    return AdoptResult(
        database=str(target),
        version_table=str(position.table),
        before=position.rows,
        at=place.at,
        differences=tuple(
            ObjectDiffers(
                kind=item.kind,
                name=item.name,
                expected=item.expected,
                found=item.found,
                remedy=item.remedy,
            )
            for item in place.differences
        ),
        compared=place.compared,
        written=False,
        notes=place.notes,
    )


def _write(project: Project, request: AdoptRequest, found: _Found, ci_url: str | None) -> None:
    """Write the rows of the version table, then those of the journal, under the run lock.

    Raises RefusedError where the database is not any more what was compared.
    """
    target, table, at = request.target, found.position.table, found.result.at
    state = RunState(request.options.statement_timeout_s)
    with connect(target) as connection, locked_session(connection, target, table, request.options, state):
        position = alembic_project.read_position(project, connection)
        if position != found.position:
            raise _changed(f"its version table said {_shown(found.position.rows)} then", position)
        if read_catalog(connection, _scope(project, connection, position)).sha256 != found.catalog_sha256:
            raise _changed("its schema was another one then", position)
        kept = _open_journal(connection, request) if target.url.backend == "postgresql" else None
        try:
            if at != position.rows:
                alembic_project.stamp(project, connection, at, instead=bool(position.rows))
        except (psycopg2.Error, sa.exc.DBAPIError) as error:
            raise _not_written(target, position, connection, error) from error
        if kept is None:
            return
        run = journal.Run(
            id=str(uuid.uuid4()),
            table=table,
            direction=Direction.UPGRADE,
            origin=find_origin(project.root, project.setup, ci_url),
            journal=kept,
        )
        try:
            _write_journal(project, connection, run, Position(table=table, rows=at), found.result)
        except (psycopg2.Error, sa.exc.SQLAlchemyError) as error:
            raise PartiallyAppliedError(
                "journal-not-written",
                f"the version table says {_shown(at)}; the journal could not be written: {error}",
                state=f"at {_shown(at)}",
                next_steps=(
                    "it works as it is: what ran before is shown as not by af-db",
                    f"to have it in the journal too: {target.again(_instead_of(at))}",
                ),
            ) from error


def _not_written(
    target: Target, position: Position, connection: sa.Connection, error: Exception
) -> RolledBackError:
    """Return the error for a version table that could not be made or written, which is one transaction."""
    is_known = not connection.closed and not connection.invalidated
    code, cause, next_steps = explain(error, target)
    return RolledBackError(
        code,
        f"the version could not be written into {position.table}: {cause}",
        state=f"rolled back; at {_shown(position.rows)}" if is_known else "not known",
        next_steps=(*next_steps, f"then: {target.command('adopt')}"),
    )


def _open_journal(connection: sa.Connection, request: AdoptRequest) -> FoundJournal | None:
    """Return the journal, made where it is missing; None where this role may not write it."""
    kept = find_journal(connection)
    if kept is not None:
        preflight.check_journal(kept)
        preflight.check_environment(journal.read_environment(connection), request.target, request.options)
    kept = journal.prepare(connection)
    if kept is None or not kept.may_write:
        return None
    name = journal.read_environment(connection)
    stamp = preflight.check_environment(name, request.target, request.options)
    if stamp is not None:
        journal.write_environment(connection, stamp)
    return kept


def _write_journal(
    project: Project, connection: sa.Connection, run: journal.Run, position: Position, result: AdoptResult
) -> None:
    """Write a row for each revision that the database has and the journal does not know as applied."""
    entries = read_records(project, connection, run.journal, position).entries
    count = len(result.differences)
    drift = f", with {count} difference{'s' if count > 1 else ''}" if count else ""
    remark = f"{ADOPTED}: it did not run, the schema was found at {_shown(result.at)}{drift}"
    rows = [
        journal.row(connection, run, revision=revision, state="applied", error=remark)
        for revision in reversed(alembic_project.applied_revisions(project, position.rows))
        if not (revision.id in entries and entries[revision.id].is_applied)
    ]
    with connection.begin(), own_cursor(connection) as cursor:
        for row in rows:
            cursor.execute(row)


def _changed(how: str, position: Position) -> RefusedError:
    return RefusedError(
        "plan-changed",
        f"the database is not any more what was compared: {how}",
        state=f"unchanged, at {_shown(position.rows)}",
        next_steps=("run the command again",),
    )


def _shown(revisions: Sequence[str]) -> str:
    return ", ".join(revisions) or "base"
