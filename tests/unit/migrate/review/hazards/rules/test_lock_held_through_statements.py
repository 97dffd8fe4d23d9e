"""lock-held-through-statements, from statements made up."""

from pathlib import Path

from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import HeldLock, TableEffect, TracedStatement
from agent_factory.migrate.review.hazards import Counted, find_hazards

TABLES = [f"public.t{number}" for number in range(8)]


def test_of_tables_that_are_locked_alike_the_first_is_named() -> None:
    size = TableSize(rows=10_000_000, bytes=1_000_000_000, index_bytes=0)
    lock = LockMode.ACCESS_EXCLUSIVE
    first = TracedStatement(sql="LOCK TABLE t0, t1", command="LOCK TABLE", transactional=True)
    second = TracedStatement(
        sql="CREATE INDEX i ON other (a)",
        command="CREATE INDEX",
        transactional=True,
        effects=(TableEffect(table="public.other", lock=LockMode.SHARE, scans=True),),
        held=tuple(HeldLock(table=table, lock=lock, since=1) for table in TABLES),
    )
    plan = [
        RehearsedRevision(
            revision=Revision(
                id="1", message="", path=Path("1.py"), parents=(), branch_labels=(), is_head=True
            ),
            transactional=True,
            statements=(first, second),
        )
    ]
    sizes = dict.fromkeys([*TABLES, "public.other"], size)
    found = find_hazards(plan, Direction.UPGRADE, sizes, Counted())

    (hazard,) = [item for item in found if item.code == "lock-held-through-statements"]
    assert hazard.table == "public.t0"
