"""blocks-reads: found on large tables and not on others, with a safe form that works and has none."""

import pytest

from agent_factory.migrate.review.hazards import Severity
from tests.integration.hazards.lock_cases import (
    assert_high_on_large_tables,
    assert_none_on_empty_tables,
    assert_none_on_new_tables,
    assert_rewrite_works,
)
from tests.integration.hazards.stage import Stage

# A statement, words of the message on tables of 40,000,000 rows, and words of the remedy, which has the names
# that the statement uses.
CASES = [
    pytest.param(
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        ["ACCESS EXCLUSIVE on public.users (40,000,000 rows", "reads and writes wait for about"],
        [
            "ADD CONSTRAINT users_email_not_null CHECK (email IS NOT NULL) NOT VALID",
            "VALIDATE CONSTRAINT users_email_not_null",
            "ALTER COLUMN email SET NOT NULL",
            "DROP CONSTRAINT users_email_not_null",
        ],
        id="set not null",
    ),
    pytest.param(
        "ALTER TABLE users ADD CONSTRAINT score_sound CHECK (score >= 0)",
        ["ACCESS EXCLUSIVE on public.users"],
        [
            "ALTER TABLE public.users ADD CONSTRAINT score_sound CHECK ((score >= 0)) NOT VALID",
            "ALTER TABLE public.users VALIDATE CONSTRAINT score_sound",
        ],
        id="add check",
    ),
    pytest.param(
        'ALTER TABLE users ADD CONSTRAINT one_code UNIQUE NULLS NOT DISTINCT (code, "Full Name")'
        " INCLUDE (age) DEFERRABLE INITIALLY DEFERRED",
        ["ACCESS EXCLUSIVE on public.users"],
        [
            'CREATE UNIQUE INDEX CONCURRENTLY one_code ON public.users (code, "Full Name") INCLUDE (age)'
            " NULLS NOT DISTINCT",
            "ADD CONSTRAINT one_code UNIQUE USING INDEX one_code DEFERRABLE INITIALLY DEFERRED",
        ],
        id="add unique",
    ),
    pytest.param(
        "ALTER TABLE ledger ADD CONSTRAINT ledger_key PRIMARY KEY (number)",
        ["ACCESS EXCLUSIVE on public.ledger"],
        [
            "CHECK (number IS NOT NULL) NOT VALID",
            "CREATE UNIQUE INDEX CONCURRENTLY ledger_key ON public.ledger (number)",
            "ADD CONSTRAINT ledger_key PRIMARY KEY USING INDEX ledger_key",
        ],
        id="add primary key",
    ),
    pytest.param(
        "REINDEX TABLE orders",
        ["public.orders"],
        ["REINDEX TABLE CONCURRENTLY orders"],
        id="reindex",
    ),
]
STATEMENTS = [str(case.values[0]) for case in CASES]


@pytest.mark.parametrize(("statement", "message", "remedy"), CASES)
def test_it_is_high_on_a_large_table_and_none_on_a_small_one(
    stage: Stage, statement: str, message: list[str], remedy: list[str]
) -> None:
    assert_high_on_large_tables(stage, "blocks-reads", statement, message, remedy)


def test_it_is_none_on_empty_tables(stage: Stage) -> None:
    assert_none_on_empty_tables(stage, STATEMENTS)


def test_it_is_none_on_a_table_that_the_plan_makes(stage: Stage) -> None:
    assert_none_on_new_tables(stage, STATEMENTS)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_remedy_works_where_rows_are_and_is_no_hazard(
    stage: Stage, own_stage: Stage, statement: str
) -> None:
    assert_rewrite_works(stage, own_stage, statement)


def test_what_keeps_the_same_table_waiting_is_told_once(stage: Stage) -> None:
    """The second statement takes as strong a lock by itself."""
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN folded text", "ALTER TABLE users ALTER COLUMN score SET NOT NULL"]
    )
    assert [(item.code, item.statement) for item in found if item.severity is Severity.HIGH] == [
        ("blocks-reads", 2)
    ]


def test_a_table_is_known_by_its_new_name(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE orders RENAME TO purchases", "CREATE VIEW orders AS SELECT * FROM purchases"],
        ["ALTER TABLE purchases ADD CONSTRAINT sound CHECK (total >= 0)"],
    )
    (hazard,) = [item for item in found if item.severity is Severity.HIGH]
    assert (hazard.code, hazard.table, hazard.revision) == ("blocks-reads", "public.orders", "2")
    assert "ALTER TABLE public.purchases ADD CONSTRAINT sound" in hazard.remedy
