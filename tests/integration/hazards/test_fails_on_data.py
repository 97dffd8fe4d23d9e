"""fails-on-data: rows that a statement refuses, as counted on production."""

from typing import cast

import pytest
import sqlalchemy as sa

from agent_factory.migrate.review.hazards import Severity
from tests.integration.hazards.stage import Autocommit, Stage, Statement, of_code, run_traced

# A statement, the message, words of the remedy, and a safe counterpart.
CASES = [
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
        Autocommit(sql="CREATE UNIQUE INDEX CONCURRENTLY one ON orders (total)"),
        "statement 1 fails: 50 values of (total) are in public.orders more than once",
        ["GROUP BY total"],
        Autocommit(sql="CREATE UNIQUE INDEX CONCURRENTLY one_user ON orders (user_id)"),
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


@pytest.mark.parametrize(("statement", "message", "remedy", "sound"), CASES)
def test_rows_that_a_statement_refuses_are_counted(
    stage: Stage, statement: Statement, message: str, remedy: list[str], sound: Statement
) -> None:
    (hazard,) = of_code(stage.hazards([statement], times=1), "fails-on-data")
    assert hazard.severity is Severity.HIGH
    assert hazard.message.startswith(message)
    for words in remedy:
        assert words in hazard.remedy


def test_rows_that_are_sound_are_no_hazard(stage: Stage) -> None:
    sound = [[cast("Statement", case.values[3])] for case in CASES]
    assert not of_code(stage.hazards(*sound), "fails-on-data")


@pytest.mark.parametrize("statement", [pytest.param(case.values[0], id=case.id) for case in CASES])
def test_what_is_said_to_fail_fails(own_stage: Stage, statement: Statement) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        run_traced(own_stage.production_url, [statement])


def test_a_validation_counts_what_its_constraint_demands(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (total) REFERENCES users (id) NOT VALID"],
        ["ALTER TABLE orders VALIDATE CONSTRAINT of_user"],
    )
    (hazard,) = found
    assert (hazard.code, hazard.severity, hazard.revision) == ("fails-on-data", Severity.HIGH, "2")
    assert "20 rows of public.orders refer to what users does not have" in hazard.message


def test_a_new_column_without_values_cannot_be_required(stage: Stage) -> None:
    (hazard,) = of_code(
        stage.hazards(
            [
                "ALTER TABLE users ADD COLUMN level integer",
                "ALTER TABLE users ALTER COLUMN level SET NOT NULL",
            ]
        ),
        "fails-on-data",
    )
    assert (hazard.severity, hazard.statement) == (Severity.HIGH, 2)
    assert "public.users.level is new, and no row has a value in it" in hazard.message


def test_a_new_column_that_is_filled_may_be_required(stage: Stage) -> None:
    found = stage.hazards(
        [
            "ALTER TABLE users ADD COLUMN level integer",
            "UPDATE users SET level = 1",
            "ALTER TABLE users ALTER COLUMN level SET NOT NULL",
        ]
    )
    assert not of_code(found, "fails-on-data")


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
    (hazard,) = of_code(stage.hazards(statements), "fails-on-data")
    assert (hazard.severity, hazard.statement) == (Severity.HIGH, len(statements))
    assert "all rows of public.users have the same value" in hazard.message


def test_a_new_column_with_many_values_may_be_unique(stage: Stage) -> None:
    statement = (
        "ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid() UNIQUE, ADD note text UNIQUE"
    )
    assert not of_code(stage.hazards([statement]), "fails-on-data")
