"""deletes-data: rows and values that would be gone, as counted on production."""

import pytest

from agent_factory.migrate.review.hazards import Severity
from tests.integration.hazards.stage import Stage, of_code, rewrite_in, run_script, run_traced

# A statement, the message, words of the remedy, and the same where there are no rows that it would delete.
CASES = [
    pytest.param(
        "ALTER TABLE users DROP COLUMN age",
        "statement 1 drops public.users.age: 900 values in about 1,000 rows",
        "CREATE TABLE public.users_age_kept AS SELECT id, age FROM public.users WHERE age IS NOT NULL",
        "ALTER TABLE vacant DROP COLUMN age",
        id="drop column",
    ),
    pytest.param(
        'ALTER TABLE users DROP COLUMN "Full Name"',
        'statement 1 drops public.users."Full Name": 1,000 values in about 1,000 rows',
        'CREATE TABLE public."users_Full Name_kept" AS SELECT id, "Full Name" FROM public.users',
        'ALTER TABLE vacant DROP COLUMN "Full Name"',
        id="drop column with a name in quotes",
    ),
    pytest.param(
        "DROP TABLE ledger",
        "statement 1 drops public.ledger: 1,000 rows",
        "CREATE TABLE public.ledger_kept AS SELECT * FROM public.ledger",
        "DROP TABLE vacant_ledger",
        id="drop table",
    ),
    pytest.param(
        "TRUNCATE ledger",
        "statement 1 empties public.ledger: 1,000 rows",
        "CREATE TABLE public.ledger_kept AS SELECT * FROM public.ledger",
        "TRUNCATE vacant_ledger",
        id="truncate",
    ),
    pytest.param(
        "DELETE FROM orders o WHERE o.total < 10 AND o.state IS DISTINCT FROM 'old'",
        "statement 1 deletes 200 of about 1,000 rows of public.orders",
        "CREATE TABLE public.orders_kept AS SELECT * FROM public.orders AS o WHERE o.total < 10",
        "DELETE FROM orders WHERE total > 1000",
        id="delete",
    ),
    pytest.param(
        "DELETE FROM ledger USING orders WHERE orders.id = ledger.number",
        "statement 1 deletes up to about 1,000 rows (not counted) of public.ledger",
        "CREATE TABLE public.ledger_kept AS SELECT * FROM public.ledger",
        "DELETE FROM vacant_ledger USING orders WHERE orders.id = vacant_ledger.number",
        id="delete that cannot be counted",
    ),
    pytest.param(
        "ALTER TABLE users ALTER COLUMN amount TYPE numeric(12,1)",
        "statement 1 changes public.users.amount from numeric(12,2) to numeric(12,1): 900 values",
        "ADD COLUMN amount_new numeric(12,1)",
        "ALTER TABLE users ALTER COLUMN amount TYPE numeric(14,3)",
        id="narrower numeric",
    ),
    pytest.param(
        "ALTER TABLE users ALTER COLUMN seen TYPE date USING (seen + interval '12 hours')::date",
        "statement 1 changes public.users.seen from timestamp with time zone to date:",
        "(seen + interval '12 hours')::date",
        "ALTER TABLE vacant ALTER COLUMN seen TYPE date",
        id="time to date",
    ),
]


@pytest.mark.parametrize(("statement", "message", "remedy", "harmless"), CASES)
def test_data_that_would_be_gone_is_a_high_hazard_however_small_the_table(
    stage: Stage, statement: str, message: str, remedy: str, harmless: str
) -> None:
    (hazard,) = of_code(stage.hazards([statement], times=1), "deletes-data")
    assert hazard.severity is Severity.HIGH
    assert hazard.message.startswith(message)
    assert remedy in hazard.remedy


def test_nothing_is_gone_where_nothing_was(stage: Stage) -> None:
    harmless = [[str(case.values[3])] for case in reversed(CASES)]  # DROP comes last
    assert not of_code(stage.hazards(*harmless), "deletes-data")


@pytest.mark.parametrize("statement", [pytest.param(case.values[0], id=case.id) for case in CASES])
def test_a_copy_is_kept_as_the_remedy_says(stage: Stage, own_stage: Stage, statement: str) -> None:
    (hazard,) = of_code(stage.hazards([statement]), "deletes-data")
    rewrite = rewrite_in(hazard.remedy)
    assert rewrite
    assert not own_stage.hazards(*rewrite)
    run_traced(own_stage.production_url, *rewrite)


