"""A checklist as text: a line each with its verdict and its evidence, and what to type for a better one."""

from agent_factory.migrate.model.checklist import Checklist, Line, Verdict
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.folding import fold_words, one_line
from agent_factory.migrate.report.screen import Screen

STYLES = {
    Verdict.PASS: "green",
    Verdict.WARN: "bold yellow",
    Verdict.FAIL: "bold red",
    Verdict.SAID: "cyan",
    Verdict.NOT_KNOWN: "dim",
}
MEASURE = 110
_NARROWEST = 20
_VERDICT = max(len(verdict) for verdict in Verdict)


def show_checklist(screen: Screen, checklist: Checklist) -> None:
    """Print the lines, each of which may go on below its evidence."""
    checklist = cleaned(checklist)
    if not checklist.lines:
        return
    screen.line(("checklist", "bold"))
    names = max(len(line.name) for line in checklist.lines)
    hang = 2 + _VERDICT + 2 + names + 2
    width = min(screen.width, MEASURE) - hang if screen.is_terminal else None
    for line in checklist.lines:
        first, *others = fold_words(_said(line), width and max(width, _NARROWEST))
        screen.line(
            ("  ", ""),
            (f"{line.verdict:<{_VERDICT}}", STYLES[line.verdict]),
            (f"  {line.name:<{names}}  ", "bold"),
            (first, ""),
        )
        screen.lines(((" " * hang, ""), (other, "")) for other in others)
        if line.next_step and line.verdict is not Verdict.PASS:
            for step in fold_words(f"next: {one_line(line.next_step)}", width and max(width, _NARROWEST)):
                screen.line((" " * hang, ""), (step, "dim"))
    screen.line()


def _said(line: Line) -> str:
    needed = " (must pass)" if line.is_required and line.verdict is not Verdict.PASS else ""
    return f"{one_line(line.evidence)}{needed}"
