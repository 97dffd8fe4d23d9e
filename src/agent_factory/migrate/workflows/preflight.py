"""The checklist of a plan: fetching the evidence, before a question or by itself; nothing is run."""

import time
from dataclasses import replace

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.readiness import (
    read_activity,
    read_lacking_rights,
    read_local_time,
    read_room,
    read_writes,
)
from agent_factory.migrate.db.sql import schema_of
from agent_factory.migrate.engine.preflight import PRODUCTION
from agent_factory.migrate.journal.commits import find_commits
from agent_factory.migrate.journal.records import read_if_any
from agent_factory.migrate.model.checklist import Checklist, LineName, PreflightOptions, PreflightResult
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.findings import CheckResult
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.target import Target, production_target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project import Project, addresses
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.rehearsal.round_trip import try_round_trip
from agent_factory.migrate.review.build import Review
from agent_factory.migrate.review.checklist import Evidence, StagedRevision, Staging, build_checklist
from agent_factory.migrate.review.saved_plan import SavedPlan
from agent_factory.migrate.revisions.normalise import file_sha256
from agent_factory.migrate.workflows.plan import review_plan

MEASURED_S = 2.0
"""How long the rows that are written are counted; the statistics are a second old at most (PostgreSQL 15)."""

_CHANGES = frozenset(mode.sql for mode in LockMode if mode >= LockMode.SHARE_UPDATE_EXCLUSIVE)
"""Locks that only the owner's statements take, but for LOCK TABLE."""


def preflight(
    project: Project,
    target: Target,
    direction: Direction,
    revision: str,
    *,
    rehearsal: RehearsalOptions,
    options: PreflightOptions,
    environment: str | None,
) -> PreflightResult:
    """Answer every line for the plan to ``revision``; the databases are only read.

    ``environment`` is the name that the database must have.
    """
    with connect(target, read_only=True) as read_connection:
        position = alembic_project.read_position(project, read_connection)
        plan = alembic_project.plan(project, target, direction, revision, position.rows)
        review = None
        if plan.steps:
            review, _ = review_plan(project, target, plan, position.table, read_connection, rehearsal)
        checklist = make_checklist(
            project,
            target,
            plan,
            position.table,
            read_connection,
            review=review,
            saved=None,
            rehearsal=rehearsal,
            options=replace(options, wants_all=True),
            environment=environment,
        )
    return PreflightResult(
        database=str(target),
        before=plan.before,
        after=plan.after,
        revisions=tuple(step.id for step in plan.steps),
        checklist=checklist,
    )


def make_checklist(
    project: Project,
    target: Target,
    plan: Plan,
    table: VersionTable,
    read_connection: sa.Connection,
    *,
    review: Review | None,
    saved: SavedPlan | None,
    rehearsal: RehearsalOptions,
    options: PreflightOptions,
    environment: str | None = None,
) -> Checklist:
    """Fetch the evidence for a plan and return its lines; ``review`` is what its rehearsal has shown.

    ``environment`` is the name that the database must have: lines have to pass for production only.
    """
    configuration = read_configuration(settings_root(project.setup))
    required = configuration.required_lines if environment in (None, PRODUCTION) else ()
    is_full = options.wants_all or configuration.answers_all_lines
    files = [step.path for step in plan.steps]
    commits = find_commits(project.root, files) if files else None
    evidence = Evidence(
        target=target,
        plan=plan,
        review=review,
        without_downgrade=_without_downgrade(project, plan),
        saved_at=saved.made_at if saved is not None else None,
        commits={step.id: commits[step.path] for step in plan.steps} if commits is not None else None,
        approved_by=options.approved_by,
        notes=options.notes,
        watches_s=options.watches_s,
        is_full=is_full,
    )
    if plan.steps and (is_full or LineName.STAGING in required):
        evidence = replace(
            evidence, staging=_read_staging(project, target, plan, rehearsal, options.staging_url)
        )
    is_trip_wanted = is_full or {LineName.TESTED_LOCALLY, LineName.WAY_BACK} & set(required)
    if is_trip_wanted and _may_go_both_ways(plan, review, rehearsal, evidence):
        trip = try_round_trip(
            project,
            target,
            plan,
            table,
            read_connection,
            limit_s=rehearsal.timeout_s,
            scratch_url=rehearsal.scratch_url,
        )
        evidence = replace(evidence, round_trip=trip)
    if target.url.backend == "postgresql":
        evidence = _with_readiness(evidence, read_connection, review)
        if configuration.quiet_hours is not None:
            hours = configuration.quiet_hours
            now = read_local_time(read_connection, hours.zone)
            evidence = replace(evidence, quiet_hours=hours, local_time=now)
    return build_checklist(evidence, required)


