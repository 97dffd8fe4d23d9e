"""Remedies of a downgrade: its revisions are applied, so nothing in them may be edited any more."""

import contextlib

import psycopg2
import pytest

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import RULES, Hazard
from tests.integration.hazards.stage import Autocommit, Stage, of_code, run_script

WORDED_FOR_EACH = {"deletes-data", "fails-on-data"}

EDITS = ("op.", "earlier revision", "another revision", "revision of its own", "revision 1", "NOT VALID")
"""Words of remedies that ask for another text of a revision."""


def back(stage: Stage, *statements: str | Autocommit) -> tuple[Hazard, ...]:
    return stage.hazards(list(statements), direction=Direction.DOWNGRADE)


def read(url: str, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_every_hazard_has_a_remedy_for_a_downgrade() -> None:
    assert {code for code, rule in RULES.items() if not rule.on_downgrade} == WORDED_FOR_EACH


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE users ALTER COLUMN score TYPE bigint",
        "ALTER TABLE users ADD COLUMN level integer NOT NULL",
        "ALTER TABLE users ALTER COLUMN age SET NOT NULL",
        "CREATE INDEX ON orders (state)",
        "ALTER TABLE orders RENAME TO purchases",
        "ALTER TABLE users RENAME COLUMN age TO years",
        "ALTER TABLE users DROP COLUMN age",
        "ALTER TABLE users ALTER COLUMN amount TYPE numeric(12,1)",
        "DROP TABLE ledger",
        "DELETE FROM ledger",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 5)",
    ],
)
def test_no_remedy_asks_for_another_text_of_the_revision(stage: Stage, statement: str) -> None:
    found = back(stage, statement, "ALTER TABLE users ALTER COLUMN id TYPE numeric")

    assert len(found) > 1
    for hazard in found:
        assert not [word for word in EDITS if word in hazard.remedy], hazard


def test_rows_that_go_can_be_kept_by_what_psql_takes_now(own_stage: Stage) -> None:
    (hazard,) = of_code(back(own_stage, "DROP TABLE ledger"), "deletes-data")

    intro, statement, file = hazard.remedy.splitlines()

    assert intro == "keep the rows of public.ledger until nobody needs them, by psql, before you run this:"
    assert file == (
        'or keep a file of them: pg_dump --data-only -t public.ledger "$DATABASE_URL" > public_ledger.sql'
    )
    run_script(own_stage.production_url, statement)
    assert read(own_stage.production_url, "SELECT count(*) FROM ledger_kept") == [(1000,)]


def test_values_are_kept_by_the_names_from_before_the_downgrade(own_stage: Stage) -> None:
    found = back(
        own_stage,
        'ALTER TABLE users RENAME COLUMN "Full Name" TO name',
        "ALTER TABLE users RENAME TO people",
        "ALTER TABLE people DROP COLUMN name",
    )

    (hazard,) = of_code(found, "deletes-data")
    run_script(own_stage.production_url, hazard.remedy.splitlines()[1])

    assert read(own_stage.production_url, 'SELECT count(*) FROM "users_Full Name_kept"') == [(1000,)]


def test_rows_that_it_would_fail_on_are_shown(stage: Stage) -> None:
    found = back(stage, "ALTER TABLE users ALTER COLUMN age SET NOT NULL")

    (hazard,) = of_code(found, "fails-on-data")
    how, _, sample = hazard.remedy.partition("; to see them: ")
    assert how == "fix them first, by psql"
    assert read(stage.production_url, sample)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rename_in_an_empty_table_has_a_remedy_of_one_line(stage: Stage, direction: Direction) -> None:
    found = stage.hazards(
        ["ALTER TABLE vacant RENAME COLUMN age TO years", "ALTER TABLE vacant_ledger RENAME TO void"],
        direction=direction,
    )

    renames = of_code(found, "breaks-running-code")
    assert len(renames) == 2
    assert not [hazard for hazard in renames if "\n" in hazard.remedy]
