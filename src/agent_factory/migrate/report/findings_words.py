"""What the forms of a check's findings say in the same words."""

from collections.abc import Iterable

from agent_factory.migrate.model.findings import CheckResult, Finding, Level


def worst_first(findings: Iterable[Finding]) -> dict[Level, tuple[Finding, ...]]:
    """Return the findings by their level: errors, warnings, notes; a level that has none is left out."""
    every = tuple(findings)
    groups = {level: tuple(finding for finding in every if finding.level is level) for level in Level}
    return {level: group for level, group in groups.items() if group}


def amounts(result: CheckResult) -> str:
    """Return ``2 errors, 1 note``, or that nothing was found; and how many findings are ignored."""
    counts = {str(level): len(group) for level, group in worst_first(result.findings).items()}
    said = ", ".join(f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())
    left_out = f" ({len(result.ignored):,} ignored)" if result.ignored else ""
    return f"{said or 'nothing found'}{left_out}"
