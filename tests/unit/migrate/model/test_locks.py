"""PostgreSQL's lock modes."""

import pytest

from agent_factory.migrate.model.locks import Blocks, LockMode


@pytest.mark.parametrize(
    ("mode", "sql", "pg_locks", "blocks"),
    [
        (LockMode.ACCESS_SHARE, "ACCESS SHARE", "AccessShareLock", Blocks.NOTHING),
        (LockMode.ROW_SHARE, "ROW SHARE", "RowShareLock", Blocks.NOTHING),
        (LockMode.ROW_EXCLUSIVE, "ROW EXCLUSIVE", "RowExclusiveLock", Blocks.NOTHING),
        (LockMode.SHARE_UPDATE_EXCLUSIVE, "SHARE UPDATE EXCLUSIVE", "ShareUpdateExclusiveLock", Blocks.DDL),
        (LockMode.SHARE, "SHARE", "ShareLock", Blocks.WRITES),
        (LockMode.SHARE_ROW_EXCLUSIVE, "SHARE ROW EXCLUSIVE", "ShareRowExclusiveLock", Blocks.WRITES),
        (LockMode.EXCLUSIVE, "EXCLUSIVE", "ExclusiveLock", Blocks.WRITES),
        (LockMode.ACCESS_EXCLUSIVE, "ACCESS EXCLUSIVE", "AccessExclusiveLock", Blocks.READS_AND_WRITES),
    ],
)
def test_a_mode_has_its_names_and_what_it_blocks(
    mode: LockMode, sql: str, pg_locks: str, blocks: Blocks
) -> None:
    assert (mode.sql, mode.blocks) == (sql, blocks)
    assert LockMode.from_pg_locks(pg_locks) is mode


def test_modes_are_in_the_order_of_their_strength() -> None:
    assert [int(mode) for mode in LockMode] == list(range(1, 9))
    assert max(LockMode) is LockMode.ACCESS_EXCLUSIVE


def test_a_mode_that_no_table_lock_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        LockMode.from_pg_locks("SIReadLock")
