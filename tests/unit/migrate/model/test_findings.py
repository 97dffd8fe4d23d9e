"""The table of everything that a check can find, and what a check's findings mean for its exit code."""

import re
from pathlib import Path

import pytest

from agent_factory.migrate.model.errors import ExitCode
from agent_factory.migrate.model.findings import (
    RULES,
    CheckResult,
    Finding,
    Ignore,
    Level,
    Rule,
    apply_ignores,
    finding,
)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_says_what_is_to_be_so_and_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.code)
    assert rule.text
    assert not rule.text.endswith(".")
    assert re.fullmatch(r"[A-Z`].*\.", rule.help)


def test_a_code_is_in_the_table_once() -> None:
    from agent_factory.migrate.model.findings import rules

    assert len(rules._TABLE) == len(RULES)


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
        ((Level.NOTE, Level.WARNING), ExitCode.CHECK_FAILED),
        ((Level.ERROR,), ExitCode.CHECK_FAILED),
    ],
)
def test_errors_and_warnings_fail_a_check(levels: tuple[Level, ...], code: ExitCode) -> None:
    found = tuple(Finding(code="x", level=level, message="x") for level in levels)

    result = CheckResult(what="x", findings=found, ignored=(), looked_at=(), skipped=())

    assert result.exit_code is code


SOURCE = Path("/project/pyproject.toml")
DRIFT = finding("drift", "table public.legacy_users is made by no migration", object="public.legacy_users")
OTHER = finding("drift", "table public.users is missing", object="public.users")
NAME = finding("file-name", "x.py", file=Path("/project/alembic/versions/001_x.py"), line=3)


def ignore(code: str, reason: str = "agreed", **patterns: str) -> Ignore:
    return Ignore(code=code, reason=reason, source=SOURCE, line=7, **patterns)


@pytest.mark.parametrize(
    ("one", "matched"),
    [
        pytest.param(ignore("drift"), {DRIFT, OTHER}, id="a code"),
        pytest.param(ignore("drift", object="public.legacy_*"), {DRIFT}, id="objects"),
        pytest.param(ignore("file-name", file="alembic/versions/*"), {NAME}, id="files"),
        pytest.param(ignore("file-name", file="/project/*"), set(), id="seen from the project"),
        pytest.param(ignore("drift", object="PUBLIC.*"), set(), id="case"),
        pytest.param(ignore("drift", file="*.sql"), set(), id="a file where there is none"),
        pytest.param(ignore("drift", object="public.*", file="*.sql"), set(), id="both have to match"),
    ],
)
def test_what_an_ignore_matches_is_left_out(one: Ignore, matched: set[Finding]) -> None:
    left, ignored = apply_ignores((DRIFT, OTHER, NAME), (one,), ())

    assert {item.finding for item in ignored} == matched
    assert all(item.reason == "agreed" for item in ignored)
    assert set(left) == {DRIFT, OTHER, NAME} - matched


def test_an_ignore_without_a_reason_ignores_nothing_and_is_a_finding() -> None:
    left, ignored = apply_ignores((DRIFT,), (ignore("drift", reason=""),), ("drift",))

    assert (left[0], ignored) == (DRIFT, ())
    assert (left[1].code, left[1].file, left[1].line) == ("ignore-without-reason", SOURCE, 7)
    assert len(left) == 2


@pytest.mark.parametrize(
    ("code", "looked_for", "found"),
    [
        pytest.param("behind", {"behind"}, True, id="looked for and not found"),
        pytest.param("behind", {"drift"}, False, id="not looked for"),
        pytest.param("dirft", set(), True, id="no such code"),
        pytest.param("drift", {"drift"}, False, id="found"),
    ],
)
def test_an_ignore_that_matches_nothing_is_a_finding(code: str, looked_for: set[str], *, found: bool) -> None:
    left, _ignored = apply_ignores((DRIFT,), (ignore(code),), looked_for)

    assert [item.code for item in left if item is not DRIFT] == (["unused-ignore"] if found else [])


def test_a_finding_that_two_ignores_match_uses_both() -> None:
    both = (ignore("drift", object="public.*"), ignore("drift", "twice", object="*.legacy_users"))

    left, ignored = apply_ignores((DRIFT,), both, {"drift"})

    assert left == ()
    assert [item.reason for item in ignored] == ["agreed"]
