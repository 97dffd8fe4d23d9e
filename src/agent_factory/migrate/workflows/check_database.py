"""Whether a database is as its migrations made it; nothing is written to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import (
    Catalog,
    Difference,
    Scope,
    read_catalog,
    with_defaults_of,
)
from agent_factory.migrate.checks.database import (
    check_constraints,
    check_environment,
    check_indexes,
    check_journal,
    check_place,
    check_versioned,
    has_finding_of_its_own,
    newest_known,
)
from agent_factory.migrate.checks.drift import (
    compare_with_migrations,
    computed_default_finding,
    drift_finding,
)
from agent_factory.migrate.checks.other_servers import differences_of_database, is_other_version
from agent_factory.migrate.checks.rights import check_rights
from agent_factory.migrate.db import run_lock, server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.db.version_tables import other_version_tables
from agent_factory.migrate.engine import preflight
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.records import find as find_journal
from agent_factory.migrate.journal.records import read_records
from agent_factory.migrate.model.findings import (
    DATABASE_CODES,
    CheckResult,
    Finding,
    Level,
    apply_ignores,
    finding,
)
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project import Project
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.rehearsal.replay import (
    OF_ROLES_AND_ROWS,
    ReplayFailedError,
    blank_database,
    find_computed_defaults,
    made_by_migrations,
)
from agent_factory.migrate.rehearsal.schemas import schemas_to_begin_with
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError

_WHERE_THEY_STOP = (
    "see where they stop: af-db check; no object is compared until the migrations make, or begin with, all "
    "that they need"
)

_OF_RECORDS = frozenset(
    {
        *("edited-revision", "ran-outside", "ran-before-journal", "unfinished-revision"),
        *("migration-running", "wrong-environment", "no-environment-name"),
    }
)
_OF_INDEXES = frozenset({"invalid-index", "index-in-progress", "constraint-not-valid"})
NAMED_OBJECTS = 5
"""Version tables of others that a note names."""
_OF_DRIFT = frozenset({"drift", "default-made-at-run-time", "unexpected-grant"})


@dataclass(slots=True, kw_only=True)
class _Notes:
    """What has come out so far."""

    findings: list[Finding] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    looked_for: set[str] = field(default_factory=set)


def check_database(
    project: Project, target: Target, *, options: RehearsalOptions, environment: str | None = None
) -> CheckResult:
    """Find everything that a database should not have, or not be.

    Drift is found by running the migrations on a throwaway database and comparing the two catalogs, unless
    ``options`` want none. ``environment`` is the name that the database must have. A check that cannot be
    made is reported with the reason; it is a finding where it is drift in production, or was asked for by
    naming a server. What the project ignores may be in production only: that a developer's database lacks it
    is not reported.
    """
    configuration = read_configuration(settings_root(project.setup))
    notes = _Notes(looked_for=set(DATABASE_CODES - _OF_RECORDS - _OF_INDEXES - _OF_DRIFT))
    with connect(target, read_only=True) as read_connection:
        position = alembic_project.read_position(project, read_connection)
        table = position.table
        others = other_histories(read_connection, position.table)
        scope = Scope(
            schemas=configuration.schemas,
            leave_out_schemas=frozenset(others),
            leave_out_kinds=OF_ROLES_AND_ROWS,
            one_server=False,
            version_table=table.name,
        )
        rights = read_catalog(read_connection, _with_rights(scope))
        found = rights.without_kinds(scope.leave_out_kinds)
        notes.looked_at.append("where the database is, and its version table")
        has_key = alembic_project.version_table_has_key(read_connection, table)
        notes.findings += [
            *check_place(project, target, position, has_key=has_key),
            *check_versioned(position, found),
        ]
        if target.url.backend == "postgresql":
            _check_records(project, target, read_connection, position, environment, notes)
        else:
            notes.skipped += ["journal: SQLite has none", "environment name: SQLite has none"]
        if others and configuration.schemas is None:
            notes.skipped.append(_of_others(others))
        drift = _find_drift(project, target, read_connection, position, rights, scope, options, notes)
        if target.url.backend == "postgresql":
            notes.looked_at += ["INVALID indexes", "constraints left NOT VALID"]
            notes.looked_for |= _OF_INDEXES
            notes.findings += check_indexes(server.invalid_indexes(read_connection), drift, found)
            notes.findings += check_constraints(server.unvalidated_constraints(read_connection), drift, found)
        notes.findings += [drift_finding(item) for item in drift if not has_finding_of_its_own(item)]
    is_shared = target.environment is Environment.PROD
    left, ignored = apply_ignores(notes.findings, configuration.ignore, notes.looked_for if is_shared else ())
    return CheckResult(
        what=str(target),
        findings=left,
        ignored=ignored,
        looked_at=tuple(notes.looked_at),
        skipped=tuple(notes.skipped),
    )


def other_histories(read_connection: sa.Connection, table: VersionTable) -> dict[str, str]:
    """Return the schemas that belong to other histories, each with the version table that says so.

    A schema in which this one's version table is belongs to this one.
    """
    if read_connection.dialect.name != "postgresql":
        return {}
    with own_cursor(read_connection) as cursor:
        others = other_version_tables(cursor, table)
    return {
        other.schema: str(other)
        for other in others
        if other.schema is not None and other.schema != table.schema
    }


def _of_others(others: Mapping[str, str]) -> str:
    named = list(others.values())
    left = len(named) - NAMED_OBJECTS
    listed = ", ".join(named[:NAMED_OBJECTS]) + (f" and {left} more" if left > 0 else "")
    return (
        f"drift in {len(named)} schema{'s' if len(named) > 1 else ''} of other histories ({listed}): "
        "check each as env.py, or its environment, names it, or name them as `schemas` in [tool.af-db]"
    )


def _check_records(
    project: Project,
    target: Target,
    read_connection: sa.Connection,
    position: Position,
    environment: str | None,
    notes: _Notes,
) -> None:
    """Check what af-db itself keeps in the database: the journal, and the environment name."""
    kept = find_journal(read_connection)
    if kept is None or not kept.may_read:
        why = f"{kept.role} may not read af_db" if kept is not None else "the database has none"
        notes.skipped += [f"journal: {why}", f"environment name: {why}"]
        return
    running = run_lock.find_holder(read_connection, position.table)
    records = read_records(project, read_connection, kept, position)
    notes.findings += check_journal(project, target, records.entries, position.rows, running)
    notes.looked_at.append("the journal: edited and unfinished revisions, and what ran without af-db")
    expected = preflight.expected_environment(target, RunOptions(environment=environment))
    notes.findings += check_environment(target, journal.read_environment(read_connection), expected)
    if records.moved_from is not None:
        notes.looked_at.append(
            f"the journal's rows of {records.moved_from}, which is not there any more: they say what "
            f"{position.table} has, and the next run writes its name into them"
        )
    if records.unknown:
        named = ", ".join(records.unknown)
        notes.skipped.append(f"journal: rows that an older af-db wrote, of an unknown version table: {named}")
    notes.looked_at.append("the environment name")
    notes.looked_for |= _OF_RECORDS


def _find_drift(
    project: Project,
    target: Target,
    read_connection: sa.Connection,
    position: Position,
    rights: Catalog,
    scope: Scope,
    options: RehearsalOptions,
    notes: _Notes,
) -> tuple[Difference, ...]:
    """Return where the database is not what its migrations make, or say why that cannot be known.

    ``rights`` is its catalog, with owners and grants, which have findings of their own.
    """
    found = rights.without_kinds(scope.leave_out_kinds)
    at = newest_known(project, position.rows)
    if not options.wanted:
        notes.skipped.append("drift: no throwaway database is wanted (--no-rehearsal, AF_DB_REHEARSAL=false)")
        return ()
    if at is None or check_versioned(position, found):
        notes.skipped.append("drift: it is not known which migrations the database has")
        return ()
    try:
        schemas = schemas_to_begin_with(project, read_connection, position.table)
        with blank_database(
            target, read_connection, schemas=schemas, scratch_url=options.scratch_url
        ) as blank:
            made = made_by_migrations(project, blank, at, _with_rights(scope), options.timeout_s)
            expected = made.without_kinds(scope.leave_out_kinds)
            if blank.scratch is not None:
                notes.findings += check_rights(
                    made,
                    rights,
                    migrated_as=blank.role,
                    checked_as=quoted(server.read_facts(read_connection).role),
                    is_other_version=is_other_version(blank, read_connection),
                )
            differences = compare_with_migrations(expected, found)
            if differences:
                computed = find_computed_defaults(
                    project,
                    target,
                    read_connection,
                    expected,
                    found,
                    at,
                    scope,
                    beside=blank.scratch,
                    schemas=schemas,
                    scratch_url=options.scratch_url,
                )
                notes.findings += [computed_default_finding(key, expected, found) for key in sorted(computed)]
                found = with_defaults_of(expected, found, computed)
                differences = differences_of_database(
                    target, read_connection, blank, expected, found, scope, options, notes.skipped
                )
            where = f"drift: {len(found.objects)} objects, against the migrations run on {blank.server}"
            lacking = f" (not there: {'; '.join(blank.gaps)})" if blank.gaps else ""
    except ScratchUnavailableError as error:
        is_asked = options.required or options.scratch_url is not None
        _drift_not_looked_for(f"no throwaway server: {error}", target, notes, is_asked=is_asked)
        return ()
    except ReplayFailedError as error:
        why = f"the migrations do not run on an empty database: {error}"
        _drift_not_looked_for(why, target, notes, remedy=_WHERE_THEY_STOP)
        return ()
    except alembic_project.BaselineFailedError as error:
        _drift_not_looked_for(error.message, target, notes)
        return ()
    notes.looked_at.append(f"{where}{lacking}")
    notes.looked_for |= _OF_DRIFT
    return differences


def _with_rights(scope: Scope) -> Scope:
    """Return the scope with owners, grants and default privileges."""
    return replace(scope, leave_out_kinds=scope.leave_out_kinds & {"populated"})


def _drift_not_looked_for(
    why: str, target: Target, notes: _Notes, *, is_asked: bool = False, remedy: str | None = None
) -> None:
    notes.skipped.append(f"drift: {why}")
    if is_asked or target.environment is Environment.PROD:
        found = finding("not-checked", f"drift was not checked: {why}", remedy=remedy)
        notes.findings.append(found if is_asked else replace(found, level=Level.WARNING))
