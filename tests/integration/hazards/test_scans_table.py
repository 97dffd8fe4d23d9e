"""scans-table: tables whose rows are all checked while others wait."""

import pytest

from agent_factory.migrate.review.hazards import Severity
from tests.integration.hazards.stage import Stage, of_code

# A statement that checks rows, the table, and one that reads them for something else, or not at all.
CASES = [
    pytest.param(
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        "public.users",
        "ALTER TABLE users ALTER COLUMN email SET DEFAULT ''",
        id="set not null",
    ),
    pytest.param(
        "ALTER TABLE users ADD CONSTRAINT score_sound CHECK (score >= 0)",
        "public.users",
        "ALTER TABLE users ADD CONSTRAINT one_code UNIQUE (code)",
        id="add check",
    ),
    pytest.param(
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id)",
        "public.orders",
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
        id="add foreign key",
    ),
]


@pytest.mark.parametrize(("statement", "table", "_other"), CASES)
def test_a_check_of_all_rows_is_a_notice(stage: Stage, statement: str, table: str, _other: str) -> None:
    (hazard,) = of_code(stage.hazards([statement]), "scans-table")
    assert (hazard.severity, hazard.table) == (Severity.NOTICE, table)
    assert hazard.message.startswith(f"statement 1 checks all of {table} (20,000,000 rows")
    assert "NOT VALID" in hazard.remedy


def test_what_is_read_to_build_or_to_write_is_not_checked(stage: Stage) -> None:
    assert not of_code(stage.hazards(*([str(case.values[2])] for case in CASES)), "scans-table")


def test_a_partition_that_is_attached_is_checked(bare_stage: Stage) -> None:
    bare_stage.build(
        """CREATE TABLE event (id bigint, at date) PARTITION BY RANGE (at);
           CREATE TABLE old_events (id bigint, at date)""",
        "INSERT INTO old_events SELECT n, '2025-05-05' FROM generate_series(1, 1000) n",
    )
    found = bare_stage.hazards(
        ["ALTER TABLE event ATTACH PARTITION old_events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"]
    )
    assert {item.code for item in found} == {"blocks-reads", "scans-table"}
    assert {item.table for item in found} == {"public.old_events"}
    assert "CHECK with the bounds" in found[0].remedy
