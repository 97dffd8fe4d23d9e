"""Text for people: what becomes of the revisions of a branch that is put behind another."""

from agent_factory.migrate.model.written import RebaseResult
from agent_factory.migrate.report.screen import Screen

_COLUMNS = (("revision", "bold"), ("follows", ""), ("file", "dim"))


def show_moves(screen: Screen, result: RebaseResult) -> None:
    """Print each file with what of it changes."""
    rows = [
        (
            (
                _change(file.id_before, file.id),
                _change(", ".join(file.parents_before) or "base", ", ".join(file.parents) or "base"),
                _change(file.path_before.name, file.path.name),
            ),
            "",
        )
        for file in result.files
    ]
    screen.facts([("against", f"{result.against}, at {', '.join(result.heads) or 'base'}")])
    screen.line()
    screen.table(_COLUMNS, rows, unwrapped=frozenset({"revision", "follows"}))
    screen.line()


def summary(result: RebaseResult) -> str:
    """Return in one line what was done, or would be."""
    if not result.files:
        return f"nothing to rebase: this branch's revisions follow those of {result.against}"
    count = f"{len(result.files)} file{'s' if len(result.files) > 1 else ''}"
    head = result.files[-1].id
    return f"{count} changed; the head is {head}" if result.written else f"{count} would change"


def _change(before: str, after: str) -> str:
    return after if before == after else f"{before} -> {after}"
