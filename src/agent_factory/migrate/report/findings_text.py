"""Findings as lines of text: where, how bad, what; then what shows it, and what would mend it."""

import os
from collections.abc import Iterator
from pathlib import Path

from agent_factory.migrate.findings import CheckResult, Finding, Level
from agent_factory.migrate.report.screen import clean


def render_text(result: CheckResult, *, paths_from: Path) -> str:
    """Return the findings, one after the other, and how many there are; files as seen from ``paths_from``."""
    lines: list[str] = []
    for finding in result.findings:
        lines += _shown(finding, paths_from)
    lines += [f"not checked: {reason}" for reason in result.skipped]
    lines.append(_summary(result))
    return "".join(f"{clean(line)}\n" for line in lines)


def _shown(finding: Finding, paths_from: Path) -> Iterator[str]:
    place = ""
    if finding.file is not None:
        line = f":{finding.line}" if finding.line else ""
        place = f"{os.path.relpath(finding.file, paths_from)}{line}: "
    yield f"{place}{finding.level}: {finding.message} [{finding.code}]"
    yield from (f"    {line}" for line in finding.details)
    if finding.remedy:
        yield f"    mend it: {finding.remedy}"


def _summary(result: CheckResult) -> str:
    counts = {level: sum(finding.level is level for finding in result.findings) for level in Level}
    words = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count]
    return f"{result.what}: {', '.join(words) or 'nothing found'}"
