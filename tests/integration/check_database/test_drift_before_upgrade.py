"""``prod upgrade`` refuses what would run over drift, in the tables that the plan touches."""

import pytest

from tests.integration.check_database.conftest import Checked

ADD_COLUMN = 'op.add_column("users", sa.Column("name", sa.String(50)))'


@pytest.fixture
def pending(prod: Checked) -> Checked:
    """A revision to come that changes ``users`` and leaves ``orders`` alone."""
    prod.project.add("003", "002", ADD_COLUMN, 'op.drop_column("users", "name")')
    return prod


def current(checked: Checked) -> str:
    return checked.run("current").out.split()[0]


def test_without_drift_the_upgrade_runs(pending: Checked) -> None:
    assert pending.run("upgrade", "--yes").code == 0
    assert current(pending) == "003"


def test_drift_in_a_touched_table_refuses_the_upgrade(pending: Checked) -> None:
    pending.execute("DROP INDEX ix_users_email")

    outcome = pending.run("upgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"], outcome.error["state"]) == (4, "drift", "unchanged")
    assert "index public.ix_users_email" in outcome.error["message"]
    assert outcome.error["next_steps"][0].endswith("af-db prod check")
    assert "CREATE INDEX CONCURRENTLY ix_users_email" in outcome.error["next_steps"][1]
    assert outcome.error["next_steps"][-1].endswith("af-db prod upgrade head --allow drift")
    assert current(pending) == "002"


def test_drift_elsewhere_does_not_hold_up_the_upgrade(pending: Checked) -> None:
    pending.execute("ALTER TABLE orders ADD COLUMN by_hand text", "CREATE TABLE stray (id integer)")

    assert pending.run("upgrade", "--yes").code == 0
    assert current(pending) == "003"


def test_drift_that_is_allowed_by_name_is_run_over(pending: Checked) -> None:
    pending.execute("ALTER TABLE users ADD COLUMN by_hand text")

    outcome = pending.run("upgrade", "--yes", "--allow", "drift")

    assert outcome.code == 0
    assert "drift: column public.users.by_hand is made by no migration" in outcome.err
    assert current(pending) == "003"


def test_one_flag_names_the_hazards_as_well(prod: Checked) -> None:
    prod.project.add("003", "002", 'op.drop_column("users", "age")')
    prod.execute("ALTER TABLE users ADD COLUMN by_hand text", "INSERT INTO users VALUES (1, 'a', 1)")

    outcome = prod.run("upgrade", "--yes", "--json")

    flag = outcome.error["next_steps"][-1].partition("--allow ")[2]
    assert {"drift", "deletes-data"} <= set(flag.split(","))
    assert prod.run("upgrade", "--yes", "--allow", flag).code == 0


def test_the_plan_tells_of_drift_and_of_the_flag(pending: Checked) -> None:
    pending.execute("DROP INDEX ix_users_email")

    text = pending.run("plan")
    document = pending.run("plan", "--json").document

    assert "drift: index public.ix_users_email is missing" in text.out
    assert document["allow"] == "--allow drift"
    assert [item["name"] for item in document["review"]["drift"]] == ["public.ix_users_email"]


def test_a_saved_plan_that_allows_drift_runs(pending: Checked) -> None:
    pending.execute("DROP INDEX ix_users_email")
    file = str(pending.project.root / "plan.json")
    assert pending.run("plan", "--out", file).code == 0
    refused = pending.run("upgrade", "--yes", "--json", "--plan", file)
    assert pending.run("plan", "--out", file, "--allow", "drift").code == 0

    allowed = pending.run("upgrade", "--yes", "--plan", file)

    assert (refused.code, refused.error["code"]) == (4, "drift")
    assert allowed.code == 0


def test_an_invalid_index_and_a_way_back_are_not_held_up(pending: Checked) -> None:
    pending.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_users_email'::regclass")

    upgrade = pending.run("upgrade", "--yes")
    pending.execute("ALTER TABLE users ADD COLUMN by_hand text")
    downgrade = pending.run("downgrade", "002", "--yes", "--allow", "deletes-data,breaks-running-code")

    assert (upgrade.code, downgrade.code) == (0, 0)


def test_where_the_history_does_not_run_drift_is_not_looked_for_and_that_is_said(pending: Checked) -> None:
    path = pending.project.versions / "001_step_001.py"
    path.write_text(path.read_text().replace("def upgrade():", "def upgrade():\n    op.execute('oops')"))

    outcome = pending.run("upgrade", "--yes", "--accept-edited", "001")

    assert outcome.code == 0
    assert "drift was not looked for: the migrations do not run on an empty database: 001" in " ".join(
        outcome.err.split()
    )


def test_a_word_that_is_no_consent_is_refused(pending: Checked) -> None:
    outcome = pending.run("upgrade", "--yes", "--json", "--allow", "drifts")

    assert (outcome.code, outcome.error["code"]) == (2, "unknown-hazard")
    assert outcome.error["next_steps"][0].endswith(", drift")
