"""A transaction pooler between af-db and the server: every transaction may get another session."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.proxy import Proxy
from tests.acceptance.faults.recipes import BUILD_INDEX, GATE, WAIT_AT_GATE, lines, make_table
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.servers import PGBOUNCER, pgbouncer
from tests.commands import run_installed
from tests.projects import AlembicProject

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
POOL = 3


@pytest.fixture
def pooled(database: Database) -> Iterator[Database]:
    with pgbouncer(database.url, pool_size=POOL) as url:
        yield Database(url=url)


def was_refused(project: AlembicProject, database: Database, pooled_url: str) -> None:
    refused = migrate(project, pooled_url)

    assert (refused.code, refused.error["code"]) == (4, "transaction-pooler")
    assert "direct" in refused.error["next_steps"][0]
    assert any("--allow-pooler" in step for step in refused.error["next_steps"])
    assert (database.tables, database.versions) == (set(), [])
    assert database.value("SELECT to_regnamespace('af_db')") is None


def test_a_pooler_is_known_by_its_process_id(project: AlembicProject, database: Database) -> None:
    """Fault 3: what the client was told is not the process that answers."""
    with Proxy(database.url) as proxy:
        proxy.hides_backends = True
        was_refused(project, database, proxy.url)
        proxy.hides_backends = False
        assert migrate(project, proxy.url).code == 0


@needs_pgbouncer
def test_pgbouncer_is_refused(project: AlembicProject, database: Database, pooled: Database) -> None:
    """Fault 3, with PgBouncer itself; to look is allowed."""
    was_refused(project, database, pooled.url)

    for command in ("current", "history"):
        assert run_installed("prod", command, cwd=project.root, url=pooled.url).code == 0


@needs_pgbouncer
def test_pgbouncer_that_was_allowed_hands_nothing_on(
    project: AlembicProject, database: Database, pooled: Database
) -> None:
    """Fault 3: whoever gets the same sessions next finds no lock, no limit and no setting of ours."""
    done = migrate(project, pooled.url, "--allow-pooler")

    assert (done.code, done.applied) == (0, ["001", "002", "003"])
    assert database.versions == ["003"]
    settings = "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "search_path"
    query = f"SELECT {', '.join(f'current_setting({name!r})' for name in settings)}, pg_backend_pid()"
    untouched = database.rows(query)[0][:-1]
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(pooled.transaction()) for _ in range(POOL)]
        found = []
        for session in sessions:
            with session.cursor() as cursor:
                cursor.execute(query)
                found += cursor.fetchall()
    assert len({row[-1] for row in found}) == POOL
    assert {row[:-1] for row in found} == {untouched}
    assert database.advisory_locks == 0


@needs_pgbouncer
def test_two_deployers_through_pgbouncer(
    project: AlembicProject, database: Database, pooled: Database
) -> None:
    """Fault 3: a session's lock would have let in both."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    with migrating(project, pooled.url, "--allow-pooler") as first:
        first.wait_for_statement(GATE)
        with migrating(project, pooled.url, "--allow-pooler") as second:
            second.wait_for("waiting-for-run")
            database.open_gate()
            ended, waited = first.end(), second.end()

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])
    assert (waited.code, waited.applied) == (0, [])


@needs_pgbouncer
@pytest.mark.parametrize("before", ["", make_table("made_before")], ids=["alone", "after other DDL"])
def test_an_autocommit_block_needs_a_direct_connection(
    project: AlembicProject, database: Database, pooled: Database, before: str
) -> None:
    """Fault 3: outside a transaction there is no session to rely on."""
    database.execute("CREATE TABLE t (a int)")
    project.add("002", "001", lines(before, BUILD_INDEX))

    refused = migrate(project, pooled.url, "--allow-pooler")

    assert (refused.code, refused.error["code"]) == (4, "pooler-needs-autocommit")
    assert "002" in refused.error["message"]
    assert database.index("ix_t_a") == "absent"
    assert (database.tables, database.versions) == ({"t", "t001"}, ["001"])
