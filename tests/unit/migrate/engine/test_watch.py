"""What looks like the end of a transaction in the text of a statement."""

import pytest

from agent_factory.migrate.engine.watch import _ending


@pytest.mark.parametrize(
    "statement",
    [
        r"COMMENT ON TABLE b IS E'don\'t; end of story'",
        'CREATE TABLE b ("x; commit" text)',
        'ALTER TABLE b ADD COLUMN "a;rollback" integer',
        "/* a /* b */ ; commit */ SELECT 1",
        r"INSERT INTO notes VALUES (E'don\'t stop; commit to it')",
        "DO $do$ BEGIN PERFORM 1; END $do$",
        "CREATE FUNCTION f() RETURNS integer BEGIN ATOMIC SELECT 1; END",
        "ROLLBACK TO SAVEPOINT a",
    ],
)
def test_what_is_quoted_ends_nothing(statement: str) -> None:
    assert _ending(statement) is None


@pytest.mark.parametrize(
    ("statement", "is_commit"),
    [
        ("COMMIT", True),
        ("SELECT 1; commit; BEGIN", True),
        ("/* so */ END", True),
        ("PREPARE TRANSACTION 'a'", True),
        ("ROLLBACK", False),
        ("SELECT ';'; ABORT", False),
    ],
)
def test_an_end_is_seen(statement: str, is_commit: bool) -> None:
    ending = _ending(statement)

    assert ending is not None
    assert bool(ending["commit"]) is is_commit
