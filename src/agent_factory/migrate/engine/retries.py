"""How long a revision's next try may wait for a lock, and the pause before it."""

import random

from agent_factory.migrate.model.options import RunOptions

SHORT_TRIES = 10


def lock_timeout_s(options: RunOptions, attempt: int) -> float:
    """The first tries are all short: most blockers are gone by then, and the application hardly waits."""
    grown = options.lock_timeout_s * 1.25 ** max(0, attempt - SHORT_TRIES)
    return min(grown, max(options.lock_timeout_max_s, options.lock_timeout_s))


def pause_s(attempt: int) -> float:
    """The pause after this try, with jitter: two runs that block each other do not meet again."""
    return min(0.1 * 1.4 ** (attempt - 1), 2.0) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
