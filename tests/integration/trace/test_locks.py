"""What the table of lock modes says of who waits, tried on the server."""

import contextlib

import psycopg2
import psycopg2.errors
import pytest

from agent_factory.migrate.model.locks import Blocks, LockMode
from tests.integration.trace.conftest import execute

WORK = {
    "reads": "SELECT * FROM t",
    "writes": "INSERT INTO t VALUES (1)",
    "DDL": "ALTER TABLE t SET (fillfactor = 70)",
}
WAITS = {
    Blocks.NOTHING: [],
    Blocks.DDL: ["DDL"],
    Blocks.WRITES: ["writes", "DDL"],
    Blocks.READS_AND_WRITES: ["reads", "writes", "DDL"],
}


@pytest.mark.parametrize("mode", list(LockMode))
def test_who_waits_for_a_lock(postgresql_url: str, mode: LockMode) -> None:
    execute(postgresql_url, "CREATE TABLE t (id int)")
    with (
        contextlib.closing(psycopg2.connect(postgresql_url)) as holder,
        contextlib.closing(psycopg2.connect(postgresql_url, options="-c lock_timeout=20ms")) as other,
        holder.cursor() as holding,
        other.cursor() as working,
    ):
        holding.execute(f"LOCK TABLE t IN {mode.sql} MODE")
        waits = []
        for name, statement in WORK.items():
            try:
                working.execute(statement)
            except psycopg2.errors.LockNotAvailable:
                waits.append(name)
            other.rollback()

    assert waits == WAITS[mode.blocks]
