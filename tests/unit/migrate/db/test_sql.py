"""Quotes, comments and names in SQL text; the integration tests have a server judge."""

import pytest

from agent_factory.migrate.db.sql import (
    bare,
    bare_parts,
    blanked,
    names_in,
    outline,
    quoted,
    schema_of,
    split,
)


@pytest.mark.parametrize(
    ("name", "sql"), [("email", "email"), ("Full Name", '"Full Name"'), ("user", '"user"'), ('a"b', '"a""b"')]
)
def test_a_name_is_quoted_where_it_has_to_be(name: str, sql: str) -> None:
    assert quoted(name) == sql
    assert bare(f"public.{sql}") == name


def test_a_name_without_quotes_is_in_small_letters() -> None:
    assert bare_parts('Public."Full Name"') == ("public", "Full Name")
    assert bare_parts("ÉTÉ.Ab$c") == ("ÉtÉ", "ab$c")


def test_a_qualified_name_has_a_schema() -> None:
    assert schema_of('"My.Schema".users') == '"My.Schema"'
    assert schema_of("users") is None


@pytest.mark.parametrize(
    "opaque",
    [
        "-- one' line",
        "/* a /* nested */ comment' */",
        "/***/",
        "/*/ */",
        "'it''s; --'",
        r"E'it\'s; '",
        "e'one'  -- isn't it\n\t'another\\' '",
        "U&'d\\0061t\\'",
        'u&"d\\0061ta"',
        '"a ""name"""',
        "$$it's $a$ $$",
        "$a$ $b$ $$ $a$",
        "X'1F'",
    ],
)
def test_what_is_opaque_is_blank_and_takes_the_same_place(opaque: str) -> None:
    assert blanked(f"a\n{opaque}\nb", fill="#") == f"a\n{'#' * len(opaque)}\nb"


@pytest.mark.parametrize("sql", ["a$b$c$b$", "a - b", "$1 + $2", "é$$ + é$$", "a / b * c"])
def test_what_only_looks_opaque_stays(sql: str) -> None:
    assert blanked(sql) == sql


@pytest.mark.parametrize("opened", ["'it''s", "E'it\\'s", '"name', "/* a /* b */ c", "$$ a $", "$a$ $$"])
def test_what_is_not_closed_goes_to_the_end(opened: str) -> None:
    assert blanked(f"a {opened}", fill="#") == f"a {'#' * len(opened)}"


def test_the_letter_before_a_quote_may_end_a_word() -> None:
    assert blanked(r"date'\' || name'\'", fill="#") == "date### || name###"


def test_kinds_that_are_kept() -> None:
    sql = """a -- b\n 'c' "d" $$e$$ /* f */"""
    assert blanked(sql, keep={"name"}).split() == ["a", '"d"']
    assert blanked(sql, keep={"comment"}).split() == ["a", "--", "b", "/*", "f", "*/"]


def test_what_is_in_quotes_comments_and_parentheses_is_not_in_the_outline() -> None:
    sql = """DELETE FROM t WHERE a = 'WHERE (' AND (b = 1 AND "x)" = 2) -- WHERE\n AND $a$;$a$ = c /* ; */"""
    shape = outline(sql)
    assert len(shape) == len(sql)
    assert shape.split() == ["DELETE", "FROM", "t", "WHERE", "a", "=", "AND", "(", ")", "AND", "=", "c"]


def test_a_list_is_split_at_its_own_commas() -> None:
    assert split("""a, f(b, c), 'd, e', "f, g" """) == ("a", "f(b, c)", "'d, e'", '"f, g"')
    assert split("") == ()


def test_names_in_an_expression() -> None:
    assert names_in("lower((email)::text) || \"Full Name\" || 'code'") == {
        "lower",
        "email",
        "text",
        "Full Name",
    }
