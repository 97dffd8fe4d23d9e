"""Hazards of rows: what would be gone, and what fails because of them, as counted on production."""

from typing import cast

import pytest
import sqlalchemy as sa

from agent_factory.migrate.review.hazards import Hazard, HazardCode, Severity
from tests.integration.hazards.stage import Alone, Stage, Statement, recipe_in, run_traced

HIGH, NOTICE = Severity.HIGH, Severity.NOTICE

# A statement, the message, words of the remedy, and the same where there are no rows that it would delete.
DELETES = [
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

# A statement, the message, words of the remedy, and a safe counterpart.
FAILS = [
    pytest.param(
        "ALTER TABLE users ALTER COLUMN age SET NOT NULL",
        "statement 1 fails: 100 rows have no public.users.age",
        ["WHERE age IS NULL LIMIT 20", "CHECK (age IS NOT NULL) NOT VALID"],
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        id="set not null",
    ),
    pytest.param(
        "ALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17)",
        "statement 1 fails: 185 rows of public.users violate adult, CHECK ((age > 17))",
        ["WHERE NOT ((age > 17)) LIMIT 20", "ADD CONSTRAINT adult CHECK ((age > 17)) NOT VALID"],
        "ALTER TABLE users ADD CONSTRAINT adult CHECK (age >= 0)",
        id="add check",
    ),
    pytest.param(
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (total) REFERENCES users (id)",
        "statement 1 fails: 20 rows of public.orders refer to what users does not have",
        ["FROM public.orders AS child WHERE child.total IS NOT NULL", "REFERENCES users(id) NOT VALID"],
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id)",
        id="add foreign key",
    ),
    pytest.param(
        "ALTER TABLE orders ADD CONSTRAINT one UNIQUE (state, total)",
        "statement 1 fails: 50 values of (state, total) are in public.orders more than once",
        ["GROUP BY state, total HAVING count(*) > 1 LIMIT 20"],
        "ALTER TABLE orders ADD CONSTRAINT one_state UNIQUE (state, id)",
        id="add unique",
    ),
    pytest.param(
        "CREATE UNIQUE INDEX one ON orders (lower(state), total DESC) WHERE total > 45",
        "statement 1 fails: 4 values of (lower(state), total) are in public.orders more than once",
        ["WHERE (total > 45) AND lower(state) IS NOT NULL"],
        "CREATE UNIQUE INDEX one_total ON orders (lower(state), total DESC) WHERE total > 50",
        id="create unique index",
    ),
    pytest.param(
        Alone(sql="CREATE UNIQUE INDEX CONCURRENTLY one ON orders (total)"),
        "statement 1 fails: 50 values of (total) are in public.orders more than once",
        ["GROUP BY total"],
        Alone(sql="CREATE UNIQUE INDEX CONCURRENTLY one_user ON orders (user_id)"),
        id="create unique index concurrently",
    ),
    pytest.param(
        "ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE (total WITH =) WHERE (id < 60)",
        "statement 1 fails: 9 pairs of rows of public.orders exclude each other by apart",
        ["FROM public.orders WHERE ((id < 60))"],
        "ALTER TABLE orders ADD CONSTRAINT apart EXCLUDE (total WITH =) WHERE (id < 40)",
        id="add exclusion",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN level integer NOT NULL",
        "statement 1 fails: public.users.level is NOT NULL without a default, and there are rows",
        ["ADD COLUMN level integer"],
        "ALTER TABLE users ADD COLUMN level integer NOT NULL DEFAULT 1",
        id="required column",
    ),
    pytest.param(
        "ALTER TABLE users ALTER COLUMN code TYPE varchar(7)",
        "statement 1 fails: 901 values of public.users.code are too long for character varying(7)",
        ["length(rtrim(CAST(code AS text))) > 7"],
        "ALTER TABLE users ALTER COLUMN code TYPE varchar(9)",
        id="shorter varchar",
    ),
    pytest.param(
        "ALTER TABLE users ALTER COLUMN email TYPE integer USING email::integer",
        "statement 1 fails: PostgreSQL says: invalid input syntax for type integer",
        [],
        "ALTER TABLE users ALTER COLUMN score TYPE smallint",
        id="type that values are not of",
    ),
]


def of_code(hazards: tuple[Hazard, ...], code: HazardCode) -> list[Hazard]:
    return [hazard for hazard in hazards if hazard.code is code]


@pytest.mark.parametrize(("statement", "message", "remedy", "harmless"), DELETES)
def test_data_that_would_be_gone_is_serious_however_small_the_table(
    stage: Stage, statement: str, message: str, remedy: str, harmless: str
) -> None:
    (hazard,) = of_code(stage.hazards([statement], times=1), HazardCode.DELETES_DATA)
    assert hazard.severity is HIGH
    assert hazard.message.startswith(message)
    assert remedy in hazard.remedy


def test_nothing_is_gone_where_nothing_was(stage: Stage) -> None:
    harmless = [[str(case.values[3])] for case in reversed(DELETES)]  # DROP comes last
    assert not of_code(stage.hazards(*harmless), HazardCode.DELETES_DATA)


@pytest.mark.parametrize("statement", [pytest.param(case.values[0], id=case.id) for case in DELETES])
def test_a_copy_is_kept_as_the_remedy_says(stage: Stage, own_stage: Stage, statement: str) -> None:
    (hazard,) = of_code(stage.hazards([statement]), HazardCode.DELETES_DATA)
    recipe = recipe_in(hazard.remedy)
    assert recipe
    assert not own_stage.hazards(*recipe)
    run_traced(own_stage.production_url, *recipe)


