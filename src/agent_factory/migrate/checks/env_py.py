"""The result of a check whose env.py does not run on a throwaway database."""

from agent_factory.migrate.checks.causes import is_of_sqlite
from agent_factory.migrate.checks.throwaway import SQLITE
from agent_factory.migrate.model.errors import UsageError
from agent_factory.migrate.model.findings import Finding, failure, finding
from agent_factory.migrate.project.connections import refused_in


def broken_there(error: UsageError, backend: str, *, uses_sqlite: bool) -> Finding:
    """Return the finding of an env.py that does not run on ``backend``.

    What SQLite does not know is a note, unless the project is meant for SQLite.
    """
    found = failure("env.py", error)
    cause = error.__cause__
    own = refused_in(cause)
    is_foreign = (own is not None and own.is_of_another_kind) or (cause is not None and is_of_sqlite(cause))
    if backend == SQLITE and is_foreign and not uses_sqlite:
        return finding("not-for-sqlite", f"env.py: {found.message}", file=found.file, line=found.line)
    return found
