"""Findings as lines of text: where, how bad, what; then what shows it, and what would fix it.

A finding begins as a compiler's message does, ``file:line: level: message [code]``, which editors and log
viewers know how to follow.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent_factory.migrate.model.findings import CheckResult, Finding, Ignored, Level
from agent_factory.migrate.report import findings_words as words
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.folding import one_line
from agent_factory.migrate.report.screen import Part, Screen

_STYLES = {Level.ERROR: "bold red", Level.WARNING: "bold yellow", Level.NOTE: "bold cyan"}
_REMEDY = "    fix it: "


def show_findings(screen: Screen, result: CheckResult, paths_from: Path) -> None:
    """Print the findings, the worst first, then what was checked and what was not.

    Files are named as seen from ``paths_from``.
    """
    result = cleaned(result)
    for group in words.worst_first(result.findings).values():
        for finding in group:
            screen.lines(_finding(finding, paths_from))
        screen.line()
    for ignored in result.ignored:
        screen.line(*_ignored(ignored, paths_from))
    for title, names in (("checked", result.looked_at), ("not checked", result.skipped)):
        for name in names:
            screen.line((f"{title}: ", "dim"), (one_line(name), ""))
    worst = next(iter(words.worst_first(result.findings)), None)
    style = _STYLES[worst] if worst else "green"
    screen.line((f"{one_line(result.what)}: ", ""), (words.amounts(result), style))


def _finding(finding: Finding, paths_from: Path) -> Iterator[Sequence[Part]]:
    place = _place(finding, paths_from)
    yield (
        (f"{place}: " if place else "", "bold"),
        (str(finding.level), _STYLES[finding.level]),
        (f": {one_line(finding.message)} ", ""),
        (f"[{finding.code}]", "dim"),
    )
    for detail in finding.details:
        for line in detail.splitlines():
            yield ((f"    {line}", "dim"),)
    first, *rest = finding.remedy.splitlines() if finding.remedy else [""]
    if first:
        yield ((_REMEDY, ""), (first, "bold"))
    for line in rest:
        yield ((" " * len(_REMEDY), ""), (line, "bold"))


def _ignored(ignored: Ignored, paths_from: Path) -> Sequence[Part]:
    finding = ignored.finding
    place = _place(finding, paths_from)
    said = f"{one_line(finding.message)} [{finding.code}], because: {one_line(ignored.reason)}"
    return (("ignored: ", "dim"), (f"{place}: " if place else "", ""), (said, ""))


def _place(finding: Finding, paths_from: Path) -> str:
    if finding.file is None:
        return ""
    line = f":{finding.line}" if finding.line else ""
    return f"{one_line(os.path.relpath(finding.file, paths_from))}{line}"
