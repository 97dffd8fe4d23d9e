"""The statements of a text: each whole, and where it starts."""

import pytest

from agent_factory.migrate.db.sql import statements


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("", []),
        ("-- nothing\n;;/* ; */", []),
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("-- of a; b\nSELECT ';', \";\", $$;$$ ; x", ["SELECT ';', \";\", $$;$$", "x"]),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; x",
            [
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END",
                "x",
            ],
        ),
        (
            'create or replace procedure p("end" int) language sql as $$ begin; end; $$; x',
            ['create or replace procedure p("end" int) language sql as $$ begin; end; $$', "x"],
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END; x",
            ["CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END", "x"],
        ),
        (
            "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c); x",
            ["CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c)", "x"],
        ),
        ("BEGIN; x; END; y", ["BEGIN", "x", "END", "y"]),
    ],
)
def test_a_statement_ends_at_its_own_semicolon(sql: str, found: list[str]) -> None:
    assert [text for _, text in statements(sql)] == found
    assert all(sql.startswith(text, start) for start, text in statements(sql))
