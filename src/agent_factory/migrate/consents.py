"""What somebody can consent to by name: the words that ``--allow`` takes, of every command that has it."""

from collections.abc import Collection, Sequence

from agent_factory.migrate.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.hazards import HazardCode

DRIFT = "drift"
"""That tables which a plan touches are not as the migrations make them."""
SAME_TABLE = "same-table"
"""That two branches which are merged change the same table."""
APPLIED = "applied"
"""That a database may have revisions under the numbers which they lose."""

OF_PLANS = (*map(str, HazardCode), DRIFT)
OF_MERGES = (SAME_TABLE,)
OF_REBASES = (APPLIED,)


def parse_consents(texts: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the names in these texts, several in one or not. Raises UsageError for an unknown one."""
    names = tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            "unknown-hazard",
            f"--allow: no hazard is called {', '.join(unknown)}",
            state=NOT_TOUCHED,
            next_steps=(f"there are: {', '.join(known)}",),
        )
    return names
