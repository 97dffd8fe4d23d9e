"""A plan, rehearsed and reviewed, without running it."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Scope, read_catalog
from agent_factory.migrate.checks.drift import drift_notes, find_drift
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.sent_statements import with_salt
from agent_factory.migrate.db.sizes import table_sizes
from agent_factory.migrate.engine import preflight
from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.journal.records import find as find_journal
from agent_factory.migrate.journal.records import read_if_any, read_records
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version import af_db_version, alembic_version
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project import Project
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.rehearsal.copies import RehearsalFailedError
from agent_factory.migrate.rehearsal.run import NotRehearsedError, Rehearsal, rehearse
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.review import saved_plan
from agent_factory.migrate.review.build import (
    PlanResult,
    Review,
    build_review,
    build_unrehearsed_review,
)
from agent_factory.migrate.review.consents import BASELINE, DRIFT, flag_for
from agent_factory.migrate.review.hazards import (
    DEPENDS_ON_DATA,
    Hazard,
    count_hits,
    find_own_connections,
)
from agent_factory.migrate.review.saved_arguments import save_arguments
from agent_factory.migrate.workflows.failed_rehearsal import not_rehearsed, rehearsal_failed
from agent_factory.migrate.workflows.status import describe

SAVED_SCOPE = Scope(leave_out_kinds=frozenset({"comment", "populated"}))
"""What of the catalog a saved plan depends on."""
NAMED_OBJECTS = 5
"""Objects that a warning names."""


def plan(
    project: Project,
    target: Target,
    direction: Direction,
    revision: str,
    *,
    options: RehearsalOptions,
    environment: str | None,
    save_to: Path | None,
    valid_for_s: float,
) -> PlanResult:
    """Rehearse the plan to ``revision`` and say what it would do; the database is only read.

    What a run will be refused for is reported; ``environment`` is the name that the database must have then.
    With ``save_to`` the plan is written there, to be run by ``upgrade --plan`` within ``valid_for_s``.
    """
    with connect(target, read_only=True) as read_connection:
        position = alembic_project.read_position(project, read_connection)
        found = alembic_project.plan(project, target, direction, revision, position.rows)
        alembic_project.require_functions(project, found)
        alembic_project.require_recordable(project, read_connection, position.table, found)
        warnings = (
            *alembic_project.warn_of_bytecode(found),
            *_obstacles(project, target, found, position, read_connection, environment),
        )
        try:
            reviewed, rehearsal = review_plan(
                project, target, found, position.table, read_connection, options
            )
        except RefusedError as error:
            error.message = "\n".join((error.message, *(warning.message for warning in warnings)))
            raise
        if save_to is not None:
            made_at = saved_plan.now()
            saved_plan.write(
                fingerprint(
                    project,
                    target,
                    found,
                    position.table,
                    read_connection,
                    rehearsal,
                    needed=needed_consents(reviewed, target),
                    allowed=options.allow,
                    expires_at=saved_plan.lifetime(made_at, valid_for_s),
                    depending=depending_on_data(reviewed),
                ),
                save_to,
            )
    return PlanResult(
        database=str(target),
        before=describe(project, found.before),
        review=reviewed,
        allow=consent_flag(reviewed, target, options.allow),
        saved=save_to,
        warnings=(*warnings, *not_compared(rehearsal)),
    )


def _obstacles(
    project: Project,
    target: Target,
    found: Plan,
    position: Position,
    read_connection: sa.Connection,
    environment: str | None,
) -> tuple[Warned, ...]:
    """Return what a run of the plan will be refused for, as far as this role may know; a plan is shown all
    the same."""
    if not found.steps or target.url.backend != "postgresql":
        return ()
    run = f"{target.environment} {found.direction}"
    kept = find_journal(read_connection)
    if kept is None:
        return ()
    if not kept.may_read:
        message = f"whether {run} will refuse this is not known: {kept.role} may not read af_db"
        return (Warned(code="journal-not-read", message=message),)
    refusals = preflight.find_refusals(
        read_connection,
        read_records(project, read_connection, kept, position).entries,
        lambda: read_records(project, read_connection, kept, position).entries,
        alembic_project.applied_revisions(project, found.before),
        found,
        position.table,
        target,
        RunOptions(environment=environment),
    )
    return tuple(
        Warned(code=refusal.code, message=f"{run} will refuse: {refusal.message}") for refusal in refusals
    )


def not_compared(rehearsal: Rehearsal | None) -> tuple[Warned, ...]:
    """Warn of what the comparison after the run leaves out: what differs in the copy from the start."""
    if rehearsal is None:
        return ()
    warnings = []
    if unkept := ", ".join(rehearsal.unkept.named()):
        warnings.append(f"a copy does not keep the {unkept}; the comparison after the run leaves it out")
    if rehearsal.copied_otherwise:
        names = [f"{item.kind} {item.name}" for item in rehearsal.copied_otherwise]
        count = f"{len(names)} object{'s' if len(names) > 1 else ''}"
        warnings.append(
            f"{count} differ in the copy, and the comparison after the run leaves them out: {_named(names)}"
        )
    return (
        *(Warned(code="not-compared", message=message) for message in warnings),
        *_computed_defaults(rehearsal),
    )


def _computed_defaults(rehearsal: Rehearsal) -> tuple[Warned, ...]:
    """Name the defaults that the migrations or the plan make another one each time."""
    of_history = rehearsal.history.computed if rehearsal.history is not None else frozenset()
    names = [name for _, name in sorted(rehearsal.computed | of_history)]
    if not names:
        return ()
    message = f"computed when the revision runs, and not compared: the default of {_named(names)}"
    return (Warned(code="default-made-at-run-time", message=message),)


def _named(names: Sequence[str]) -> str:
    left = len(names) - NAMED_OBJECTS
    return ", ".join(names[:NAMED_OBJECTS]) + (f" and {left} more" if left > 0 else "")


def review_plan(
    project: Project,
    target: Target,
    found: Plan,
    table: VersionTable,
    read_connection: sa.Connection,
    options: RehearsalOptions,
) -> tuple[Review, Rehearsal | None]:
    """Return what a plan would do; from a rehearsal, or from what Alembic can write without a database.

    Raises RefusedError when a revision fails at the rehearsal, and when one is required and cannot be had.
    """
    baseline = alembic_project.find_needed_baseline(project, found, table, read_connection)
    reviewed, rehearsal = _review_with(
        project, target, found, table, read_connection, options, begins_with_baseline=baseline is not None
    )
    if baseline is None:
        return reviewed, rehearsal
    notes = (baseline.is_applied_first, *reviewed.notes)
    return replace(reviewed, baseline=baseline.name, notes=notes), rehearsal


def _review_with(
    project: Project,
    target: Target,
    found: Plan,
    table: VersionTable,
    read_connection: sa.Connection,
    options: RehearsalOptions,
    *,
    begins_with_baseline: bool,
) -> tuple[Review, Rehearsal | None]:
    if not options.wanted or not found.steps:
        return _without_rehearsal(project, found, () if options.wanted else ("--no-rehearsal",)), None
    records = read_if_any(project, read_connection, Position(table=table, rows=found.before))
    entries = records.entries if records is not None else {}
    try:
        rehearsal = rehearse(
            project,
            target,
            found,
            table,
            read_connection,
            limit_s=options.timeout_s,
            scratch_url=options.scratch_url,
            with_history=_looks_for_drift(target, found, entries),
            without_indexes=preflight.indexes_begun(entries, found),
            begins_with_baseline=begins_with_baseline,
        )
    except ScratchUnavailableError as error:
        if options.required:
            raise not_rehearsed(target, found, error) from error
        return _without_rehearsal(project, found, error.reasons), None
    except NotRehearsedError as error:
        if options.required:
            raise not_rehearsed(target, found, error) from error
        hazards = tuple(find_own_connections(error.revision, error.connections))
        return _without_rehearsal(project, found, error.reasons, hazards), None
    except RehearsalFailedError as error:
        raise rehearsal_failed(target, found, error, project.root) from error
    sizes = table_sizes(read_connection) if target.url.backend == "postgresql" else {}
    counted = count_hits(read_connection, rehearsal.revisions)
    reviewed = build_review(found, rehearsal, sizes, counted)
    if rehearsal.history is not None:
        drift = find_drift(rehearsal, read_configuration(settings_root(project.setup)))
        reviewed = replace(
            reviewed, drift=drift, notes=(*reviewed.notes, *drift_notes(rehearsal.history, drift))
        )
    return reviewed, rehearsal


def _looks_for_drift(target: Target, found: Plan, entries: Mapping[str, Entry]) -> bool:
    """Drift is checked before production is upgraded; a downgrade is not to be held up by it.

    Nor is what goes on from an unfinished run: there, the tables have a part of the plan already.
    """
    if target.environment is not Environment.PROD or found.direction is not Direction.UPGRADE:
        return False
    return not any(step.id in entries and entries[step.id].state == "started" for step in found.steps)


def _without_rehearsal(
    project: Project, found: Plan, reasons: tuple[str, ...], hazards: tuple[Hazard, ...] = ()
) -> Review:
    rendered = alembic_project.render_offline(project, found)
    return build_unrehearsed_review(found, rendered, reasons, hazards)


def fingerprint(
    project: Project,
    target: Target,
    found: Plan,
    table: VersionTable,
    connection: sa.Connection,
    rehearsal: Rehearsal | None,
    *,
    needed: tuple[str, ...],
    allowed: tuple[str, ...],
    depending: Collection[str],
    expires_at: datetime | None = None,
    saved: saved_plan.SavedPlan | None = None,
) -> saved_plan.SavedPlan:
    """Return everything that decides what the plan does, as it is now; ``saved`` is the plan to compare.

    ``depending`` are the revisions whose statements may depend on what they read.
    """
    salt = saved.salt if saved is not None else saved_plan.new_salt()
    sent = {
        revision: with_salt(statements, salt)
        for revision, statements in (rehearsal.sent.items() if rehearsal else ())
    }
    made_at = saved_plan.now()
    return saved_plan.SavedPlan(
        direction=found.direction,
        target=found.target,
        before=found.before,
        after=found.after,
        revisions=tuple(
            saved_plan.SavedRevision(
                id=step.id,
                file=step.path.name,
                sha256=saved_plan.file_sha256(step.path),
                statements=sent.get(step.id),
                depends_on_data=step.id in depending,
            )
            for step in found.steps
        ),
        env_py_sha256=saved_plan.file_sha256(alembic_project.env_py(project)),
        identity=saved_plan.identify(target, connection, table),
        catalog_sha256=read_catalog(connection, SAVED_SCOPE).sha256,
        needed=needed,
        allowed=allowed,
        af_db_version=af_db_version(),
        alembic_version=alembic_version(),
        made_at=made_at,
        expires_at=expires_at or made_at,
        salt=salt,
        files=saved_plan.files(
            project.root,
            alembic_project.used_files(project),
            saved,
            functools.partial(alembic_project.used_sha256, project),
            salt,
        ),
        arguments=save_arguments(project.setup, salt),
    )


def depending_on_data(reviewed: Review) -> frozenset[str]:
    """Return the ids of the revisions whose statements may depend on what they read."""
    return frozenset(item.revision for item in reviewed.hazards if item.code == DEPENDS_ON_DATA.code)


def consent_flag(reviewed: Review, target: Target, allowed: tuple[str, ...]) -> str:
    """Return the flag to run the plan with: ``--allow deletes-data``; empty where nothing more is needed."""
    return flag_for(needed_consents(reviewed, target), allowed)


def needed_consents(reviewed: Review, target: Target) -> tuple[str, ...]:
    """Return the names of the high hazards, of drift, and of a baseline that production lacks."""
    needed = dict.fromkeys(str(hazard.code) for hazard in reviewed.high)
    if reviewed.drift:
        needed[DRIFT] = None
    if reviewed.baseline is not None and target.environment is Environment.PROD:
        needed[BASELINE] = None
    return tuple(needed)
