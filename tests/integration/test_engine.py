"""What the engine decides about a real PostgreSQL: whose a statement is, what it drops, what it promises."""

import contextlib
import threading
from collections.abc import Iterator

import psycopg2
import pytest

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.engine import database_state
from agent_factory.migrate.engine.database_state import DatabaseState, read_state_after_failure
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.url import parse_url
from tests.acceptance.faults.waiting import until
from tests.commands import CommandLine
from tests.postgres import administering
from tests.projects import AlembicProject

DUPLICATES = "CREATE TABLE old_alembic_versions AS SELECT 1 AS v FROM generate_series(1, 2)"
BUILD = (
    "with op.get_context().autocommit_block():\n"
    "    op.execute('CREATE UNIQUE INDEX CONCURRENTLY {}ix_old ON old_alembic_versions (v)')"
)

LOST = "af-db/of a test"


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run these, each outside of a transaction; return the last one's rows."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def invalid_indexes(url: str) -> list[tuple[object, ...]]:
    return execute(url, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")


def journal(url: str, revision: str) -> list[tuple[object, ...]]:
    return execute(url, f"SELECT state FROM af_db.journal WHERE revision = '{revision}' ORDER BY id")


@pytest.fixture
def plain_role_url(postgresql_url: str) -> Iterator[str]:
    """The database for a role that may make tables and no schema: its runs have no journal."""
    url = parse_url(postgresql_url)
    role = f"plain_{url.database}"
    with administering(url) as cursor:
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'plain-enough'")
        cursor.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    try:
        yield f"postgresql://{role}:plain-enough@{url.host}:{url.port or 5432}/{url.database}"
    finally:
        with administering(url) as cursor:
            cursor.execute(f"DROP OWNED BY {role} CASCADE")
            cursor.execute(f"DROP ROLE {role}")


def test_an_index_of_a_table_called_like_the_version_table(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """It is the revision's: noted before it runs, looked at afterwards, and dropped where it is INVALID."""
    execute(postgresql_url, DUPLICATES)
    project.add("004", "003", BUILD.format(""))

    failed = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (failed.code, failed.error["code"]) == (7, "data-violates-unique")
    assert invalid_indexes(postgresql_url) == []
    assert journal(postgresql_url, "004") == [("failed",), ("failed",)], "the mark, settled, and the failure"


def test_statements_about_a_table_called_like_the_version_table(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """What is committed before the end is told and kept, whatever its text contains."""
    project.add("004", "003", f'op.execute("{DUPLICATES}")\nop.execute("COMMIT")')

    failed = af_db("local", "upgrade", "--json", "--progress", "json", cwd=project.root, url=postgresql_url)

    assert (failed.code, failed.error["code"]) == (8, "ends-transaction")
    assert DUPLICATES in failed.error["message"]
    assert "statement-started" in failed.err
    assert DUPLICATES in failed.err


@pytest.mark.parametrize("revisions", [("004",), ("004", "005")])
def test_the_rows_of_another_version_table_are_alembics(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, revisions: tuple[str, ...]
) -> None:
    """Neither making the table, nor a new row, nor two rows that become one are a revision's statements."""
    configured = project.env_py.read_text().replace("configure(", "configure(version_table='versions_of_a', ")
    project.env_py.write_text(configured)
    for revision in revisions:
        project.add(revision, "003")
    if len(revisions) > 1:
        project.add("006", revisions)

    done = af_db(
        "local", "upgrade", "heads", "--json", "--progress", "json", cwd=project.root, url=postgresql_url
    )

    assert done.code == 0
    assert "CREATE TABLE t001" in done.err
    assert "versions_of_a" not in done.err
    (row,) = execute(postgresql_url, "SELECT version_num FROM versions_of_a")
    assert row == (("006",) if len(revisions) > 1 else ("004",))


def test_an_index_that_was_invalid_before_is_told_and_stays(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """Whoever left it may need it: a person decides."""
    execute(postgresql_url, DUPLICATES)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        execute(postgresql_url, "CREATE UNIQUE INDEX CONCURRENTLY ix_old ON old_alembic_versions (v)")
    project.add("004", "003", BUILD.format("IF NOT EXISTS "))

    failed = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert failed.error["code"] == "invalid-index"
    assert "DROP INDEX CONCURRENTLY ix_old" in " ".join(failed.error["next_steps"])
    assert invalid_indexes(postgresql_url) == [("ix_old",)]


@pytest.mark.parametrize(
    ("given", "used"), [("off", "on"), ("local", "local"), ("on", "on"), ("remote_apply", "remote_apply")]
)
def test_what_is_told_as_applied_survives_a_crash_of_the_server(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, given: str, used: str
) -> None:
    database = parse_url(postgresql_url).database
    execute(postgresql_url, f"ALTER DATABASE {database} SET synchronous_commit = '{given}'")
    seen = "SELECT current_setting('synchronous_commit') AS used"
    project.add("004", "003", f'op.execute("CREATE TABLE seen AS {seen}")')

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert execute(postgresql_url, "SELECT used FROM seen") == [(used,)]


RELEASES = "op.execute('SELECT pg_advisory_unlock_all()')"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(RELEASES, id="the journal's row says so"),
        pytest.param(f"op.execute('DEALLOCATE ALL')\n{RELEASES}", id="asked, for nothing is prepared"),
    ],
)
@pytest.mark.parametrize("after", ["003", "004"])
def test_nothing_is_committed_without_the_run_lock(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, body: str, after: str
) -> None:
    """Another run may have begun; PostgreSQL itself has nothing against what the revision does."""
    if after == "004":
        project.add_table("004", "003")
    project.add("last", after, f"{body}\nop.execute('CREATE TABLE too_late ()')")

    ended = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert ended.code == 7
    assert "has released af-db's run lock" in ended.error["message"]
    assert ended.error["state"] == f"rolled back; at {after}"
    assert execute(postgresql_url, "SELECT to_regclass('too_late')") == [(None,)]


def test_nothing_is_committed_without_the_run_lock_where_there_is_no_journal(
    af_db: CommandLine, project: AlembicProject, plain_role_url: str
) -> None:
    project.add("004", "003", f"{RELEASES}\nop.execute('CREATE TABLE too_late ()')")

    ended = af_db("local", "upgrade", "--json", "--progress", "json", cwd=project.root, url=plain_role_url)

    assert '"no-journal"' in ended.err
    assert ended.code == 7
    assert "has released af-db's run lock" in ended.error["message"]
    assert ended.error["state"] == "rolled back; at 003"
    assert execute(plain_role_url, "SELECT to_regclass('too_late')") == [(None,)]


@pytest.fixture
def lost(postgresql_url: str) -> Iterator[psycopg2.extensions.connection]:
    """The session of a run, which the run has lost: the server still has it."""
    with contextlib.closing(psycopg2.connect(postgresql_url, application_name=LOST)) as session:
        yield session


def read_state(project: AlembicProject, url: str) -> DatabaseState:
    opened = alembic_project.open_project(Setup(config_path=project.config))
    target = Target(url=parse_url(url), environment=Environment.LOCAL)
    return read_state_after_failure(opened, target, lost_session=LOST)


def test_a_lost_session_that_waits_for_its_client_is_ended(
    project: AlembicProject, postgresql_url: str, lost: psycopg2.extensions.connection
) -> None:
    with lost.cursor() as cursor:
        cursor.execute("CREATE TABLE half_done ()")

    assert read_state(project, postgresql_url) == DatabaseState(current=())
    with pytest.raises(psycopg2.OperationalError), lost.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_a_lost_session_that_is_active_is_waited_for_and_not_ended(
    project: AlembicProject,
    postgresql_url: str,
    lost: psycopg2.extensions.connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be in the middle of its COMMIT."""
    monkeypatch.setattr(database_state, "READ_FOR_S", 0.0)
    answers: list[tuple[object, ...]] = []

    def work() -> None:
        with lost.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(1)")
            answers.extend(cursor.fetchall())

    with contextlib.closing(psycopg2.connect(postgresql_url)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1)")
        working = threading.Thread(target=work)
        working.start()
        active = (
            f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = '{LOST}'"
        )
        until(lambda: execute(postgresql_url, active) == [(1,)], "the lost session waits for the lock")
        state = read_state(project, postgresql_url)
        holder.rollback()
        working.join()

    assert state == DatabaseState(current=None, why_unknown="the lost session still runs on the server")
    assert len(answers) == 1
