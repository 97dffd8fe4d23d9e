"""Whether a revision that failed is tried again, how long the next try may wait for a lock, and the pause."""

import random

from agent_factory.migrate.engine.running_revision import RunningRevision
from agent_factory.migrate.model.options import RunOptions

SHORT_TRIES = 10
_PASSING_CAUSES = frozenset({"lock-timeout", "deadlock"})


def may_retry(
    running: RunningRevision, code: str, options: RunOptions, *, leaves_index: bool, is_stopped: bool
) -> bool:
    """Say whether a revision that failed for the cause ``code`` may run once more.

    Only what other sessions cause passes by itself. What is committed, an INVALID index that could not be
    dropped (``leaves_index``) among it, would be there twice; and a signal (``is_stopped``) ends the run.
    """
    is_clean = running.is_clean and not leaves_index
    is_in_time = running.seconds < options.retry_for_s
    return code in _PASSING_CAUSES and is_clean and is_in_time and not is_stopped


def lock_timeout_s(options: RunOptions, attempt: int) -> float:
    """Return how long this try may wait for a lock; ``attempt`` counts from 1.

    The first tries are all short: most blockers are gone by then, and the application hardly waits.
    """
    grown = options.lock_timeout_s * 1.25 ** max(0, attempt - SHORT_TRIES)
    return min(grown, max(options.lock_timeout_max_s, options.lock_timeout_s))


def pause_s(attempt: int) -> float:
    """Return the pause after this try, with jitter: two runs that block each other do not collide again."""
    return min(0.1 * 1.4 ** (attempt - 1), 2.0) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
