"""What somebody can consent to by name: the words that ``--allow`` takes, of every command that has it."""

from collections.abc import Collection, Sequence

from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.review.hazards import RULES

DRIFT = "drift"
"""That tables which a plan touches are not as the migrations make them."""
BASELINE = "baseline"
"""That af-db makes in an empty database of production what the first revision begins with."""
SAME_TABLE = "same-table"
"""That two branches which are merged change the same table."""
APPLIED = "applied"
"""That a database may have revisions under the numbers which they lose."""
PUSHED = "pushed"
"""That another branch of the remote has revisions which get another number."""

OF_PLANS = (*RULES, DRIFT, BASELINE)
OF_ADOPTIONS = (DRIFT,)
OF_MERGES = (SAME_TABLE,)
OF_REBASES = (APPLIED, PUSHED)


def parse_consents(texts: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the names in these texts, each once; one text may have several, with commas between.

    Raises UsageError for a name that is not among the known ones.
    """
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


def flag_for(needed: Collection[str], allowed: Collection[str]) -> str:
    """Return the flag that allows what is needed beside what is allowed; empty where nothing is missing."""
    if set(needed) <= set(allowed):
        return ""
    return f"--allow {','.join(dict.fromkeys((*allowed, *needed)))}"


def needs_consent(target: Target, flag: str) -> RefusedError:
    """Return the refusal of a plan that nobody has consented to by name; ``flag`` is what does."""
    return RefusedError(
        "needs-consent",
        f"the plan has high hazards, and needs: {flag}",
        state=UNCHANGED,
        next_steps=(
            "use the safe form that is shown with each hazard",
            f"or accept them: {target.again(flag)}",
        ),
    )
