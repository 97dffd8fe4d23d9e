"""Clauses of statements that people write."""

import pytest

from agent_factory.migrate.db.clauses import row_change, using_expression


@pytest.mark.parametrize(
    ("sql", "table", "alias", "condition"),
    [
        ("DELETE FROM users", "users", None, None),
        ("delete from only public.users u where u.a = ';' ;", "public.users", "u", "u.a = ';'"),
        ("/* old */ DELETE FROM users AS u WHERE a IS DISTINCT FROM b", "users", "u", "a IS DISTINCT FROM b"),
        ("UPDATE users SET a = (SELECT 1 FROM b WHERE c) WHERE d IN (1)", "users", None, "d IN (1)"),
        ('UPDATE "Us ers" SET where_ = 1', '"Us ers"', None, None),
        (
            "UPDATE users SET a = extract(epoch FROM b) WHERE b < '2020-01-01'",
            "users",
            None,
            "b < '2020-01-01'",
        ),
    ],
)
def test_a_change_of_rows(sql: str, table: str, alias: str | None, condition: str | None) -> None:
    rows = row_change(sql)
    assert rows is not None
    assert (rows.table, rows.alias, rows.condition) == (table, alias, condition)
    assert sql.startswith(rows.head) or sql.strip().startswith(rows.head)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM a USING b WHERE a.id = b.id",
        "UPDATE a SET x = b.x FROM b WHERE a.id = b.id",
        "WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone",
        "DELETE FROM a WHERE b RETURNING id",
        "DELETE FROM a WHERE b; DELETE FROM c",
        "DELETE FROM a WHERE CURRENT OF c",
        "INSERT INTO a VALUES (1)",
    ],
)
def test_a_change_of_rows_that_is_not_read(sql: str) -> None:
    assert row_change(sql) is None


@pytest.mark.parametrize(
    ("sql", "column", "expression"),
    [
        ("ALTER TABLE t ALTER COLUMN a TYPE integer USING a::integer", "a", "a::integer"),
        (
            "ALTER TABLE t ALTER a TYPE date USING f(a, 1), ALTER \"B\" SET DATA TYPE text USING 'x,' || b;",
            "B",
            "'x,' || b",
        ),
        ("ALTER TABLE t ALTER A TYPE date USING f(a, 1), ALTER b TYPE text", "a", "f(a, 1)"),
        ("ALTER TABLE t ALTER COLUMN a TYPE integer", "a", None),
        ("ALTER TABLE t ALTER COLUMN b TYPE integer USING b::integer", "a", None),
    ],
)
def test_the_expression_of_a_new_type(sql: str, column: str, expression: str | None) -> None:
    assert using_expression(sql, column) == expression
