"""Who ran something, from where, with which code."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the journal keeps about a run besides the revision; None where it cannot be known.

    ``arguments`` are what was typed for env.py: ``-x tenant=a``, ``-n sales``. ``checklist`` are the lines
    that stood above the question: ``backup: said: 02:10``. Both are None where an af-db wrote the row that
    kept none.
    """

    os_user: str | None
    host: str | None
    git_commit: str | None
    git_dirty: bool | None
    ci_url: str | None
    af_db_version: str
    alembic_version: str
    arguments: tuple[str, ...] | None
    checklist: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBy(Origin):
    """What the journal knows of the run that applied a revision; times are the server's.

    ``is_adopted`` says that it did not run: the database had it already, and was adopted then.
    """

    at: datetime
    db_role: str
    duration_s: float | None
    is_adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The last commit of a revision's file; ``is_changed``: the file differs from it."""

    id: str
    author: str
    date: str
    is_changed: bool
