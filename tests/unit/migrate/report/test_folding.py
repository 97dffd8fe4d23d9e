import ast

import pytest

from agent_factory.migrate.report.folding import cells, fold_call, fold_sql, fold_words, shorten


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_a_folded_statement_is_the_same_statement(width: int) -> None:
    sql = "ALTER TABLE users ADD COLUMN seen_at timestamptz DEFAULT now() NOT NULL, ADD CHECK (age > 0)"

    lines = fold_sql(sql, width)

    assert " ".join(line.strip() for line in lines) == sql
    assert all(len(line) <= max(width, len("    timestamptz")) for line in lines)


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param("'a value with it''s own spaces'", id="literal"),
        pytest.param(r"E'a value that\'s escaped and long'", id="escaped literal"),
        pytest.param('"a name of several words"', id="name"),
        pytest.param("$body$ SELECT 'one of many' $body$", id="dollar quotes"),
        pytest.param("/* a comment of several words */", id="comment"),
    ],
)
def test_nothing_in_quotes_and_comments_is_broken(whole: str) -> None:
    assert any(whole in line for line in fold_sql(f"SELECT {whole} AS it FROM t WHERE a AND b", 12))


def test_a_comment_to_the_end_of_its_line_stays_on_it() -> None:
    sql = "SELECT a FROM t -- all of them, as they were before the change\nWHERE b"

    assert fold_sql(sql, 24)[-2:] == [
        "    -- all of them, as they were before the change",
        "WHERE b",
    ]


def test_breaks_before_a_clause_rather_than_within_it() -> None:
    sql = "ALTER TABLE agents ADD CONSTRAINT fk_agents_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)"

    assert fold_sql(sql, 80) == [
        "ALTER TABLE agents ADD CONSTRAINT fk_agents_tenant FOREIGN KEY (tenant_id)",
        "    REFERENCES tenants (id)",
    ]


def test_keeps_the_lines_of_a_statement_and_turns_its_tabs_into_spaces() -> None:
    sql = "CREATE TABLE t (\n\tid int, \n\tname text DEFAULT 'a\n\tb'\n)"

    assert fold_sql(sql, None) == [
        "CREATE TABLE t (",
        "    id int,",
        "    name text DEFAULT 'a",
        "\tb'",
        ")",
    ]


def test_a_statement_of_a_megabyte_is_folded_at_once() -> None:
    sql = "INSERT INTO t VALUES " + ", ".join(f"({number}, {number})" for number in range(60_000))

    assert len(fold_sql(sql, 80)) > 10_000


@pytest.mark.parametrize(
    "line",
    [
        'op.execute("ALTER TABLE public.users ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID")',
        """op.execute('ALTER TABLE "Some users" ADD CONSTRAINT "c" CHECK (a = \\'x\\') NOT VALID')""",
        '    while op.get_bind().execute(sa.text("UPDATE t SET a = b \\\\:c WHERE a IS NULL")).rowcount: 1',
    ],
)
@pytest.mark.parametrize("width", [30, 50])
def test_a_folded_call_is_the_same_python(line: str, width: int) -> None:
    folded = fold_call(line, width)

    assert len(folded) > 1
    assert ast.dump(ast.parse("\n".join(folded).strip())) == ast.dump(ast.parse(line.strip()))


def test_a_call_that_fits_stays_as_it_is() -> None:
    assert fold_call('op.execute("SELECT 1")', 80) == ['op.execute("SELECT 1")']
    assert fold_call(f'op.execute("{"a " * 80}")', None) == [f'op.execute("{"a " * 80}")']


def test_prose_is_folded_between_words_and_never_between_a_number_and_its_unit() -> None:
    text = "public.users has 2,000,000 rows and takes 310 MB for about 4.2 s of the night"

    for width in range(20, 80):
        lines = fold_words(text, width)
        assert " ".join(lines) == text
        assert all(len(line) <= width for line in lines)
        assert not any(line.endswith(("2,000,000", "310", "4.2")) for line in lines)


def test_wide_characters_take_two_columns() -> None:
    assert cells("表の名前") == 8
    assert fold_words("表の名前 表の名前", 10) == ["表の名前", "表の名前"]


def test_a_shortened_text_says_how_much_is_left_out() -> None:
    assert shorten(["a", "b", "c"], 3) == ["a", "b", "c"]
    assert shorten(["a", "b", "c", "d"], 3) == ["a", "b", "... 2 more lines"]
