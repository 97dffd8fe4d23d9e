"""No space left."""

import resource

import pytest

from tests.acceptance.faults.databases import Database, on_sqlite
from tests.acceptance.faults.recipes import GATE, WAIT_AT_GATE, lines, make_table
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.servers import limit_file_size
from tests.postgres import Server
from tests.projects import AlembicProject

WAL_SEGMENT = 16 * 1024**2
HALF_A_PAGE = 4096
BIG_INDEX = 'op.execute("CREATE INDEX big ON many (a) WITH (fillfactor = 10)")'
"""Its file grows far beyond a WAL segment, which has to stay writable, or the whole server would stop."""


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="one process cannot limit another here")
def test_the_servers_disk_is_full(project: AlembicProject, own_server: Server) -> None:
    """Fault 23: explained, rolled back, and not tried again."""
    database = Database(url=own_server.url("postgres"))
    database.build_gate()
    database.execute("CREATE TABLE many AS SELECT generate_series(1, 100000) AS a")
    project.add("002", "001", lines(make_table("t002"), WAIT_AT_GATE, BIG_INDEX))
    with migrating(project, database.url) as run:
        limit_file_size(database.backend_running(GATE), WAL_SEGMENT + HALF_A_PAGE)
        database.open_gate()
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (7, "disk-full")
    assert "disk" in ended.error["message"]
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.all("retrying") == []
    assert (database.tables, database.versions) == ({"many", "t001"}, ["001"])
    assert migrate(project, database.url).applied == ["002", "003"]


def test_the_disk_of_a_sqlite_file_is_full(project: AlembicProject, sqlite_url: str) -> None:
    """Fault 23."""
    project.add(
        "002",
        "001",
        lines(
            make_table("t002"),
            "pages = op.get_bind().exec_driver_sql('PRAGMA page_count').scalar()",
            "op.get_bind().exec_driver_sql(f'PRAGMA max_page_count = {pages + 2}')",
            "op.execute('CREATE TABLE big (a)')",
            "op.execute('INSERT INTO big VALUES (zeroblob(1000000))')",
        ),
    )

    ended = migrate(project, sqlite_url, command="local upgrade")

    assert (ended.code, ended.error["code"]) == (7, "disk-full")
    assert ended.error["state"] == "rolled back; at 001"
    tables = on_sqlite(sqlite_url, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert tables == [("alembic_version",), ("t001",)]