def _may_go_both_ways(
    plan: Plan, review: Review | None, rehearsal: RehearsalOptions, evidence: Evidence
) -> bool:
    is_upgrade = plan.direction is Direction.UPGRADE and bool(plan.steps)
    is_rehearsed = review is not None and review.rehearsed_on is not None and review.baseline is None
    return rehearsal.wanted and is_upgrade and is_rehearsed and not evidence.without_downgrade


def _without_downgrade(project: Project, plan: Plan) -> tuple[str, ...]:
    modules = ((step.id, project.script.get_revision(step.id).module) for step in plan.steps)
    return tuple(id_ for id_, module in modules if not hasattr(module, "downgrade"))


def _with_readiness(evidence: Evidence, read_connection: sa.Connection, review: Review | None) -> Evidence:
    touched = [
        table
        for revision in (review.revisions if review else ())
        for one in revision.statements
        for table in one.tables
    ]
    there = tuple(dict.fromkeys(table.name for table in touched if not table.is_new))
    changed = dict.fromkeys(table.name for table in touched if not table.is_new and table.lock in _CHANGES)
    schemas = dict.fromkeys(schema_of(table.name) for table in touched if table.is_new)
    activity = read_activity(read_connection, there)
    writes_per_s = None
    if evidence.is_full and there:
        before = read_writes(read_connection, there)
        time.sleep(MEASURED_S)
        writes_per_s = {
            name: max(0, count - before.get(name, 0)) / MEASURED_S
            for name, count in read_writes(read_connection, there).items()
        }
    return replace(
        evidence,
        activity=activity,
        writes_per_s=writes_per_s,
        room=read_room(read_connection),
        lacking=read_lacking_rights(read_connection, changed, [name for name in schemas if name]),
        invalid_indexes=[one for one in server.invalid_indexes(read_connection) if one.builder_pid is None],
    )


def _read_staging(
    project: Project, production: Target, plan: Plan, rehearsal: RehearsalOptions, url: str | None
) -> Staging | None:
    """Return what the staging database says of the plan's revisions; None where none is named."""
    if url is None:
        return None
    # A hundred modules that only this line needs.
    from agent_factory.migrate.workflows.check_database import check_database

    try:
        target = production_target(url)
        if addresses.of_url(target.url) == addresses.of_url(production.url):
            return Staging(database=str(target), is_this=True)
        with connect(target, read_only=True) as connection:
            position = alembic_project.read_position(project, connection)
            records = read_if_any(project, connection, position)
        checked = check_database(project, target, options=rehearsal)
    except MigrationError as error:
        return Staging(database="STAGING_DATABASE_URL", why_unknown=error.message)
    if records is None:
        return Staging(database=str(target), why_unknown="it has no journal that this role may read")
    entries = records.entries
    revisions = []
    for step in plan.steps:
        entry = entries.get(step.id)
        if entry is None or not entry.is_applied:
            revisions.append(StagedRevision(revision=step.id, has_same_file=None))
            continue
        is_same = file_sha256(step.path) in (entry.source_sha256, entry.accepted_sha256)
        revisions.append(
            StagedRevision(
                revision=step.id, has_same_file=is_same, at=entry.started_at, seconds=entry.duration_s
            )
        )
    return Staging(database=str(target), revisions=tuple(revisions), drift=_count_drift(checked))


def _count_drift(checked: CheckResult) -> int | None:
    """Return how many objects have drifted; None where that was not compared."""
    if any(reason.startswith("drift:") for reason in checked.skipped):
        return None
    return sum(found.code == "drift" for found in checked.findings)
