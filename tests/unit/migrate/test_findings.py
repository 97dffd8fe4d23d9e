"""The table of everything that a check can find, and what a check's findings mean for its exit code."""

import re

import pytest

from agent_factory.migrate.errors import ExitCode
from agent_factory.migrate.findings import RULES, CheckResult, Finding, Level, Rule, finding


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_says_what_is_to_be_so_and_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.code)
    assert rule.text
    assert not rule.text.endswith(".")
    assert re.fullmatch(r"[A-Z`].*\.", rule.help)


def test_a_code_is_in_the_table_once() -> None:
    from agent_factory.migrate import findings

    assert len(findings._TABLE) == len(RULES)


def test_a_finding_has_the_level_of_its_rule() -> None:
    assert finding("multiple-heads", "x").level is Level.ERROR
    assert finding("no-downgrade", "x").level is Level.WARNING
    with pytest.raises(KeyError):
        finding("no-such-rule", "x")


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ((), ExitCode.DONE),
        ((Level.NOTE,), ExitCode.DONE),
        ((Level.NOTE, Level.WARNING), ExitCode.NOT_WELL),
        ((Level.ERROR,), ExitCode.NOT_WELL),
    ],
)
def test_errors_and_warnings_fail_a_check(levels: tuple[Level, ...], code: ExitCode) -> None:
    found = tuple(Finding(code="x", level=level, message="x") for level in levels)

    result = CheckResult(what="x", findings=found, ignored=(), looked_at=(), skipped=())

    assert result.exit_code is code
