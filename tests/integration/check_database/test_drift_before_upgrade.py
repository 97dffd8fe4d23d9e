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
    assert outcome.error["next_steps"][-1].endswith("af-db prod upgrade --yes --json --allow drift")
    assert current(pending) == "002"


def test_drift_elsewhere_does_not_hold_up_the_upgrade(pending: Checked) -> None:
    pending.execute("ALTER TABLE orders ADD COLUMN by_hand text", "CREATE TABLE stray (id integer)")

    assert pending.run("upgrade", "--yes").code == 0
    assert current(pending) == "003"


@pytest.mark.slow
def test_drift_that_the_project_ignores_does_not_hold_up_the_upgrade(pending: Checked) -> None:
    pending.execute("ALTER TABLE users ADD COLUMN by_hand text", "ALTER TABLE users ADD COLUMN other text")
    configuration = pending.project.root / "pyproject.toml"
    ignore = '{ code = "drift", object = "public.users.by_*", reason = "goes in March" }'
    configuration.write_text(f"[tool.af-db]\nignore = [{ignore}]\n")

    document = pending.run("plan", "--json").document
    assert [item["name"] for item in document["review"]["drift"]] == ["public.users.other"]

    pending.execute("ALTER TABLE users DROP COLUMN other")
    assert pending.run("upgrade", "--yes").code == 0


def test_drift_in_a_schema_that_is_not_looked_at_does_not_hold_up_the_upgrade(pending: Checked) -> None:
    pending.execute("ALTER TABLE users ADD COLUMN by_hand text", 'CREATE SCHEMA "Sales"')
    (pending.project.root / "pyproject.toml").write_text('[tool.af-db]\nschemas = ["Sales"]\n')

    assert pending.run("upgrade", "--yes").code == 0


PARTITIONED = """
op.execute("CREATE TABLE ev (id serial CHECK (id > 0), at date DEFAULT now() NOT NULL, user_id int "
           "REFERENCES users, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)")
op.create_index("ix_ev_at", "ev", ["at"])
op.execute("CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
op.execute("CREATE TRIGGER stays BEFORE UPDATE ON ev FOR EACH ROW EXECUTE FUNCTION stay()")
"""
OF_2025 = "CREATE TABLE ev_2025 PARTITION OF ev FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
OF_JUNE = "CREATE TABLE ev_2025_06 PARTITION OF ev_2025 FOR VALUES FROM ('2025-06-01') TO ('2025-07-01')"


@pytest.fixture
def partitioned(prod: Checked) -> Checked:
    """A revision to come that changes a table to which partitions are added by a job."""
    prod.project.add("003", "002", PARTITIONED, 'op.drop_table("ev")')
    assert prod.run("upgrade", "--yes", "--no-rehearsal").code == 0
    prod.project.add("004", "003", 'op.add_column("ev", sa.Column("note", sa.Text))')
    return prod


@pytest.mark.parametrize(
    "made",
    [
        pytest.param([OF_2025], id="one"),
        pytest.param([f"{OF_2025} PARTITION BY RANGE (at)", OF_JUNE], id="partitioned again"),
        pytest.param([f"{OF_2025} WITH (fillfactor = 70)"], id="stored otherwise"),
        pytest.param(
            [
                "CREATE TABLE ev_2025 (LIKE ev INCLUDING ALL)",
                "ALTER TABLE ev ATTACH PARTITION ev_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
            ],
            id="attached",
        ),
    ],
)
def test_partitions_that_a_job_makes_are_no_drift(partitioned: Checked, made: list[str]) -> None:
    partitioned.execute(*made)

    assert set(partitioned.findings()) == {"behind"}
    assert partitioned.run("upgrade", "--yes").code == 0


ROW_SECURITY = """
op.execute("ALTER TABLE ev ENABLE ROW LEVEL SECURITY")
op.execute("ALTER TABLE ev FORCE ROW LEVEL SECURITY")
op.execute("CREATE POLICY own ON ev USING (user_id > 0)")
"""


def test_partitions_never_have_the_row_level_security_of_their_table(partitioned: Checked) -> None:
    (partitioned.project.versions / "004_step_004.py").unlink()
    partitioned.project.add("004", "003", ROW_SECURITY)
    assert partitioned.run("upgrade", "--yes", "--no-rehearsal").code == 0
    partitioned.execute(OF_2025)

    assert partitioned.findings() == {}

    partitioned.execute("CREATE POLICY by_hand ON ev_2025 USING (true)")
    assert partitioned.findings()["drift"]["object"] == "public.ev_2025"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("ALTER TABLE ev_2025 ALTER COLUMN at DROP DEFAULT", id="a column differs"),
        pytest.param("CREATE INDEX by_hand ON ev_2025 (id)", id="an index of its own"),
        pytest.param("ALTER TABLE ev_2025 ADD CHECK (id > 0)", id="a constraint of its own"),
        pytest.param("ALTER TABLE ev_2025 ENABLE ROW LEVEL SECURITY", id="row level security"),
    ],
)
def test_a_partition_that_is_not_as_its_table_is_drift(partitioned: Checked, change: str) -> None:
    partitioned.execute(OF_2025, change)

    assert partitioned.findings()["drift"]["object"] == "public.ev_2025"
    assert partitioned.run("upgrade", "--yes", "--json").error["code"] == "drift"


def test_drift_that_is_allowed_by_name_is_run_over(pending: Checked) -> None:
    pending.execute("ALTER TABLE users ADD COLUMN by_hand text")

    outcome = pending.run("upgrade", "--yes", "--allow", "drift")

    assert outcome.code == 0
    assert "drift: column public.users.by_hand is made by no migration" in outcome.err
    assert current(pending) == "003"


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_saved_plan_that_allows_drift_runs(pending: Checked) -> None:
    pending.execute("DROP INDEX ix_users_email")
    file = str(pending.project.root / "plan.json")
    assert pending.run("plan", "--out", file).code == 0
    refused = pending.run("upgrade", "--yes", "--json", "--plan", file)
    assert pending.run("plan", "--out", file, "--allow", "drift").code == 0

    allowed = pending.run("upgrade", "--yes", "--plan", file)

    assert (refused.code, refused.error["code"]) == (4, "drift")
    assert allowed.code == 0


@pytest.mark.slow
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
    assert "drift was not checked: the migrations do not run on an empty database: 001" in " ".join(
        outcome.err.split()
    )


def test_a_word_that_is_no_consent_is_refused(pending: Checked) -> None:
    outcome = pending.run("upgrade", "--yes", "--json", "--allow", "drifts")

    assert (outcome.code, outcome.error["code"]) == (2, "unknown-hazard")
    assert outcome.error["next_steps"][0].endswith(", drift, baseline")
