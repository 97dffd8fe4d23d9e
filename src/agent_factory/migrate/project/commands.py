"""Alembic's commands on a project: where a database is, running a plan, writing revision files."""

import re
import warnings
from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa
from alembic import command
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import Script

from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.version_table import Position
from agent_factory.migrate.project.command_options import commanded
from agent_factory.migrate.project.connections import guarded
from agent_factory.migrate.project.enum_types import complete
from agent_factory.migrate.project.environment import Hooks, end_reading, read_configured, sharing
from agent_factory.migrate.project.history import Project, as_revision
from agent_factory.migrate.project.library_warnings import in_our_words
from agent_factory.migrate.project.new_revision import writing_errors
from agent_factory.migrate.project.output import stdout_kept_clean


def read_position(project: Project, connection: sa.Connection) -> Position:
    """Return the version table that ``env.py`` names, and its rows; none when there is no such table.

    Nothing is written. Raises UsageError when env.py does not take the shared connection, and RefusedError
    where this role may not see every row.
    """
    configured = read_configured(project, connection)
    end_reading(connection, configured)
    return configured.position


def read_position_and_manner(project: Project, connection: sa.Connection) -> tuple[Position, bool]:
    """Return the same, and whether env.py makes an engine of its own, which is lent the connection."""
    configured = read_configured(project, connection)
    end_reading(connection, configured)
    return configured.position, configured.borrows


def read_current(project: Project, connection: sa.Connection) -> tuple[str, ...]:
    """Return the rows alone, as ``read_position`` does."""
    return read_position(project, connection).rows


def run(project: Project, connection: sa.Connection, plan: Plan, hooks: Hooks) -> None:
    """Run the plan's revisions through ``alembic.command``, each in a transaction of its own.

    Raises whatever a revision raises, unchanged.
    """
    run_command = command.upgrade if plan.direction is Direction.UPGRADE else command.downgrade
    with (
        commanded(project, str(plan.direction), revision=plan.target),
        guarded(project, connection, seen=hooks.connected),
        sharing(project, connection, plan=plan, hooks=hooks),
    ):
        run_command(project.config, plan.target)


def prepare(project: Project, connection: sa.Connection) -> None:
    """Have env.py do, and commit, what it does besides revisions, and Alembic make its version table."""
    nothing = Plan(direction=Direction.UPGRADE, target="heads", before=(), after=(), steps=())
    run(project, connection, nothing, Hooks(started=lambda _revision: None))


def stamp(
    project: Project, connection: sa.Connection, revisions: tuple[str, ...], *, instead: bool = False
) -> None:
    """Write into the version table that the database is at these revisions, and run nothing.

    ``instead`` of what it says now, also where no file has that; none of them is base then.
    """
    if revisions or instead:
        with (
            commanded(project, "stamp", revisions=list(revisions) or ["base"], purge=instead),
            guarded(project, connection),
            sharing(project, connection),
        ):
            command.stamp(project.config, list(revisions) or ["base"], purge=instead)


def create(
    project: Project, connection: sa.Connection, message: str, where: Mapping[str, Any]
) -> tuple[Revision | None, tuple[str, ...]]:
    """Write the revision that makes the database match the models; None, and no file, when it does already.

    ``where`` is what ``place`` has returned.

    The database has to be at the head, which is base where there is no version table: nothing is written to
    it. The second value is what Alembic could not compare.
    """

    def finish(context: MigrationContext, _revision: object, directives: list[MigrationScript]) -> None:
        if all(operations.is_empty() for operations in directives[0].upgrade_ops_list):
            directives.clear()
        own = context.opts["process_revision_directives"]

        def completed(*arguments: Any) -> None:
            if own:
                own(*arguments)
            for directive in directives:
                complete(context, directive)

        # env.py's own comes after this one, and may do what is missing.
        context.opts["process_revision_directives"] = completed

    with (
        guarded(project, connection, read_only=True),
        sharing(project, connection, writes=False),
        warnings.catch_warnings(record=True) as caught,
        writing_errors(),
    ):
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", sa.exc.SAWarning)
        written = command.revision(
            project.config,
            message,
            autogenerate=True,
            process_revision_directives=finish,
            **_with_id(project, where),
        )
    notes = in_our_words(warning.message for warning in caught)
    return as_revision(written) if isinstance(written, Script) else None, notes


def create_empty(project: Project, message: str, where: Mapping[str, Any]) -> Revision:
    """Write a revision with nothing in it; ``where`` is as for ``create``."""
    with guarded(project, None), stdout_kept_clean(), writing_errors():
        written = command.revision(project.config, message, **_with_id(project, where))
    return as_revision(cast("Script", written))


def _with_id(project: Project, where: Mapping[str, Any]) -> dict[str, Any]:
    return {**where, "rev_id": where["rev_id"] or _next_id(project)}


def merge(project: Project, message: str) -> Revision:
    """Write a revision that joins all heads."""
    with guarded(project, None), stdout_kept_clean():
        written = command.merge(
            project.config, list(project.heads), message=message, rev_id=_next_id(project)
        )
    return as_revision(cast("Script", written))


def _next_id(project: Project) -> str | None:
    """The next number, as wide as the last, where every id is a number; else None, Alembic's own choice."""
    ids = [script.revision for script in project.script.walk_revisions()]
    if not all(re.fullmatch(r"[0-9]+", revision) for revision in ids):
        return None
    width = max((len(revision) for revision in ids), default=3)
    return str(max((int(revision) for revision in ids), default=0) + 1).zfill(width)
