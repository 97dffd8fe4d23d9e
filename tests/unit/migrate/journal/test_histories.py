"""Whose a row of the journal is that does not say it."""

import itertools
from datetime import UTC, datetime

import pytest

from agent_factory.migrate.journal.histories import sort_out
from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.model.plan import Direction

UP, DOWN = Direction.UPGRADE, Direction.DOWNGRADE
FILES = {"001": "a", "002": "b", "003": "c"}

_numbers = itertools.count(1)


def row(
    revision: str,
    sha256: str | None = None,
    *,
    direction: Direction = UP,
    state: str = "applied",
    accepted: str | None = None,
) -> Entry:
    """A row as af-db 0.2 wrote it, each newer than the one before; of the file as it is now."""
    return Entry(
        id=next(_numbers),
        revision=revision,
        direction=direction,
        state=state,
        source_sha256=sha256 or FILES[revision],
        accepted_sha256=accepted,
        statements=(),
        db_role="role",
        started_at=datetime(2026, 11, 1, tzinfo=UTC),
        duration_s=1.0,
        error=None,
        os_user=None,
        host=None,
        git_commit=None,
        git_dirty=None,
        ci_url=None,
        af_db_version="0.2.0",
        alembic_version="1.18.5",
        arguments=None,
    )


def test_the_one_version_table_of_a_database_has_all_rows() -> None:
    """Also of a file that was edited, and of one that another checkout has."""
    rows = [row("001"), row("002", "edited"), row("900", "elsewhere")]

    records = sort_out([], rows, is_alone=True, files=FILES, applied={"001", "002"})

    assert dict(records.entries) == {each.revision: each for each in rows}
    assert records.found_out == {("001", "a"), ("002", "edited"), ("900", "elsewhere")}
    assert records.unknown == ()


def test_the_newest_row_counts_whoever_wrote_it() -> None:
    """An af-db 0.2 may have run after a newer one, or before it."""
    older, own, newer = row("001"), row("001"), row("001", direction=DOWN)

    for rows, latest in (([older], own), ([older, newer], newer)):
        records = sort_out([own], rows, is_alone=True, files=FILES, applied=())
        assert records.entries["001"] is latest


def test_of_two_services_the_source_tells() -> None:
    rows = [row("001"), row("001", "of the other")]

    records = sort_out([], rows, is_alone=False, files=FILES, applied={"001"})

    assert dict(records.entries) == {"001": rows[0]}
    assert records.found_out == {("001", "a")}
    assert records.unknown == ("001",)


def test_an_accepted_file_is_the_same() -> None:
    accepted = row("001", "before", accepted="a")

    records = sort_out([], [accepted], is_alone=False, files=FILES, applied={"001"})

    assert records.found_out == {("001", "before")}


@pytest.mark.parametrize(
    ("rows", "applied", "is_mine"),
    [
        pytest.param([row("001")], {"001"}, True, id="applied once, and here"),
        pytest.param([row("001")], set(), False, id="applied once, and not here"),
        pytest.param([row("001"), row("001", direction=DOWN)], set(), True, id="undone, and not here"),
        pytest.param([row("001"), row("001", direction=DOWN)], {"001"}, False, id="undone, but here"),
        pytest.param([row("001"), row("001")], {"001"}, False, id="of two tenants"),
        pytest.param(
            [row("001"), row("001"), row("001", direction=DOWN)], {"001"}, True, id="twice, undone once"
        ),
    ],
)
def test_tenants_are_told_apart_by_where_they_are(
    rows: list[Entry], applied: set[str], is_mine: bool
) -> None:
    records = sort_out([], rows, is_alone=False, files=FILES, applied=applied)

    assert bool(records.found_out) is is_mine
    assert bool(records.unknown) is not is_mine


def test_what_two_tenants_ran_vouches_for_both() -> None:
    rows = [row("001"), row("001")]

    records = sort_out([], rows, is_alone=False, files=FILES, applied={"001"})

    assert records.entries["001"].is_unassigned
    assert records.entries["001"].is_applied


def test_what_was_undone_once_more_than_it_is_here_vouches_for_nothing() -> None:
    rows = [row("001"), row("001", direction=DOWN)]

    records = sort_out([], rows, is_alone=False, files=FILES, applied={"001"})

    assert dict(records.entries) == {}, "who has it here did not write these rows"


def test_what_was_begun_holds_up_whoever_it_may_be_of() -> None:
    begun = row("002", state="started")

    records = sort_out([], [begun], is_alone=False, files=FILES, applied={"001"})

    assert records.entries["002"].state == "started"
    assert records.found_out == frozenset(), "it may be another tenant's"
