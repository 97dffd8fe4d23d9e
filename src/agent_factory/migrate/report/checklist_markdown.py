"""A checklist as GitHub's Markdown, to be read as a comment or in a job's summary."""

from agent_factory.migrate.model.checklist import PreflightResult, Verdict
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.markup import prose

_MARKS = {
    Verdict.PASS: "✅",
    Verdict.WARN: "⚠️",
    Verdict.FAIL: "❌",
    Verdict.SAID: "💬",
    Verdict.NOT_KNOWN: "❔",
}


def render_markdown(result: PreflightResult) -> str:
    """Return the checklist of a plan as one table."""
    result = cleaned(result)
    rows = [
        f"| {_MARKS[line.verdict]} {line.verdict} | {line.name}{' (must pass)' if line.is_required else ''}"
        f" | {prose(line.evidence)} | {prose(line.next_step)} |"
        for line in result.checklist.lines
    ]
    to = ", ".join(result.after) or "base"
    return "\n".join(
        [
            f"### Checklist of {prose(result.database)}: to {prose(to)}",
            "",
            "| | line | evidence | next |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
