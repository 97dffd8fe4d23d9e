"""Where in its file a revision has failed, and what to do there first."""

import os
import traceback
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.failures import is_outside_of_revision
from agent_factory.migrate.db.spelled_secrets import masked_source, masked_sql
from agent_factory.migrate.engine.run_state import StoppedError
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.revisions.normalise import source_line


def place_in_revision(error: BaseException, revision: Revision | None) -> str:
    """The line of the revision file that failed, and its statement when there is one."""
    lines = []
    line = _line_of(error, revision)
    if revision is not None and line is not None:
        lines.append(
            f"at {revision.path.name}, line {line}: {source_line(revision.path, line, masked_source)}"
        )
    if isinstance(error, sa.exc.DBAPIError) and error.statement:
        lines.append("SQL: " + " ".join(masked_sql(error.statement).split()))
    return "\n".join(lines)


def steps_in_revision(error: BaseException, revision: Revision | None, root: Path) -> tuple[str, ...]:
    """Return the step that names the file, from ``root``, and its line.

    None where another text of it would not help. A revision that raises by itself has its reason, so that
    line is to be read and not to be corrected.
    """
    line = _line_of(error, revision)
    if revision is None or line is None or _is_outside(error):
        return ()
    path = os.path.relpath(revision.path, root)
    place = f"{revision.path if path.startswith(os.pardir) else path}, line {line}"
    if is_raised_by(error, revision):
        return (f"read why it raises this: {place}",)
    return (f"correct {place}",)


def is_raised_by(error: BaseException, revision: Revision) -> bool:
    """Say whether the revision's own file raises this, and no library that it calls."""
    if isinstance(error, sa.exc.SQLAlchemyError | psycopg2.Error):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or Path(frames[-1].filename) != revision.path:
        return False
    return source_line(revision.path, frames[-1].lineno).startswith(("raise", "assert", "sys.exit", "exit"))


def _is_outside(error: BaseException) -> bool:
    if isinstance(error, sa.exc.DBAPIError | psycopg2.Error):
        return is_outside_of_revision(error)
    says_what_to_do = isinstance(getattr(error, "hint", None), str)
    return says_what_to_do or isinstance(error, StoppedError | sa.exc.TimeoutError)


def _line_of(error: BaseException, revision: Revision | None) -> int | None:
    if revision is None:
        return None
    frames = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == revision.path
    ]
    return frames[-1] if frames else None
