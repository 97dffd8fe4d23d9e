"""A default that Python computes when the revision runs is another one in each database, and no drift."""

import pytest

from tests.integration.check_database.conftest import Checked

COMPUTED = """
import datetime, secrets
now = str(datetime.datetime.now(datetime.timezone.utc))
op.add_column("users", sa.Column("at", sa.DateTime(timezone=True), server_default=now))
op.add_column("users", sa.Column("token", sa.String(40), server_default=secrets.token_hex(8)))
op.add_column("users", sa.Column("number", sa.BigInteger, server_default=str(secrets.randbits(40))))
op.add_column("users", sa.Column("state", sa.String(10), server_default="new"))
"""
COLUMNS = {f"public.users.{name}" for name in ("at", "token", "number")}
ADD_COLUMN = 'op.add_column("users", sa.Column("name", sa.String(50)))'


@pytest.fixture
def computed(prod: Checked) -> Checked:
    prod.project.add("003", "002", COMPUTED)
    return prod


def named(checked: Checked, code: str) -> set[str]:
    return {item["object"] for item in checked.check()["findings"] if item["code"] == code}


def test_the_upgrade_succeeds_and_says_so_once(computed: Checked) -> None:
    outcome = computed.run("upgrade", "--yes")

    assert outcome.code == 0, outcome.err
    assert outcome.err.count("computed when the revision runs") == 1
    assert all(name in outcome.err for name in COLUMNS)


def test_it_is_a_note_and_no_drift(computed: Checked) -> None:
    assert computed.run("upgrade", "--yes", "--no-rehearsal").code == 0

    outcome = computed.run("check")

    assert outcome.code == 0, outcome.out
    assert named(computed, "default-made-at-run-time") == COLUMNS
    assert named(computed, "drift") == set()


@pytest.mark.slow
def test_the_next_upgrade_of_the_table_is_not_held_up(computed: Checked) -> None:
    assert computed.run("upgrade", "--yes", "--no-rehearsal").code == 0
    computed.project.add("004", "003", ADD_COLUMN)

    plan = computed.run("plan", "--json").document

    assert plan["review"]["drift"] == []
    assert [item["code"] for item in plan["warnings"]].count("default-made-at-run-time") == 1
    assert computed.run("upgrade", "--yes").code == 0


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("ALTER TABLE users ALTER COLUMN token DROP DEFAULT", "token"),
        ("ALTER TABLE users ALTER COLUMN at SET DEFAULT now()", "at"),
        ("ALTER TABLE users ALTER COLUMN number TYPE numeric", "number"),
        ("ALTER TABLE users ALTER COLUMN state SET DEFAULT 'old'", "state"),
    ],
)
def test_what_is_changed_by_hand_is_drift(computed: Checked, change: str, column: str) -> None:
    assert computed.run("upgrade", "--yes", "--no-rehearsal").code == 0

    computed.execute(change)

    assert named(computed, "drift") == {f"public.users.{column}"}


def test_a_default_that_depends_on_rows_is_a_surprise(prod: Checked) -> None:
    prod.execute("INSERT INTO users VALUES (1, 'a', 1)")
    prod.project.add(
        "003",
        "002",
        """
        count = op.get_bind().exec_driver_sql("SELECT count(*) FROM users").scalar()
        op.add_column("users", sa.Column("rank", sa.Integer, server_default=str(count + 70)))
        """,
    )

    outcome = prod.run("upgrade", "--yes", "--json", "--allow", "depends-on-data")

    assert (outcome.code, outcome.error["code"]) == (8, "not-as-rehearsed")


def test_on_sqlite_it_is_a_note_too(sqlite: Checked) -> None:
    sqlite.project.add("003", "002", COMPUTED)
    assert sqlite.run("upgrade").code == 0

    assert {name.rpartition(".")[2] for name in named(sqlite, "default-made-at-run-time")} == {
        *("at", "token", "number")
    }
    assert named(sqlite, "drift") == set()
