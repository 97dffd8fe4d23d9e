"""The hazard of code that runs on when the plan is done."""

import pytest

from agent_factory.migrate.review.hazards import Hazard, Severity
from tests.integration.hazards.stage import Stage, rewrite_in, run_traced

HIGH, NOTICE = Severity.HIGH, Severity.NOTICE


def breaks(hazards: tuple[Hazard, ...]) -> list[Hazard]:
    return [hazard for hazard in hazards if hazard.code == "breaks-running-code"]


@pytest.mark.parametrize(
    ("statement", "severity", "message"),
    [
        ("ALTER TABLE users RENAME COLUMN age TO years", HIGH, "renames public.users.age to years"),
        ('ALTER TABLE users RENAME "Full Name" TO name', HIGH, 'renames public.users."Full Name" to name'),
        ("ALTER TABLE orders RENAME TO purchases", HIGH, "renames public.orders"),
        ("ALTER TABLE vacant RENAME COLUMN age TO years", NOTICE, "renames public.vacant.age to years"),
        ("ALTER TABLE vacant RENAME TO void", NOTICE, "renames public.vacant"),
        ("ALTER TABLE users DROP COLUMN age", NOTICE, "drops public.users.age"),
        ("DROP TABLE ledger", NOTICE, "drops public.ledger"),
        ("DROP MATERIALIZED VIEW totals", NOTICE, "drops the view public.totals"),
        (
            "ALTER TABLE vacant ADD COLUMN level integer NOT NULL",
            NOTICE,
            "adds public.vacant.level as NOT NULL",
        ),
    ],
)
def test_what_running_code_may_use_is_told(
    stage: Stage, statement: str, severity: Severity, message: str
) -> None:
    (hazard,) = breaks(stage.hazards([statement]))
    assert hazard.severity is severity
    assert hazard.message.startswith(f"statement 1 {message}")


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE orders RENAME TO purchases", "CREATE VIEW orders AS SELECT * FROM purchases"],
        [
            "ALTER TABLE users ADD COLUMN age_new bigint",
            "ALTER TABLE users RENAME COLUMN age TO age_old",
            "ALTER TABLE users RENAME COLUMN age_new TO age",
        ],
        ["DROP MATERIALIZED VIEW totals", "CREATE MATERIALIZED VIEW totals AS SELECT 1 AS user_id"],
        ["CREATE VIEW adults AS SELECT * FROM users", "DROP VIEW adults"],
        ["CREATE TABLE made (a int)", "ALTER TABLE made RENAME COLUMN a TO b", "DROP TABLE made"],
        ["ALTER TABLE users RENAME CONSTRAINT users_pkey TO users_key"],
    ],
    ids=["view", "swap", "made again", "own view", "own table", "constraint"],
)
def test_a_name_that_is_there_again_breaks_nothing(stage: Stage, statements: list[str]) -> None:
    assert not breaks(stage.hazards(statements))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER TABLE users RENAME COLUMN amount TO balance", "ADD COLUMN balance numeric(12,2)"),
        (
            "ALTER TABLE orders RENAME TO purchases",
            "CREATE VIEW public.orders AS SELECT * FROM public.purchases",
        ),
    ],
)
def test_a_rename_has_a_safe_form(stage: Stage, own_stage: Stage, statement: str, words: str) -> None:
    (hazard,) = breaks(stage.hazards([statement]))
    assert words in hazard.remedy
    rewrite = rewrite_in(hazard.remedy)
    assert not own_stage.hazards(*rewrite)
    run_traced(own_stage.production_url, *rewrite)


def test_an_enum_value_that_is_renamed(bare_stage: Stage) -> None:
    bare_stage.build("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    (hazard,) = bare_stage.hazards(["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'"])
    assert hazard.code == "breaks-running-code"
    assert "renames the value 'sad' of public.mood to 'blue'" in hazard.message
