"""Revisions by the names that a person types for them."""

from alembic.util import CommandError

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project.alembic_internals import RELATIVE
from agent_factory.migrate.project.history import Project, as_revision
from agent_factory.plain_text import text_of


def named(project: Project, typed: str) -> str | None:
    """Return the id of the revision that is typed so, empty for base; None for a step, heads, or several."""
    if typed in ("head", "heads") or RELATIVE.match(typed):
        return None
    try:
        script = project.script.get_revision(typed)
    except CommandError:
        return None
    return script.revision if script is not None else ""


def find_revision(project: Project, target: Target, typed: str) -> Revision:
    """Return the revision of this id, its beginning, or its label. Raises UsageError for none and several."""
    try:
        script = None if RELATIVE.match(typed) else project.script.get_revision(typed)
    except CommandError as error:
        raise _unknown(target, typed, text_of(error.__cause__ or error)) from error
    if script is None:
        raise _unknown(target, typed, "")
    return as_revision(script)


def _unknown(target: Target, typed: str, said: str) -> UsageError:
    several = "ultiple" in said
    return UsageError(
        "unknown-revision",
        f"{typed!r} names several revisions" if several else f"no revision is called {typed!r}",
        state=NOT_TOUCHED,
        next_steps=(f"see the revisions: {target.command('history')}",),
    )
