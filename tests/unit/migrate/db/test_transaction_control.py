"""Which statements the server is asked about: quotes hide nothing, and hold nothing."""

import pytest

from agent_factory.migrate.db.transaction_control import (
    begins_with_end,
    border_of,
    may_change_transaction,
    may_run_inside,
)


@pytest.mark.parametrize(
    "statement",
    [
        r"COMMENT ON TABLE b IS E'don\'t; end of story'",
        'CREATE TABLE b ("x; commit" text)',
        'ALTER TABLE b ADD COLUMN "a;rollback" integer',
        "/* a /* b */ ; commit */ SELECT 1",
        r"INSERT INTO notes VALUES (E'don\'t stop; commit to it')",
        "ROLLBACK TO SAVEPOINT a",
        "rollback work to a",
        "ROLLBACK TRANSACTION TO SAVEPOINT a",
        "SELECT commit FROM git_log",
        "CREATE TABLE endings (prepare int)",
    ],
)
def test_what_ends_nothing_is_not_asked_about(statement: str) -> None:
    assert not may_change_transaction(statement)
    assert not begins_with_end(statement)


@pytest.mark.parametrize(
    ("statement", "is_first"),
    [
        ("COMMIT", True),
        ("SELECT 1; commit; BEGIN", False),
        ("/* so */ END", True),
        (" ;\n; COMMIT AND CHAIN", True),
        ("PREPARE TRANSACTION 'a'", True),
        ("ROLLBACK", True),
        ("SELECT ';'; ABORT", False),
        ("INSERT INTO t VALUES (1); END", False),
        # It may be in a function's body, or not: the server knows.
        ("CREATE FUNCTION f() RETURNS integer BEGIN ATOMIC SELECT 1; END", False),
        # These may take the mark away, or begin what nobody has asked for.
        ("RESET ALL", False),
        ("DO $$ BEGIN RESET ALL; END $$", False),
        ("BEGIN", False),
        ("start transaction", False),
    ],
)
def test_what_may_end_it_is(statement: str, is_first: bool) -> None:
    assert may_change_transaction(statement)
    assert begins_with_end(statement) is is_first


@pytest.mark.parametrize(
    ("statement", "is_inside"),
    [
        ("SELECT 1", True),
        ("-- why\n (SELECT 1) UNION SELECT 2", True),
        ("with a as (select 1) delete from t", True),
        ("UPDATE t SET a = 1", True),
        ("CALL committing()", False),
        ("VACUUM t", False),
        ("CREATE INDEX CONCURRENTLY ix ON t (a)", False),
        ("ALTER SYSTEM SET work_mem = '1MB'", False),
        ("", False),
    ],
)
def test_what_may_run_in_a_transaction_of_af_dbs(statement: str, is_inside: bool) -> None:
    assert may_run_inside(statement) is is_inside


@pytest.mark.parametrize(
    ("plain", "border"),
    [
        ("COMMIT", "COMMIT"),
        ("SELECT 1;\n end work", "END"),
        ("prepare\n transaction", "PREPARE TRANSACTION"),
        ("begin read write", "BEGIN"),
        ("START  TRANSACTION READ WRITE", "START TRANSACTION"),
        (
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE,\nREAD WRITE",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
        ),
        ("SET TRANSACTION READ ONLY", None),
        ("SELECT 1; SET LOCAL a = b; UPDATE t SET read = write", None),
        ("ROLLBACK TO a", None),
        ("PREPARE p AS SELECT 1", None),
        ("SELECT 1 AS begin", None),
    ],
)
def test_what_is_a_border_of_a_transaction(plain: str, border: str | None) -> None:
    assert border_of(plain) == border
    assert not border or may_change_transaction(plain) or border.startswith("SET")