@pytest.mark.parametrize(("statement", "message", "remedy", "sound"), FAILS)
def test_rows_that_a_statement_refuses_are_counted(
    stage: Stage, statement: Statement, message: str, remedy: list[str], sound: Statement
) -> None:
    (hazard,) = of_code(stage.hazards([statement], times=1), HazardCode.FAILS_ON_DATA)
    assert hazard.severity is HIGH
    assert hazard.message.startswith(message)
    for words in remedy:
        assert words in hazard.remedy


def test_rows_that_are_sound_are_no_hazard(stage: Stage) -> None:
    sound = [[cast("Statement", case.values[3])] for case in FAILS]
    assert not of_code(stage.hazards(*sound), HazardCode.FAILS_ON_DATA)


@pytest.mark.parametrize("statement", [pytest.param(case.values[0], id=case.id) for case in FAILS])
def test_what_is_said_to_fail_fails(own_stage: Stage, statement: Statement) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        run_traced(own_stage.production_url, [statement])


def test_a_validation_counts_what_its_constraint_demands(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (total) REFERENCES users (id) NOT VALID"],
        ["ALTER TABLE orders VALIDATE CONSTRAINT of_user"],
    )
    (hazard,) = found
    assert (hazard.code, hazard.severity, hazard.revision) == (HazardCode.FAILS_ON_DATA, HIGH, "2")
    assert "20 rows of public.orders refer to what users does not have" in hazard.message


def test_names_of_before_the_plan_are_used_to_count(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users RENAME COLUMN age TO years", "ALTER TABLE users ADD COLUMN age integer"],
        ["ALTER TABLE users RENAME TO people", "CREATE VIEW users AS SELECT * FROM people"],
        ["ALTER TABLE people DROP COLUMN years CASCADE"],
    )
    (hazard,) = of_code(found, HazardCode.DELETES_DATA)
    assert hazard.message == "statement 1 drops public.users.age: 900 values in about 20,000,000 rows"


def test_what_the_plan_made_itself_may_go(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN extra text DEFAULT 'x'", "CREATE TABLE spare AS SELECT * FROM users"],
        ["ALTER TABLE users DROP COLUMN extra", "DROP TABLE spare"],
    )
    assert not of_code(found, HazardCode.DELETES_DATA)


def test_a_new_column_without_values_cannot_be_required(stage: Stage) -> None:
    (hazard,) = of_code(
        stage.hazards(
            [
                "ALTER TABLE users ADD COLUMN level integer",
                "ALTER TABLE users ALTER COLUMN level SET NOT NULL",
            ]
        ),
        HazardCode.FAILS_ON_DATA,
    )
    assert (hazard.severity, hazard.statement) == (HIGH, 2)
    assert "public.users.level is new, and no row has a value in it" in hazard.message


def test_a_new_column_that_is_filled_may_be_required(stage: Stage) -> None:
    found = stage.hazards(
        [
            "ALTER TABLE users ADD COLUMN level integer",
            "UPDATE users SET level = 1",
            "ALTER TABLE users ALTER COLUMN level SET NOT NULL",
        ]
    )
    assert not of_code(found, HazardCode.FAILS_ON_DATA)


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE users ADD COLUMN level integer NOT NULL DEFAULT 1 UNIQUE"],
        [
            "ALTER TABLE users ADD COLUMN level text DEFAULT 'x'",
            "CREATE UNIQUE INDEX one_level ON users (level)",
        ],
    ],
    ids=["at once", "afterwards"],
)
def test_a_new_column_with_one_value_cannot_be_unique(stage: Stage, statements: list[str]) -> None:
    (hazard,) = of_code(stage.hazards(statements), HazardCode.FAILS_ON_DATA)
    assert (hazard.severity, hazard.statement) == (HIGH, len(statements))
    assert "all rows of public.users have the same value" in hazard.message


def test_a_new_column_with_many_values_may_be_unique(stage: Stage) -> None:
    statement = (
        "ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid() UNIQUE, ADD note text UNIQUE"
    )
    assert not of_code(stage.hazards([statement]), HazardCode.FAILS_ON_DATA)


def test_a_table_in_the_place_of_another_may_have_its_rows(stage: Stage) -> None:
    found = stage.hazards(
        [
            "CREATE TABLE new_ledger AS SELECT * FROM ledger",
            "DROP TABLE ledger",
            "ALTER TABLE new_ledger RENAME TO ledger",
        ]
    )
    (hazard,) = of_code(found, HazardCode.DELETES_DATA)
    assert hazard.severity is NOTICE
    assert "public.new_ledger takes its place" in hazard.message


def test_a_partitioned_table_is_told_of_once(bare_stage: Stage) -> None:
    bare_stage.build(
        """CREATE TABLE event (id bigint, at date) PARTITION BY RANGE (at);
           CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
           CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')""",
        "INSERT INTO event SELECT n, date '2025-01-01' + n % 700 FROM generate_series(1, 1000) n",
    )
    (column,) = of_code(bare_stage.hazards(["ALTER TABLE event DROP COLUMN id"]), HazardCode.DELETES_DATA)
    assert "drops public.event.id: 1,000 values" in column.message
    (table,) = of_code(bare_stage.hazards(["DROP TABLE event"]), HazardCode.DELETES_DATA)
    assert "drops public.event: 1,000 rows" in table.message
