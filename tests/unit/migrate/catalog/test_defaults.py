"""Which defaults are constants of one type, and may be computed ones."""

import pytest

from agent_factory.migrate.catalog import (
    Catalog,
    CatalogObject,
    find_constant_defaults,
    find_other_constants,
    with_defaults_of,
)

KEY = ("column", "public.t.a")


def catalog(*clauses: str) -> Catalog:
    column = CatalogObject(kind=KEY[0], name=KEY[1], table="public.t", clauses=clauses)
    return Catalog(backend="postgresql", objects=(column,))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'2026-01-01 10:00:00'::timestamp without time zone", "'2026-02-01'::timestamp without time zone"),
        ("'it''s'::character varying(20)", "'b'::character varying(20)"),
        ("'1'::numeric(10,2)", "'2'::numeric(10,2)"),
        ("17", "4.5"),
        ("('-4'::integer)", "('-5'::integer)"),
        ("'x'", "'y'"),
    ],
)
def test_two_constants_of_one_type_may_be_computed(one: str, other: str) -> None:
    expected, found = catalog("text", f"DEFAULT {one}"), catalog("text", f"DEFAULT {other}")

    assert find_other_constants(expected, found) == {KEY}
    assert with_defaults_of(expected, found, {KEY}) == expected
    assert with_defaults_of(expected, found, set()) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'a'::text", "'a'::text"),
        ("'a'::text", "'b'::character varying"),
        ("'a'::text", "now()"),
        ("now()", "clock_timestamp()"),
        ("nextval('a'::regclass)", "nextval('b'::regclass)"),
        ("('a'::text || 'b'::text)", "('a'::text || 'c'::text)"),
        ("true", "false"),
    ],
)
def test_everything_else_is_none(one: str, other: str) -> None:
    assert find_other_constants(catalog(f"DEFAULT {one}"), catalog(f"DEFAULT {other}")) == frozenset()


def test_a_default_that_one_of_them_lacks_is_none() -> None:
    assert find_other_constants(catalog("DEFAULT 'a'::text"), catalog("text")) == frozenset()


def test_a_constant_is_returned_as_it_is_written() -> None:
    assert find_constant_defaults(catalog("DEFAULT 'it''s'::text")) == {KEY: "it's"}
    assert find_constant_defaults(catalog("DEFAULT 17")) == {KEY: "17"}
    assert find_constant_defaults(catalog("DEFAULT nextval('s'::regclass)")) == {}
