"""New revision files: from the models, or empty."""

import re

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import CreateResult
from agent_factory.migrate.project import Project


def create(project: Project, target: Target, message: str, *, empty: bool = False) -> CreateResult:
    """Write the next revision: what the models have and the database lacks, or nothing with ``empty``.

    Raises RefusedError when the database is behind, since the difference would then repeat revisions that
    are there already; UsageError for a message without a word or a history with several heads.
    """
    require_words(message)
    if len(project.heads) > 1:
        raise alembic_project.several_heads(project)
    if empty:
        revision = alembic_project.create_empty(project, message)
        return CreateResult(revision=revision, path=revision.path, notes=())
    with connect(target, read_only=True) as connection:
        current = alembic_project.read_current(project, connection)
        alembic_project.require_known(project, current)
        if current != project.heads:
            raise RefusedError(
                "behind-head",
                f"the database is at {', '.join(current) or 'base'}, behind the head "
                f"{', '.join(project.heads)}: a new revision would repeat what lies between",
                state=UNCHANGED,
                next_steps=(target.command("upgrade"), f"then: {target.command('create')} {message!r}"),
            )
        written, notes = alembic_project.create(project, connection, message)
    return CreateResult(revision=written, path=written.path if written else None, notes=notes)


def require_words(message: str) -> None:
    """Raise UsageError for a message that cannot be a file's name and its first line."""
    if not re.search(r"\w", message) or re.search(r'["\\\x00-\x1f\x7f-\x9f]', message):
        raise UsageError(
            "bad-message",
            "the message becomes a file's name and its first line: it needs a word, and may hold no double "
            "quotes, backslashes or control characters",
            state=NOT_TOUCHED,
            next_steps=('af-db local create "add projects"',),
        )
