"""New revision files: from the models, or empty."""

import re

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import CreateResult, NewRevision
from agent_factory.migrate.project import Project

_SHORT = 3
"""Letters of a single word that may be one: "tags" says something, and "t" nothing."""
_EMPTY_WORDS = frozenset(
    {
        *("a", "an", "the", "and", "of", "to", "some", "more", "new", "my", "it", "this", "stuff", "things"),
        *("wip", "tmp", "temp", "test", "testing", "todo", "asdf", "foo", "bar", "misc", "debug", "try"),
        *("fix", "fixes", "fixed", "bugfix", "hotfix", "change", "changes", "changed", "update", "updates"),
        *("updated", "migration", "migrations", "revision", "commit", "again", "final", "cleanup"),
    }
)
"""Words that stand in a message and say nothing of what the revision does."""


def create(project: Project, target: Target, new: NewRevision) -> CreateResult:
    """Write a revision: what the models have and the database lacks, or an empty one.

    Raises RefusedError when the database is behind, since the difference would then repeat revisions that
    are there already; UsageError for a message without a word and for a place that there is not, or where
    the history has several heads and none is named.
    """
    require_words(new.message)
    where = alembic_project.place(project, target, new)
    if new.is_empty:
        revision = alembic_project.create_empty(project, new.message, where)
        return CreateResult(revision=revision, path=revision.path, notes=(), remarks=_remarks(new.message))
    with connect(target, read_only=True) as connection:
        current = alembic_project.read_current(project, connection)
        alembic_project.require_known(project, current)
        if current != project.effective_heads:
            raise RefusedError(
                "behind-head",
                f"the database is at {', '.join(current) or 'base'}, behind the head "
                f"{', '.join(project.effective_heads)}: a new revision would repeat what lies between",
                state=UNCHANGED,
                next_steps=(target.command("upgrade"), f"then: {target.again()}"),
            )
        written, notes = alembic_project.create(project, connection, new.message, where)
    remarks = _remarks(new.message) if written else ()
    return CreateResult(
        revision=written, path=written.path if written else None, notes=notes, remarks=remarks
    )


def says_little(message: str) -> bool:
    """Say whether a message tells nobody what its revision does: "x", "wip", "fix 2"."""
    words = [word for word in re.findall(r"[^\W\d_]+", message.lower()) if word not in _EMPTY_WORDS]
    return not words or (len(words) == 1 and len(words[0]) < _SHORT)


def _remarks(message: str) -> tuple[str, ...]:
    if not says_little(message):
        return ()
    said = f"{message!r} will not tell anybody what the revision does; the message is its file's name"
    return (f'{said}: "add nickname to users"',)


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
