"""rewrites-table: tables that are written again as a whole."""

import pytest

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
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
        ["rewrites public.orders (40,000,000 rows", "under ACCESS EXCLUSIVE"],
        [
            "ADD COLUMN total_new bigint",
            "CAST(total AS bigint)",
            "RENAME COLUMN total TO total_old",
            "RENAME COLUMN total_new TO total",
        ],
        id="alter type",
    ),
    pytest.param(
        "ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2) USING total / 100.0 * 100",
        ["public.orders"],
        ["ADD COLUMN total_new numeric(12,2)", "total / 100.0 * 100"],
        id="alter type using",
    ),
    pytest.param(
        'ALTER TABLE users ADD COLUMN "Token" uuid NOT NULL DEFAULT gen_random_uuid()',
        ["public.users"],
        ['ADD COLUMN "Token" uuid', 'ALTER COLUMN "Token" SET DEFAULT gen_random_uuid()', "LIMIT 10000"],
        id="volatile default",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN serial_number bigserial",
        ["public.users"],
        ["CREATE SEQUENCE public.users_serial_number_seq", "OWNED BY public.users.serial_number"],
        id="serial",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY",
        ["public.users"],
        ["CREATE SEQUENCE public.users_number_seq", "SET DEFAULT nextval('public.users_number_seq')"],
        id="identity",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN folded text GENERATED ALWAYS AS (lower(email)) STORED",
        ["public.users"],
        ["CREATE TRIGGER users_folded_in_step BEFORE INSERT OR UPDATE ON public.users"],
        id="generated",
    ),
    pytest.param(
        "REFRESH MATERIALIZED VIEW totals",
        ["public.totals"],
        ["REFRESH MATERIALIZED VIEW CONCURRENTLY totals"],
        id="refresh materialized view",
    ),
]
STATEMENTS = [str(case.values[0]) for case in CASES]


@pytest.mark.parametrize(("statement", "message", "remedy"), CASES)
def test_it_is_high_on_a_large_table_and_none_on_a_small_one(
    stage: Stage, statement: str, message: list[str], remedy: list[str]
) -> None:
    assert_high_on_large_tables(stage, "rewrites-table", statement, message, remedy)


def test_it_is_none_on_empty_tables(stage: Stage) -> None:
    assert_none_on_empty_tables(stage, STATEMENTS)


def test_it_is_none_on_a_table_that_the_plan_makes(stage: Stage) -> None:
    assert_none_on_new_tables(stage, STATEMENTS)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_remedy_works_where_rows_are_and_is_no_hazard(
    stage: Stage, own_stage: Stage, statement: str
) -> None:
    assert_rewrite_works(stage, own_stage, statement)
