"""Findings as GitHub Actions' workflow commands: annotations on the lines of the files.

The form and its escapes: GitHub's documentation, "Workflow commands for GitHub Actions", and
actions/toolkit, packages/core/src/command.ts.
"""

from collections.abc import Iterator
from pathlib import Path

from agent_factory.migrate.model.findings import CheckResult, Finding, Level
from agent_factory.migrate.report import findings_words as words
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.folding import one_line
from agent_factory.migrate.report.places import inside

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def render_github(result: CheckResult, *, root: Path) -> str:
    """Return one command for each finding, then plain lines for the log; ``root`` is the repository's."""
    result = cleaned(result)
    lines = [
        _command(finding, root) for group in words.worst_first(result.findings).values() for finding in group
    ]
    lines += [_plain(line) for line in _log(result)]
    return "".join(f"{line}\n" for line in lines)


def _command(finding: Finding, root: Path) -> str:
    properties = []
    if finding.file is not None:
        file = inside(root, finding.file) or str(finding.file)
        properties.append(("file", file))
        properties += [("line", str(finding.line))] if finding.line else []
    properties.append(("title", finding.code))
    said = ",".join(f"{name}={_property(value)}" for name, value in properties)
    remedy = (f"fix it: {finding.remedy}",) if finding.remedy else ()
    message = "\n".join((finding.message, *finding.details, *remedy))
    return f"::{_COMMANDS[finding.level]} {said}::{_data(message)}"


def _log(result: CheckResult) -> Iterator[str]:
    for ignored in result.ignored:
        yield f"ignored: {ignored.finding.message} [{ignored.finding.code}], because: {ignored.reason}"
    yield from (f"checked: {name}" for name in result.looked_at)
    yield from (f"not checked: {name}" for name in result.skipped)
    yield f"{result.what}: {words.amounts(result)}"


def _plain(line: str) -> str:
    """Return a line that is no command: ``::`` begins one, and the older ``##[`` wherever it stands."""
    line = one_line(line).replace("##[", "## [")
    return f"- {line}" if line.startswith("::") else line


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
