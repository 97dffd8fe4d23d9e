"""Text for people: a database in ten lines, and one revision with its SQL."""

from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.inspected import RenderedSql, ShowResult, StatusResult
from agent_factory.migrate.model.origin import AppliedBy
from agent_factory.migrate.report.folding import one_line
from agent_factory.migrate.report.heads import show_heads
from agent_factory.migrate.report.screen import Screen

LISTED = 3
"""Pending revisions that are named; the others are counted."""


def show_status(screen: Screen, result: StatusResult) -> None:
    """Print where the database is, in ten lines at most."""
    rows = [
        ("database", result.database),
        *([("environment", result.environment or "(no name)")] if result.has_journal else []),
        ("at", show_heads(result.current)),
        ("pending", _pending(result)),
    ]
    if result.has_journal:
        rows.append(("edited", ", ".join(result.edited) or "nothing"))
        rows.append(("unfinished", ", ".join(result.unfinished) or "nothing"))
    if result.last is not None:
        rows.append(("last run", f"{result.last.direction} of {result.last.revision}, {_by(result.last.by)}"))
    elif result.has_journal or not result.current:
        rows.append(("last run", "none"))
    else:
        rows.append(("last run", "not known: there is no journal"))
    if result.next_step:
        rows.append(("next", result.next_step))
    screen.facts(rows)


def show_revision(screen: Screen, result: ShowResult, file: str) -> None:
    """Print a revision: where it is, what it says and does, and what the database has of it."""
    entry, revision = result.entry, result.entry.revision
    state = ["applied" if entry.is_applied else "pending"]
    state += ["edited since"] if entry.is_edited else []
    state += ["current"] if entry.is_current else []
    state += ["head"] if revision.is_head else []
    rows = [
        ("revision", revision.id),
        ("file", file),
        ("follows", ", ".join(revision.parents) or "base"),
        *([("labels", ", ".join(revision.branch_labels))] if revision.branch_labels else []),
        ("state", ", ".join(state)),
    ]
    if entry.by is not None:
        rows.append(("adopted" if entry.by.is_adopted else "applied", _by(entry.by)))
    elif entry.is_outside:
        rows.append(("applied", "not by af-db"))
    screen.facts(rows)
    screen.lines([(), *(((f"  {line}", ""),) for line in result.text.splitlines())])
    for title, rendered in (("upgrade", result.upgrade), ("downgrade", result.downgrade)):
        screen.lines([(), ((title, "bold"),), *_sql(rendered)])


def _sql(rendered: RenderedSql) -> list[tuple[tuple[str, str], ...]]:
    if rendered.statements is None:
        return [((f"  -- cannot be shown: {one_line(rendered.why_not)}", "yellow"),)]
    if not rendered.statements:
        return [(("  -- no statements", "dim"),)]
    return [
        ((f"  {line}", ""),)
        for statement in rendered.statements
        for line in f"{statement.strip().rstrip(';')};".splitlines()
    ]


def _pending(result: StatusResult) -> str:
    if not result.pending:
        return "nothing"
    named = ", ".join(f"{item.id} {one_line(item.message)}".rstrip() for item in result.pending[:LISTED])
    more = len(result.pending) - LISTED
    return f"{len(result.pending):,}: {named}" + (f" and {more:,} more" if more > 0 else "")


def _by(by: AppliedBy) -> str:
    took = f", took {show_duration(by.duration_s)}" if by.duration_s is not None and not by.is_adopted else ""
    code = f", at commit {by.git_commit[:12]}" if by.git_commit else ""
    return f"{by.at:%Y-%m-%d %H:%M:%S %Z} by {by.os_user}@{by.host} as {by.db_role}{took}{code}"
