"""What the migrations before a plan make of an empty database, and how the original says the same."""

from collections.abc import Collection
from dataclasses import dataclass

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import NO_SPELLINGS, Catalog, Key, Spellings
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.copies import COPIED, Copy
from agent_factory.migrate.rehearsal.replay import (
    ReplayFailedError,
    blank_database,
    find_computed_defaults,
    made_by_migrations,
)
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.rehearsal.spellings import Printed, find_spellings


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the migrations up to the plan make of an empty database; ``catalog`` None and why not.

    ``spellings`` show which clauses of it the original has in other words; ``computed`` has a default that
    the migrations make another one each time.
    """

    catalog: Catalog | None
    why_not: str = ""
    spellings: Spellings = NO_SPELLINGS
    computed: frozenset[Key] = frozenset()


def replay_history(
    project: Project,
    plan: Plan,
    original: Printed,
    copy: Copy,
    known: Spellings,
    touched: Collection[str],
    schemas: Collection[str],
    scratch_url: str | None,
    limit_s: float,
) -> History:
    """Make what the migrations make up to the plan, beside the copy; say so where they do not run."""
    target, read_connection = original.target, original.connection
    try:
        with blank_database(
            target, read_connection, schemas=schemas, scratch_url=scratch_url, beside=copy.scratch
        ) as blank:
            made = made_by_migrations(project, blank, plan.before, COPIED, limit_s)
            computed = find_computed_defaults(
                project,
                target,
                read_connection,
                made,
                original.catalog,
                plan.before,
                COPIED,
                beside=blank.scratch,
                schemas=schemas,
                scratch_url=scratch_url,
                limit_s=limit_s,
                tables=touched,
            )
            if blank.scratch is None:
                return History(catalog=made, computed=computed)
            with connect(blank.target, read_only=True) as connection:
                spellings = find_spellings(
                    Printed(catalog=made, target=blank.target, connection=connection),
                    original,
                    COPIED,
                    beside=blank.scratch,
                    scratch_url=scratch_url,
                    known=known,
                    tables=touched,
                )
            return History(catalog=made, spellings=spellings, computed=computed)
    except ReplayFailedError as error:
        return History(catalog=None, why_not=f"the migrations do not run on an empty database: {error}")
    except (ScratchUnavailableError, alembic_project.BaselineFailedError) as error:
        return History(catalog=None, why_not=str(error))
