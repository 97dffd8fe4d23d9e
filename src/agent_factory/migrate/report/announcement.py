"""A plan as the text to post before it runs: what, on what, how long, who waits, what leads back."""

from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.folding import one_line
from agent_factory.migrate.review.build import PlanResult
from agent_factory.migrate.review.waits import TableWait

LISTED = 10
"""Revisions and tables that are listed; of more the number is said."""


def render_announcement(result: PlanResult) -> str:
    """Return plain text, without the statements."""
    result = words.cleaned(result)
    review = result.review
    if not review.plan.steps:
        return f"No migration is pending on {result.database}.\n"
    lines = [f"Migration of {result.database}: {words.route(review.plan)}", f"  {words.amounts(review)}"]
    steps = [f"  - {one_line(step.id)} {one_line(step.message)}".rstrip() for step in review.plan.steps]
    lines += _first(steps, "revisions")
    waits = review.waits
    if review.rehearsed_on is None:
        lines.append("Who waits is not known: it was not rehearsed.")
    elif waits:
        lines.append("While it runs:")
        lines += _first([f"  - {_wait(wait)}" for wait in waits], "tables")
    else:
        lines.append("Nobody has to wait for it.")
    back = ", ".join(review.plan.before) or "base"
    lines.append(f"Back, if it has to be: {review.plan.direction.opposite} to {back}")
    return "\n".join(lines) + "\n"


def _wait(wait: TableWait) -> str:
    took = f"{'at least' if wait.is_least else 'about'} {show_duration(wait.seconds)}"
    if wait.is_least and not wait.seconds:
        took = "for a time not known"
    return f"{wait.blocks} of {one_line(wait.table)} wait {took} ({wait.revision})"


def _first(lines: list[str], what: str) -> list[str]:
    left = len(lines) - LISTED
    return [*lines[:LISTED], *([f"  - and {left} more {what}"] if left > 0 else [])]
