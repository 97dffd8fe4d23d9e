"""The words of SQLite's statements, and one way to write them."""

import pytest

from agent_factory.migrate.catalog.sqlite.words import spelled, words, written


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("create  index\n i on t(a)", "CREATE INDEX i ON t(a)"),
        ('CREATE INDEX "i" ON [t] (`a`)', "CREATE INDEX i ON t(a)"),
        ('CREATE INDEX "i x" ON "order" ("a""b")', 'CREATE INDEX "i x" ON "order"("a""b")'),
        ("SELECT a /* no */ + 1 -- end\n, 'x -- y'", "SELECT a + 1, 'x -- y'"),
        ("SELECT 'it''s', x'0F', 1.5e3, a||b, c->>'d'", "SELECT 'it''s', x'0F', 1.5e3, a || b, c ->> 'd'"),
        ("CHECK(a IN('x','y'))", "CHECK (a IN ('x', 'y'))"),
        ("SELECT main . t . a", "SELECT main.t.a"),
        ('CREATE INDEX i ON t ("key" desc)', "CREATE INDEX i ON t(KEY DESC)"),
    ],
)
def test_spelling(statement: str, text: str) -> None:
    assert spelled(words(statement)) == text
    assert spelled(words(text)) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users", "users"),
        ("Order", '"Order"'),
        ("key", "key"),
        ("a b", '"a b"'),
        ('a"b', '"a""b"'),
        ("1a", '"1a"'),
    ],
)
def test_names_as_sql_needs_them(name: str, text: str) -> None:
    assert written(name) == text