def test_names_of_before_the_plan_are_used_to_count(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users RENAME COLUMN age TO years", "ALTER TABLE users ADD COLUMN age integer"],
        ["ALTER TABLE users RENAME TO people", "CREATE VIEW users AS SELECT * FROM people"],
        ["ALTER TABLE people DROP COLUMN years CASCADE"],
    )
    (hazard,) = of_code(found, "deletes-data")
    assert hazard.message == "statement 1 drops public.users.age: 900 values in about 20,000,000 rows"


def test_what_the_plan_made_itself_may_go(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN extra text DEFAULT 'x'", "CREATE TABLE spare AS SELECT * FROM users"],
        ["ALTER TABLE users DROP COLUMN extra", "DROP TABLE spare"],
    )
    assert not of_code(found, "deletes-data")


def test_a_table_in_the_place_of_another_may_have_its_rows(stage: Stage) -> None:
    found = stage.hazards(
        [
            "CREATE TABLE new_ledger AS SELECT * FROM ledger",
            "DROP TABLE ledger",
            "ALTER TABLE new_ledger RENAME TO ledger",
        ]
    )
    (hazard,) = of_code(found, "deletes-data")
    assert hazard.severity is Severity.NOTICE
    assert "public.new_ledger takes its place" in hazard.message


def test_a_partitioned_table_is_told_of_once(bare_stage: Stage) -> None:
    bare_stage.build(
        """CREATE TABLE event (id bigint, at date) PARTITION BY RANGE (at);
           CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
           CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')""",
        "INSERT INTO event SELECT n, date '2025-01-01' + n % 700 FROM generate_series(1, 1000) n",
    )
    (column,) = of_code(bare_stage.hazards(["ALTER TABLE event DROP COLUMN id"]), "deletes-data")
    assert "drops public.event.id: 1,000 values" in column.message
    (table,) = of_code(bare_stage.hazards(["DROP TABLE event"]), "deletes-data")
    assert "drops public.event: 1,000 rows" in table.message


TIMES = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, plain timestamp, doc json)"
IN_BERLIN = """
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Europe/Berlin''', current_database()); END $$;
"""
TIMES_OF_BERLIN = """
INSERT INTO t VALUES
    (1, '2026-10-25 00:30+00', '2026-03-29 01:30', '{"a": 1}'),
    (2, '2026-10-25 01:30+00', '2026-03-29 02:30', '{"a": 1, "a": 2}'),
    (3, '2026-10-25 02:30+00', '2026-03-29 03:30', '[1]')
"""


@pytest.mark.parametrize(
    ("change", "values"),
    [
        pytest.param(
            "at TYPE timestamp", "timestamp without time zone: 1 value", id="the hour that is there twice"
        ),
        pytest.param(
            "plain TYPE timestamptz", "timestamp with time zone: 1 value", id="the hour that is not"
        ),
        pytest.param("doc TYPE jsonb", "from json to jsonb: 1 value", id="a key that is there twice"),
    ],
)
def test_a_cast_by_itself_may_lose_what_the_rows_show(bare_stage: Stage, change: str, values: str) -> None:
    run_script(bare_stage.production_url, f"{IN_BERLIN} {TIMES}; {TIMES_OF_BERLIN}")
    run_script(bare_stage.scratch_url, f"{IN_BERLIN} {TIMES}")

    (hazard,) = of_code(bare_stage.hazards([f"ALTER TABLE t ALTER COLUMN {change}"]), "deletes-data")

    assert values in hazard.message


def test_json_that_no_jsonb_can_hold_fails(bare_stage: Stage) -> None:
    run_script(bare_stage.production_url, rf"""{TIMES}; INSERT INTO t (id, doc) VALUES (1, '"\u0000"')""")
    run_script(bare_stage.scratch_url, TIMES)

    found = bare_stage.hazards(["ALTER TABLE t ALTER COLUMN doc TYPE jsonb"])

    (hazard,) = of_code(found, "fails-on-data")
    assert "unsupported Unicode escape sequence" in hazard.message
