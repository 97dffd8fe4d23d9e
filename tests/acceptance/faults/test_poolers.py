"""A transaction pooler between af-db and the server: every transaction may get another session."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.proxy import Proxy
from tests.acceptance.faults.recipes import BUILD_INDEX, GATE, SLEEP, WAIT_AT_GATE, lines, make_table
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.servers import PGBOUNCER, pgbouncer
from tests.acceptance.faults.waiting import until
from tests.commands import run_process
from tests.projects import AlembicProject

needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)"
)
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
        assert run_process("prod", command, cwd=project.root, url=pooled.url).code == 0


@pytest.fixture
def session_pooled(database: Database) -> Iterator[str]:
    with pgbouncer(database.url, pool_size=5, mode="session") as url:
        yield url


@needs_pgbouncer
def test_pgbouncer_that_pools_sessions_is_no_transaction_pooler(
    project: AlembicProject, database: Database, session_pooled: str
) -> None:
    """It cannot be proved, so it has to be said; then all is as over a direct connection."""
    project.add("002", "001", lines(BUILD_INDEX))
    database.execute("CREATE TABLE t (a int)")

    unsaid = migrate(project, session_pooled)
    assert (unsaid.code, unsaid.error["code"]) == (4, "transaction-pooler")
    assert "is a pooler, and whether it keeps one session" in unsaid.error["message"]
    assert "--session-pooler" in unsaid.error["next_steps"][1], "before weaker guards are accepted"
    assert database.versions == []

    said = migrate(project, session_pooled, "--session-pooler")
    assert (said.code, said.applied) == (0, ["001", "002", "003"]), said.outcome.out
    assert database.index("ix_t_a") == "valid"
    assert database.advisory_locks == 0


@needs_pgbouncer
def test_two_deployers_through_a_pooler_of_sessions(
    project: AlembicProject, database: Database, session_pooled: str
) -> None:
    """The lock is that of the session, so it holds."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    with migrating(project, session_pooled, "--session-pooler") as first:
        first.wait_for_statement(GATE)
        with migrating(project, database.url) as second:
            second.wait_for("waiting-for-run")
            database.open_gate()
            ended, waited = first.end(), second.end()

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])
    assert (waited.code, waited.applied) == (0, [])


@needs_pgbouncer
def test_what_is_proved_is_not_overruled(
    project: AlembicProject, database: Database, pooled: Database
) -> None:
    """Two of our connections meet the same process of the server."""
    refused = migrate(project, pooled.url, "--session-pooler")

    assert (refused.code, refused.error["code"]) == (4, "transaction-pooler")
    assert "is a transaction pooler" in refused.error["message"]
    assert not any("--session-pooler" in step for step in refused.error["next_steps"])
    assert (database.tables, database.versions) == (set(), [])


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

    assert (refused.code, refused.error["code"]) == (7, "pooler-needs-autocommit")
    assert refused.error["state"] == "rolled back; at 001"
    assert refused.revisions == {"001": "applied", "002": "not applied", "003": "not applied"}
    assert "002" in refused.error["message"]
    assert database.index("ix_t_a") == "absent"
    assert (database.tables, database.versions) == ({"t", "t001"}, ["001"])

    again = migrate(project, pooled.url, "--allow-pooler")
    assert (again.code, again.error["code"]) == (4, "pooler-needs-autocommit"), "this one changed nothing"


@needs_pgbouncer
def test_the_limits_of_the_database_are_not_those_of_a_migration(
    project: AlembicProject, database: Database, pooled: Database
) -> None:
    """Fault 13 through a pooler: neither the revisions nor the run lock's own transaction are ended."""
    if database.value("SELECT current_setting('transaction_timeout', true)") is None:
        pytest.skip("this server has no transaction_timeout")
    name = database.value("SELECT current_database()")
    database.execute(f"ALTER DATABASE {name} SET transaction_timeout = '300ms'")
    project.add("002", "001", "op.execute('SELECT pg_sleep(0.5)')")

    ended = migrate(project, pooled.url, "--allow-pooler")

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"]), ended.outcome.out


@pytest.fixture(params=["stand-in", pytest.param("PgBouncer", marks=needs_pgbouncer)])
def pooled_url(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    """The URL of PgBouncer, and of a proxy that tells clients another process than the one that answers."""
    if request.param == "PgBouncer":
        with pgbouncer(database.url, pool_size=POOL) as url:
            yield url
        return
    with Proxy(database.url) as proxy:
        proxy.hides_backends = True
        yield proxy.url


def test_a_signal_through_a_pooler(project: AlembicProject, database: Database, pooled_url: str) -> None:
    """Fault 6: the process is known for as long as the transaction has it, and only so long."""
    project.add("002", "001", lines(make_table("t002"), SLEEP))
    with migrating(project, pooled_url, "--allow-pooler") as run:
        run.wait_for_statement("pg_sleep")
        until(lambda: is_active(database, "pg_sleep"), "the server runs it")
        run.send(signal.SIGTERM)
        until(lambda: not is_active(database, "pg_sleep"), "it is cancelled", timeout_s=2)
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (143, "interrupted")
    assert ended.error["state"] == "rolled back; at 001"
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


def test_blockers_are_named_through_a_pooler(
    project: AlembicProject, database: Database, pooled_url: str
) -> None:
    """Fault 11."""
    project.add("002", "001", 'op.execute("ALTER TABLE t001 ADD COLUMN a integer")')
    assert migrate(project, database.url, "001").code == 0
    with database.transaction("SELECT * FROM t001", application="nightly report") as reader:
        pid = reader.info.backend_pid
        ended = migrate(project, pooled_url, "--allow-pooler", "--retry-for", "800ms")

    assert (ended.code, ended.error["code"]) == (7, "lock-timeout")
    assert f"pid {pid}" in ended.error["message"]
    assert [blocker["pid"] for blocker in ended.all("lock-wait")[0]["blockers"]] == [pid]


def is_active(database: Database, part: str) -> bool:
    return bool(
        database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            " AND pid <> pg_backend_pid() AND position(%s IN query) > 0",
            [part],
        )
    )
