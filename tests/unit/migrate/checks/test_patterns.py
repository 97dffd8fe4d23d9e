"""Texts are made up that match what a CHECK asks for, others for each number."""

import re
import sys

import pytest

from agent_factory.migrate.checks.patterns import matching_texts, without_patterns


@pytest.mark.parametrize(
    "expression",
    [
        "^[A-Z]{2}$",
        r"^[^@]+@[^@]+\.[^@]+$",
        r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$",
        "^[a-z0-9]+(-[a-z0-9]+)*$",
        "^#[0-9a-fA-F]{6}$",
        r"^\+?[1-9]\d{1,14}$",
        r"^(?:foo|bar)-\d+$",
        "^https?://",
        r"\S",
        "^[]a]{3,}?$",
        r"^(a\|b|[\w.]{2})*$",
        r"^([ab])\1[^\w]$",
    ],
)
def test_a_text_matches_a_regular_expression(expression: str) -> None:
    texts = [
        text
        for number in range(40)
        for text in matching_texts("s", [f"s::character varying(20)::text ~ '{expression}'::text"], number)
    ]
    assert len(texts) == 80
    assert len(set(texts)) > 1
    assert [text for text in texts if not re.search(expression, text)] == []


@pytest.mark.parametrize("expression", ["^(?=a)b$", r"^a\y.b$", "(a", "a)", "*a", "[a"])
def test_what_is_not_understood_gives_no_text(expression: str) -> None:
    assert list(matching_texts("s", [f"s ~ '{expression}'"], 1)) == []


def test_without_the_extra_there_are_no_texts_for_regular_expressions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rstr", None)
    assert list(matching_texts("s", ["s ~ '^a$' AND s LIKE 'a%'"], 1)) == ["a1", "a1"]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        pytest.param("lower(s::text) ~~ '%@%.__'::text AND s::text !~~ 'a%'", "7@7.aa", id="like"),
        pytest.param("\"s\" LIKE 'it''s %'", "it's 7", id="quote"),
        pytest.param(r"s LIKE '100\%'", "100%", id="escaped"),
        pytest.param("s GLOB '[A-C]-?*'", "B-caa", id="glob"),
        pytest.param("s ~ '^[[:digit:]]{3}$'", "700", id="named class"),
        pytest.param("s ~ '^[^[:alnum:]]$'", "", id="not of a named class"),
        pytest.param("s ~ '^[[(]x*?$'", "(xx", id="a bracket among the characters"),
    ],
)
def test_a_text_matches_any_kind_of_pattern(check: str, text: str) -> None:
    assert next(matching_texts("s", [check], 7)).startswith(text)


@pytest.mark.parametrize("check", ["s NOT LIKE 'a%'", "other LIKE 'a%'", "s !~ 'a'", "s = 'a%'"])
def test_only_what_is_asked_of_the_column_counts(check: str) -> None:
    assert list(matching_texts("s", [check], 1)) == []


def test_what_is_left_without_patterns_are_values() -> None:
    assert without_patterns("s ~ '^a' AND s !~~ 'b%' AND s = 'c'") == "s  AND s  AND s = 'c'"
