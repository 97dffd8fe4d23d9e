"""The SQL of a plan without a database, as far as Alembic can write it."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep

from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.project.command_options import commanded
from agent_factory.migrate.project.connections import guarded
from agent_factory.migrate.project.environment import migration_step
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.output import stdout_kept_clean

_OWN = ("BEGIN", "COMMIT")
"""What Alembic writes around an autocommit block."""


def render_offline(project: Project, plan: Plan) -> dict[str, tuple[str, ...] | Exception]:
    """Return for each revision the statements that ``alembic --sql`` writes for it, or why it cannot.

    It runs env.py's offline part. A revision that asks the database cannot be shown (measured, Alembic 1.20:
    ``get_bind()`` is None there); the ones after it can.
    """
    rendered: dict[str, tuple[str, ...] | Exception] = {}
    at, steps = plan.before, plan.steps
    while steps:
        began: list[Revision] = []
        try:
            _render(project, plan.direction, steps, at, began, rendered)
        except BaseException as error:
            if is_interruption(error):
                raise
            cause = error if isinstance(error, Exception) else RuntimeError("it ends the process")
            if not began:
                return rendered | dict.fromkeys((step.id for step in steps), cause)
            rendered[began[-1].id] = cause
        at = (began[-1].id,) if plan.direction is Direction.UPGRADE else began[-1].parents
        steps = steps[len(began) :]
    return rendered


def _render(
    project: Project,
    direction: Direction,
    steps: Sequence[Revision],
    at: Sequence[str],
    began: list[Revision],
    rendered: dict[str, tuple[str, ...] | Exception],
) -> None:
    buffer = io.StringIO()

    def announce(_current: object, _context: MigrationContext) -> Iterator[RevisionStep]:
        for revision in steps:
            began.append(revision)
            step = migration_step(project, direction, revision)
            step.migration_fn = keep_written(revision, step.migration_fn)
            yield step

    def keep_written(revision: Revision, migrate: Callable[..., None]) -> Callable[..., None]:
        """The revision's own part: Alembic's version table and row are written before and after it."""

        def run(**arguments: Any) -> None:
            buffer.seek(0)
            buffer.truncate()
            migrate(**arguments)
            rendered[revision.id] = _statements(buffer.getvalue())

        return run

    before, project.config.output_buffer = project.config.output_buffer, buffer
    try:
        with (
            commanded(project, str(direction), revision=steps[-1].id, sql=True),
            guarded(project, None),
            stdout_kept_clean(),
            EnvironmentContext(
                project.config,
                project.script,
                fn=announce,
                as_sql=True,
                starting_rev=list(at) or "base",
                destination_rev=steps[-1].id,
            ),
        ):
            project.script.run_env()
    finally:
        project.config.output_buffer = before


def _statements(sql: str) -> tuple[str, ...]:
    """Alembic ends each statement with a semicolon and an empty line."""
    parts = (part.strip() for part in sql.split(";\n\n"))
    return tuple(part for part in parts if part and part not in _OWN)
