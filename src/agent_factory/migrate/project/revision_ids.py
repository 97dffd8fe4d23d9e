"""Whether the version table can have a plan's revisions: asked before the first of them runs."""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.plan import Plan, Revision
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.normalise import text_of

_NEW_LENGTH = 32
"""That of the column which Alembic makes."""

_LENGTH = """
SELECT a.atttypmod - 4 FROM pg_attribute a
WHERE a.attrelid = to_regclass(%s) AND a.attname = 'version_num' AND NOT a.attisdropped
"""


def require_recordable(project: Project, connection: sa.Connection, table: VersionTable, plan: Plan) -> None:
    """Raise UsageError for a revision whose id cannot be written into the version table: before it runs.

    The server is asked how long an id may be, where one is longer than Alembic's own column takes.
    """
    with_quotes = [step for step in plan.steps if "'" in step.id]
    if with_quotes:
        raise _not_recordable(with_quotes, "Alembic writes it between quotation marks, so it may hold none")
    longest = max((len(step.id) for step in plan.steps), default=0)
    if longest <= _NEW_LENGTH or connection.dialect.name != "postgresql":
        return
    length = _read_length(connection, table)
    too_long = [step for step in plan.steps if length is not None and len(step.id) > length]
    if too_long and not _may_be_widened(project, plan, too_long[0]):
        widen = f"ALTER TABLE {_sql_name(table)} ALTER COLUMN version_num TYPE varchar(128)"
        raise _not_recordable(
            too_long,
            f"the version table takes ids of at most {length} characters",
            f"or widen the column in a revision before it: {widen}",
        )


def _read_length(connection: sa.Connection, table: VersionTable) -> int | None:
    """Return how long an id may be; None without a limit."""
    with own_cursor(connection) as cursor:
        cursor.execute(_LENGTH, [_sql_name(table)])
        found = cursor.fetchone()
    connection.rollback()
    if found is None:
        return _NEW_LENGTH
    return int(found[0]) if found[0] > 0 else None


def _sql_name(table: VersionTable) -> str:
    return ".".join(quoted(part) for part in (table.schema, table.name) if part)


def _may_be_widened(project: Project, plan: Plan, before: Revision) -> bool:
    """Say whether env.py, or a revision that runs ``before`` this one, names the column: it may widen it."""
    earlier = plan.steps[: plan.steps.index(before)]
    paths = (Path(project.script.env_py_location), *(step.path for step in earlier))
    return any("version_num" in text_of(content_of(path)) for path in paths)


def _not_recordable(steps: Sequence[Revision], why: str, *others: str) -> UsageError:
    named = ", ".join(step.id for step in steps)
    return UsageError(
        "bad-revision-id",
        f"the revision id {named} cannot be recorded: {why}",
        state=NOT_TOUCHED,
        next_steps=(
            "give it another id: revision and file name, and down_revision of the one after it",
            *others,
        ),
        file=steps[0].path,
    )
