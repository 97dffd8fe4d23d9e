"""Forecasts: what work a statement is taken to have, and that more of it takes longer."""

from dataclasses import replace

import pytest

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind, TableEffect, TracedStatement
from agent_factory.migrate.review.forecast import CATALOG_S, Estimate, about, estimate

MILLION = TableSize(rows=1_000_000, bytes=200_000_000, index_bytes=30_000_000, collated=frozenset({"email"}))
SIZES = {"public.users": MILLION, "public.orders": MILLION}


def statement(
    *changes: Change,
    sql: str = "",
    command: str = "ALTER TABLE",
    lock: LockMode = LockMode.ACCESS_EXCLUSIVE,
    rewrites: bool = False,
    scans: bool = False,
    table: str = "public.users",
) -> TracedStatement:
    effect = TableEffect(table=table, lock=lock, rewrites=rewrites, scans=scans)
    return TracedStatement(sql=sql, command=command, transactional=True, effects=(effect,), changes=changes)


def change(kind: ChangeKind, after: str, before: str | None = None) -> Change:
    return Change(kind=kind, table="public.users", name="x", before=before, after=after)


SCAN = statement(change(ChangeKind.SET_NOT_NULL, "NOT NULL"), scans=True)
PATTERN = statement(change(ChangeKind.ADD_CHECK, "CHECK ((email ~~ '%@%'::text))"), scans=True)
INDEX = statement(
    change(ChangeKind.ADD_INDEX, "CREATE INDEX x ON public.users USING btree (age)"),
    scans=True,
    lock=LockMode.SHARE,
    command="CREATE INDEX",
)
TEXT_INDEX = replace(
    INDEX,
    changes=(change(ChangeKind.ADD_INDEX, "CREATE INDEX x ON public.users USING btree (lower(email))"),),
)
REWRITE = statement(change(ChangeKind.CHANGE_TYPE, "bigint", "integer"), rewrites=True, scans=True)
UPDATE = statement(command="UPDATE", lock=LockMode.ROW_EXCLUSIVE, scans=True, sql="UPDATE users SET a = 1")


def test_what_only_changes_the_catalog_takes_no_time() -> None:
    added = statement(change(ChangeKind.ADD_COLUMN, "integer"))
    assert estimate(added, SIZES) == Estimate(seconds=CATALOG_S, how="changes the catalog only")
    reused = statement(change(ChangeKind.ADD_UNIQUE, "UNIQUE (age)", before="CREATE UNIQUE INDEX ..."))
    assert estimate(reused, SIZES).seconds == CATALOG_S


def test_more_work_takes_longer() -> None:
    works = [SCAN, INDEX, PATTERN, TEXT_INDEX, REWRITE, UPDATE]
    seconds = [estimate(work, SIZES).seconds for work in works]
    assert seconds == sorted(seconds)
    assert seconds[0] > 10 * CATALOG_S


@pytest.mark.parametrize("work", [SCAN, PATTERN, INDEX, REWRITE, UPDATE])
def test_more_rows_take_longer_and_none_take_none(work: TracedStatement) -> None:
    ten = replace(MILLION, rows=10_000_000, bytes=2_000_000_000, index_bytes=300_000_000)
    one = estimate(work, SIZES).seconds
    assert 8 * one < estimate(work, {"public.users": ten}).seconds < 14 * one
    none = replace(MILLION, rows=0, bytes=0, index_bytes=0)
    assert estimate(work, {"public.users": none}).seconds == CATALOG_S


def test_a_table_larger_than_memory_comes_from_storage() -> None:
    huge = replace(MILLION, rows=100_000_000, bytes=20_000_000_000)
    assert estimate(SCAN, {"public.users": huge}).seconds > 2 * 100 * estimate(SCAN, SIZES).seconds


def test_a_new_table_and_an_unknown_one_take_no_time() -> None:
    new = replace(SCAN, effects=(replace(SCAN.effects[0], is_new=True),))
    assert estimate(new, SIZES).seconds == CATALOG_S
    assert estimate(SCAN, {}).seconds == CATALOG_S


def test_a_renamed_table_has_the_size_that_it_had() -> None:
    effect = replace(SCAN.effects[0], table="public.people", first_name="public.users")
    renamed = replace(INDEX, effects=(effect,), changes=(replace(INDEX.changes[0], table="public.people"),))
    assert estimate(renamed, SIZES).seconds == estimate(INDEX, SIZES).seconds


def test_how_it_was_reached_is_told() -> None:
    assert estimate(SCAN, SIZES).how == "checks 1,000,000 rows, 200 MB"
    assert estimate(REWRITE, SIZES).how == "writes 1,000,000 rows, 200 MB, and 30 MB of indexes again"


def test_a_foreign_key_is_looked_up_in_the_other_table() -> None:
    key = change(ChangeKind.ADD_FOREIGN_KEY, "FOREIGN KEY (a) REFERENCES orders(id)")
    other = TableEffect(table="public.orders", lock=LockMode.SHARE_ROW_EXCLUSIVE)
    adds = statement(key, scans=True)
    adds = replace(adds, effects=(*adds.effects, other))
    found = estimate(adds, SIZES)
    assert "looks up 1,000,000 rows among the 1,000,000 of orders" in found.how
    few = estimate(adds, SIZES | {"public.orders": replace(MILLION, rows=10)})
    assert few.seconds < found.seconds
    unchecked = replace(adds, changes=(replace(key, after=f"{key.after} NOT VALID"),))
    assert "looks" not in estimate(unchecked, SIZES).how


def test_a_partitioned_table_is_not_counted_twice() -> None:
    parts = ("public.users_1", "public.users_2")
    half = replace(MILLION, rows=500_000, bytes=100_000_000, index_bytes=15_000_000)
    sizes = {"public.users": replace(MILLION, partitions=parts), parts[0]: half, parts[1]: half}
    names = ("public.users", *parts)
    effects = tuple(replace(INDEX.effects[0], table=name) for name in names)
    changes = tuple(replace(INDEX.changes[0], table=name) for name in names)
    whole = estimate(replace(INDEX, effects=effects, changes=changes), sizes)
    each = estimate(INDEX, {"public.users": half})
    assert whole.seconds == pytest.approx(2 * each.seconds - CATALOG_S)


def test_an_update_changes_as_many_rows_as_are_known_or_said() -> None:
    assert estimate(UPDATE, SIZES).rows_changed == 1_000_000
    assert estimate(UPDATE, SIZES, rows_changed=3).rows_changed == 3
    batch = replace(UPDATE, sql="UPDATE users SET a = 1 WHERE id IN (SELECT id FROM users LIMIT 500)")
    assert estimate(batch, SIZES).rows_changed == 500
    assert estimate(batch, SIZES).seconds < 0.05


def test_what_runs_many_times_takes_a_round_trip_each() -> None:
    many = replace(UPDATE, times=10_000)
    assert estimate(many, SIZES).seconds > 1
    assert "runs 10,000 times" in estimate(many, SIZES).how


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4361, "about 400 ms"), (1.26, "about 1.3 s"), (83.4, "about 83 s"), (1234, "about 20 min")],
)
def test_a_duration_has_few_digits(seconds: float, told: str) -> None:
    assert about(seconds) == told
    assert Estimate(seconds=seconds, how="").duration == told
