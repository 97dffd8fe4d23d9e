"""Types that hold every value of another."""

import pytest

from agent_factory.migrate.review.hazards.evidence.types import is_lossless, length_limit


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("integer", "bigint"),
        ("smallint", "numeric"),
        ("real", "double precision"),
        ("character varying(20)", "character varying(50)"),
        ("character varying(20)", "character varying"),
        ("character varying(20)", "text"),
        ("numeric(12,2)", "numeric"),
        ("numeric(12,2)", "numeric(14,3)"),
        ("uuid", "text"),
        ("timestamp(3) without time zone", "timestamp without time zone"),
        ("jsonb", "json"),
        ("bit(5)", "bit(5)"),
        ("bit varying(5)", "bit varying(8)"),
        ("bit varying(5)", "bit varying"),
        ("character(5)", "character(8)"),
        ('text COLLATE "C"', "text"),
    ],
)
def test_all_values_come_through(before: str, after: str) -> None:
    assert is_lossless(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bigint", "integer"),
        ("integer", "real"),
        ("text", "character varying(50)"),
        ("character varying(50)", "character varying(20)"),
        ("numeric", "numeric(12,2)"),
        ("numeric(12,2)", "numeric(12,1)"),
        ("numeric(12,2)", "numeric(12,3)"),
        ("integer", "numeric(5,2)"),
        ("timestamp with time zone", "date"),
        ("timestamp with time zone", "timestamp without time zone"),
        ("timestamp without time zone", "timestamp with time zone"),
        ("date", "timestamp without time zone"),
        ("date", "timestamp with time zone"),
        ("json", "jsonb"),
        ("timestamp without time zone", "timestamp(0) without time zone"),
        ("text", "integer"),
        ("public.mood", "public.other_mood"),
        ("integer[]", "integer"),
        ("bit(5)", "bit(8)"),
        ("bit(5)[]", "bit(8)[]"),
        ("bit(8)", "bit(5)"),
        ("bit varying(8)", "bit varying(5)"),
        ("bit varying(8)", "bit(8)"),
    ],
)
def test_some_values_may_not(before: str, after: str) -> None:
    assert not is_lossless(before, after)


@pytest.mark.parametrize(
    ("type_", "limit"),
    [
        ("character varying(20)", 20),
        ("character(3)", 3),
        ("character varying", None),
        ("text", None),
        ("numeric(12,2)", None),
    ],
)
def test_the_most_characters(type_: str, limit: int | None) -> None:
    assert length_limit(type_) == limit
