"""blocks-writes: tables that nobody can write to, and rows that an UPDATE keeps locked."""

import pytest

from agent_factory.migrate.review.hazards import Severity
from tests.integration.hazards.lock_cases import (
    assert_high_on_large_tables,
    assert_none_on_empty_tables,
    assert_none_on_new_tables,
    assert_rewrite_works,
)
from tests.integration.hazards.stage import Autocommit, Stage, rewrite_in, run_traced

# A statement, words of the message on tables of 40,000,000 rows, and words of the remedy, which has the names
# that the statement uses.
CASES = [
    pytest.param(
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id)"
        " ON DELETE CASCADE",
        ["SHARE ROW EXCLUSIVE on public.users (40,000,000 rows", "public.orders (40,000,000 rows"],
        ["REFERENCES users(id) ON DELETE CASCADE NOT VALID", "VALIDATE CONSTRAINT of_user"],
        id="add foreign key",
    ),
    pytest.param(
        'CREATE INDEX users_name ON users ("Full Name", lower(email) DESC) WHERE age > 3',
        ["SHARE on public.users", "writes wait for about"],
        [
            "with op.get_context().autocommit_block():",
            "CREATE INDEX CONCURRENTLY users_name ON public.users",
            'USING btree ("Full Name", lower(email) DESC) WHERE (age > 3)',
        ],
        id="create index",
    ),
    pytest.param(
        "CREATE UNIQUE INDEX users_email ON users (email)",
        ["SHARE on public.users"],
        ["CREATE UNIQUE INDEX CONCURRENTLY users_email ON public.users USING btree (email)"],
        id="create unique index",
    ),
]
STATEMENTS = [str(case.values[0]) for case in CASES]


@pytest.mark.parametrize(("statement", "message", "remedy"), CASES)
def test_it_is_high_on_a_large_table_and_none_on_a_small_one(
    stage: Stage, statement: str, message: list[str], remedy: list[str]
) -> None:
    assert_high_on_large_tables(stage, "blocks-writes", statement, message, remedy)


def test_it_is_none_on_empty_tables(stage: Stage) -> None:
    assert_none_on_empty_tables(stage, STATEMENTS)


def test_it_is_none_on_a_table_that_the_plan_makes(stage: Stage) -> None:
    assert_none_on_new_tables(stage, STATEMENTS)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_remedy_works_where_rows_are_and_is_no_hazard(
    stage: Stage, own_stage: Stage, statement: str
) -> None:
    assert_rewrite_works(stage, own_stage, statement)


def test_an_update_of_all_rows_keeps_them_locked(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN folded text"],
        ["UPDATE users SET folded = lower(email) WHERE folded IS NULL"],
    )
    (hazard,) = found
    assert (hazard.code, hazard.severity) == ("blocks-writes", Severity.HIGH)
    assert "each row of public.users (20,000,000 rows" in hazard.message
    assert "ctid = ANY (ARRAY(SELECT ctid FROM users WHERE folded IS NULL LIMIT 10000))" in hazard.remedy


def test_an_update_of_few_rows_is_no_hazard(stage: Stage) -> None:
    """Production was asked how many rows meet the condition."""
    assert not stage.hazards(["UPDATE users SET score = 1 WHERE email = 'user7@example.com'"])


def test_partitions_count_once_and_get_their_indexes_one_by_one(bare_stage: Stage) -> None:
    bare_stage.build(
        """CREATE TABLE event (id bigint, at date, kind text) PARTITION BY RANGE (at);
           CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
           CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')""",
        "INSERT INTO event SELECT n, date '2025-01-01' + n % 700, 'k' FROM generate_series(1, 1000) n",
    )
    (hazard,) = bare_stage.hazards(["CREATE INDEX event_id ON event (id)"])
    assert (hazard.code, hazard.severity) == ("blocks-writes", Severity.HIGH)
    assert "SHARE on public.event (20,000,000 rows" in hazard.message
    rewrite = rewrite_in(hazard.remedy)
    assert rewrite[1:3] == [
        [
            Autocommit(
                sql="CREATE INDEX CONCURRENTLY event_2025_event_id ON public.event_2025 USING btree (id)"
            )
        ],
        [
            Autocommit(
                sql="CREATE INDEX CONCURRENTLY event_2026_event_id ON public.event_2026 USING btree (id)"
            )
        ],
    ]
    run_traced(bare_stage.production_url, *rewrite)
    (required, *_rest) = bare_stage.hazards(["ALTER TABLE event ALTER COLUMN kind SET NOT NULL"])
    assert required.code == "blocks-reads"
    assert len(rewrite_in(required.remedy)) == 2
