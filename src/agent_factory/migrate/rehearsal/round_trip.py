"""The plan, its downgrade and the plan again on one copy: whether the revisions go both ways."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Catalog, compare, read_catalog
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project import Hooks, Project
from agent_factory.migrate.rehearsal.copies import COPIED, Copy, RehearsalFailedError, copy_of
from agent_factory.migrate.rehearsal.replay import ReplayFailedError, failures_named
from agent_factory.migrate.rehearsal.schemas import schemas_to_begin_with
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.rehearsal.time_limit import time_limit

NAMED = 4
"""Differences that are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """The plan, its downgrade and the plan again on one copy, after the rehearsal itself.

    ``downgrade_s`` and ``again_s`` are their seconds; None where it did not come so far: ``failed`` names the
    revision that failed, and why. ``differences`` say what of the schema the downgrade did not restore,
    ``again_differences`` what the second run made differently. ``lost`` names the tables and columns that the
    downgrade drops, with what was written to them meanwhile.
    """

    downgrade_s: float | None = None
    again_s: float | None = None
    differences: tuple[str, ...] = ()
    again_differences: tuple[str, ...] = ()
    failed: str = ""
    lost: tuple[str, ...] = ()


def try_round_trip(
    project: Project,
    target: Target,
    plan: Plan,
    table: VersionTable,
    read_connection: sa.Connection,
    *,
    limit_s: float,
    scratch_url: str | None,
) -> RoundTrip | None:
    """Run an upgrade's plan on a copy of its own, then its downgrade, then the plan again.

    None where there is no copy to be had, or the database is at several revisions, to which no one downgrade
    leads. ``limit_s`` is how long the revisions may take each of the three times.
    """
    if len(plan.before) > 1:
        return None
    schemas = schemas_to_begin_with(project, read_connection, table)
    try:
        with (
            alembic_project.copied(target.url),
            copy_of(project, target, plan, read_connection, scratch_url, limit_s, schemas) as copy,
            connect(copy.target) as connection,
        ):
            return _there_and_back(project, copy, connection, plan, limit_s)
    except (ScratchUnavailableError, RehearsalFailedError):
        return None


def _there_and_back(
    project: Project, copy: Copy, connection: sa.Connection, plan: Plan, limit_s: float
) -> RoundTrip:
    to = plan.before[0] if plan.before else "base"
    downgrade_s = None
    try:
        before = read_catalog(connection, COPIED)
        _run(project, connection, plan, limit_s)
        after = read_catalog(connection, COPIED)
        down = alembic_project.plan(project, copy.target, Direction.DOWNGRADE, to, plan.after)
        downgrade_s = _run(project, connection, down, limit_s)
        restored = read_catalog(connection, COPIED)
        again_s = _run(project, connection, plan, limit_s)
        again = read_catalog(connection, COPIED)
    except ReplayFailedError as error:
        return RoundTrip(downgrade_s=downgrade_s, failed=str(error))
    return RoundTrip(
        downgrade_s=downgrade_s,
        again_s=again_s,
        differences=_named(f"{one.kind} {one.name}" for one in compare(before, restored)),
        again_differences=_named(f"{one.kind} {one.name}" for one in compare(after, again)),
        lost=_named(_dropped(after, restored)),
    )


def _run(project: Project, connection: sa.Connection, plan: Plan, limit_s: float) -> float:
    began = time.monotonic()
    with failures_named(plan) as started, time_limit(connection, limit_s):
        alembic_project.run(project, connection, plan, Hooks(started=started.append))
    return time.monotonic() - began


def _dropped(before: Catalog, after: Catalog) -> Iterator[str]:
    """Yield the tables that are gone, and the columns that are gone from others."""
    left = {one.key for one in after.objects}
    gone = [one for one in before.objects if one.key not in left]
    tables = {one.name for one in gone if one.kind == "table"}
    yield from (f"table {name}" for name in sorted(tables))
    yield from (f"column {one.name}" for one in gone if one.kind == "column" and one.table not in tables)


def _named(found: Iterator[str]) -> tuple[str, ...]:
    names: Sequence[str] = tuple(found)
    left = len(names) - NAMED
    return (*names[:NAMED], *([f"and {left} more"] if left > 0 else []))
