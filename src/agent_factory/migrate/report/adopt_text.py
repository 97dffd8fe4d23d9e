"""Text for people: where a database was found to be, and what of it differs."""

from agent_factory.migrate.model.written import AdoptResult
from agent_factory.migrate.report.heads import show_revisions
from agent_factory.migrate.report.screen import Screen

_SHOWN = 20


def show_adoption(screen: Screen, result: AdoptResult) -> None:
    """Print what was found, with the statements that make the rest of it so."""
    at, count = show_revisions(result.at), len(result.differences)
    differ = f"{count} object{'s differ' if count > 1 else ' differs'}"
    screen.facts(
        [
            ("database", result.database),
            ("version table", f"{result.version_table}: {show_revisions(result.before)}"),
            ("schema is that of", at) if not count else ("schema is nearest to", f"{at}; {differ}"),
            ("compared with", f"{result.compared} schema{'s' if result.compared > 1 else ''} of the history"),
        ]
    )
    for item in result.differences[:_SHOWN]:
        screen.line((f"  {item.kind} {item.name}", "bold"))
        screen.line((f"    expected  {item.expected or 'none'}", ""))
        screen.line((f"    found     {item.found or 'none'}", ""))
        if item.remedy is not None:
            screen.line((f"    fix       {item.remedy};", ""))
    if count > _SHOWN:
        screen.line((f"  and {count - _SHOWN} more", ""))
    for note in result.notes:
        screen.line((f"note: {note}", ""))


def summary(result: AdoptResult) -> str:
    """Return what became of the database, in one line."""
    at = show_revisions(result.at)
    if result.written:
        return f"adopted: {result.version_table} says {at} now"
    if result.differences:
        return "nothing was written"
    return f"nothing to write: the database is at {at}"
