"""Text for people: what was examined between a command and its database, and what is wrong with it."""

from collections.abc import Iterable, Sequence

from agent_factory.migrate.model.diagnosis import DoctorResult, Examined, Group, Setting, Verdict
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.screen import Screen

_STYLES = {
    Verdict.OK: "green",
    Verdict.FINDING: "bold yellow",
    Verdict.FAILED: "bold red",
}


def show_examination(screen: Screen, result: DoctorResult) -> None:
    """Print what is configured, the versions, and each group of what was examined; at last what to do."""
    result = cleaned(result)
    screen.line(("configured", "bold"))
    screen.facts([(f"  {item.name}", _valued(item)) for item in result.settings])
    screen.line(("versions", "bold"))
    screen.facts([(f"  {item.name}", item.value) for item in result.versions])
    configured = {item.value for item in result.settings}
    for group in Group:
        items = [item for item in result.examined if item.group is group]
        # What is configured, and right, stands above.
        _show_group(screen, group, [item for item in items if item.what not in configured])
    screen.line()
    screen.line(*_summary(result))


def _show_group(screen: Screen, group: Group, items: Sequence[Examined]) -> None:
    if not items:
        return
    screen.line((str(group), "bold"))
    tried = [item for item in items if item.verdict is not Verdict.NOT_TRIED]
    width = max((len(item.name) for item in tried), default=0)
    width_of_marks = max((len(_mark(item.verdict)) for item in tried), default=0)
    for item in tried:
        screen.facts([(f"  {item.name:<{width}}  {_mark(item.verdict):<{width_of_marks}}", item.what)])
        # Not broken into lines here: a command has to be copied whole.
        screen.lines([[("    next: ", "dim"), (step, "bold")] for step in item.next_steps])
    for why, names in _not_tried(items).items():
        screen.facts([("  not tried", f"{', '.join(names)}: {why}")])


def _not_tried(items: Sequence[Examined]) -> dict[str, list[str]]:
    """Return by their reason what was not tried."""
    found: dict[str, list[str]] = {}
    for item in items:
        if item.verdict is Verdict.NOT_TRIED:
            found.setdefault(item.what, []).append(item.name)
    return found


def _mark(verdict: Verdict) -> str:
    return str(verdict).upper() if verdict in (Verdict.FAILED, Verdict.FINDING) else str(verdict)


def _valued(item: Setting) -> str:
    return f"{item.value}  ({item.source})" if item.source else item.value


def _summary(result: DoctorResult) -> Iterable[tuple[str, str]]:
    database = result.database or "no database"
    failed = [item.name for item in result.examined if item.verdict is Verdict.FAILED]
    found = [item.name for item in result.examined if item.verdict is Verdict.FINDING]
    if not failed and not found:
        return ((f"{database}: ", ""), ("all is well", _STYLES[Verdict.OK]))
    said = [f"failed: {', '.join(failed)}"] if failed else []
    said += [f"found: {', '.join(found)}"] if found else []
    worst = Verdict.FAILED if failed else Verdict.FINDING
    return ((f"{database}: ", ""), ("; ".join(said), _STYLES[worst]))
