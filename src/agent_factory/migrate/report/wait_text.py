"""Text for people: how the waiting for a database has ended."""

from agent_factory.migrate.model.diagnosis import WaitResult
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.report.heads import show_heads


def summary(result: WaitResult) -> str:
    """Return it in one line."""
    after = f"after {show_duration(result.seconds)}"
    if result.at_head is None:
        return f"{result.database} takes connections, {after}"
    if result.at_head:
        return f"{result.database} is at {show_heads(result.current)}, {after}"
    heads = (
        f"the head{'s' if len(result.heads) != 1 else ''} of the files: {', '.join(result.heads) or 'none'}"
    )
    return f"{result.database} is at {show_heads(result.current)}, and not at {heads}, {after}"
