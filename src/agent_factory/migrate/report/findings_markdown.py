"""Findings as Markdown, to be read as a comment on a pull request or in a job's summary."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent_factory.migrate.model.findings import CheckResult, Finding
from agent_factory.migrate.report import findings_words as words
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.markup import (
    LONGEST_TEXT,
    cut,
    fence,
    folded,
    inline_code,
    joined,
    prose,
    shortened,
)
from agent_factory.migrate.report.places import inside


def render_markdown(result: CheckResult, *, root: Path) -> str:
    """Return the findings as GitHub's Markdown, short enough for a comment; ``root`` is the repository's."""
    parts = [*_parts(cleaned(result), root)]
    return joined(parts) or cut(parts, "`--format json`")


def _parts(result: CheckResult, root: Path) -> Iterator[str]:
    yield f"### Check of {prose(result.what)}: {words.amounts(result)}"
    for level, group in words.worst_first(result.findings).items():
        for finding in group:
            yield "\n\n".join(_finding(str(level), finding, root))
    if result.ignored:
        lines = [f"{_said(item.finding, root)}: {prose(item.reason)}" for item in result.ignored]
        yield from folded(f"{len(lines):,} ignored", [_list(lines)])
    if result.skipped:
        yield f"Not checked:\n\n{_list([prose(reason, LONGEST_TEXT) for reason in result.skipped])}"
    if result.looked_at:
        yield from folded("Checked", [_list([prose(name, LONGEST_TEXT) for name in result.looked_at])])


def _finding(level: str, finding: Finding, root: Path) -> Iterator[str]:
    yield f"**{level}** {_said(finding, root)}"
    if finding.details:
        yield fence(shortened("\n".join(finding.details), LONGEST_TEXT, "#"), "")
    if finding.remedy:
        yield "Fix it:"
        yield fence(shortened(finding.remedy, LONGEST_TEXT, "--"), "")


def _said(finding: Finding, root: Path) -> str:
    line = f":{finding.line}" if finding.line else ""
    place = f", {inline_code(_seen_from(root, finding.file) + line)}" if finding.file else ""
    return f"{inline_code(finding.code)}{place}: {prose(finding.message, LONGEST_TEXT)}"


def _seen_from(root: Path, file: Path) -> str:
    return inside(root, file) or os.fspath(file)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
