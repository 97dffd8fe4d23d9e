"""Whether a revision that failed is tried again, how long the next try may wait for a lock, and the pause."""

import random

import psycopg2

from agent_factory.migrate.db.driver import WatchedConnection
from agent_factory.migrate.engine.running_revision import RunningRevision
from agent_factory.migrate.model.options import RunOptions

SHORT_TRIES = 10
PASSING_CAUSES = frozenset({"lock-timeout", "deadlock"})


def may_retry(
    running: RunningRevision, code: str, options: RunOptions, *, leaves_index: bool, is_stopped: bool
) -> bool:
    """Say whether a revision that failed for the cause ``code`` may run once more.

    Only what other sessions cause passes by itself. What is committed, an INVALID index that could not be
    dropped (``leaves_index``) among it, would be there twice; and a signal (``is_stopped``) ends the run.
    """
    is_clean = running.is_clean and not leaves_index
    is_in_time = running.seconds < options.retry_for_s
    return code in PASSING_CAUSES and is_clean and is_in_time and not is_stopped


DO_ALL_ON_ONE = (
    "do all that the revision does on op.get_bind(): its transaction holds its locks until its end"
)


class OwnLockError(Exception):
    """A connection that the revision has opened by itself did not get a lock: the run may hold it."""

    code = "own-connection"
    hint = DO_ALL_ON_ONE

    def __init__(self, cause: BaseException, pid: int | None) -> None:
        said = " ".join(str(getattr(cause, "orig", cause)).split())
        super().__init__(
            "a connection that the revision has opened by itself waited for a lock; af-db's own session"
            f"{f' (pid {pid})' if pid else ''} has those of the revision: {said}"
        )


def is_of_another_connection(error: BaseException, driver: WatchedConnection | None) -> bool:
    """Say whether the database has raised this on another connection than the one that runs revisions."""
    original = getattr(error, "orig", error)
    cursor = original.cursor if isinstance(original, psycopg2.Error) else None
    return cursor is not None and cursor.connection is not driver


def lock_timeout_s(options: RunOptions, attempt: int) -> float:
    """Return how long this try may wait for a lock; ``attempt`` counts from 1.

    The first tries are all short: most blockers are gone by then, and the application hardly waits.
    """
    grown = options.lock_timeout_s * 1.25 ** max(0, attempt - SHORT_TRIES)
    return min(grown, max(options.lock_timeout_max_s, options.lock_timeout_s))


def pause_s(attempt: int) -> float:
    """Return the pause after this try, with jitter: two runs that block each other do not collide again."""
    return min(0.1 * 1.4 ** (attempt - 1), 2.0) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
