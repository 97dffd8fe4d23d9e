"""CREATE INDEX CONCURRENTLY fails: no INVALID index is left unsaid, and none is recorded as built."""

import contextlib
import re

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import (
    BUILD_INDEX,
    BUILD_UNIQUE_INDEX,
    CONCURRENTLY,
    lines,
    make_table,
)
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.waiting import until
from tests.commands import run_process
from tests.postgres import administering
from tests.projects import AlembicProject

DUPLICATES = "INSERT INTO t VALUES (1), (1)"


@pytest.fixture
def table(database: Database) -> Database:
    database.execute("CREATE TABLE t (a int)")
    return database


def test_duplicates(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14: the INVALID index is dropped again, so a second try finds a clean table."""
    table.execute(DUPLICATES)
    bare_project.add("001", None, BUILD_UNIQUE_INDEX)

    failed = migrate(bare_project, table.url)

    assert (failed.code, failed.error["code"]) == (7, "data-violates-unique")
    assert failed.revisions == {"001": "not applied"}
    assert (table.index("ix_t_a"), table.versions) == ("absent", [])
    table.execute("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)")
    again = migrate(bare_project, table.url)
    assert (again.code, table.index("ix_t_a")) == (0, "valid")


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        pytest.param(
            "/* why */ -- and how\nCREATE UNIQUE INDEX CONCURRENTLY ix ON t (a)", "ix", id="comments"
        ),
        pytest.param("CREATE UNIQUE INDEX CONCURRENTLY ON t (a)", "t_a_idx", id="the server names it"),
    ],
)
def test_duplicates_under_another_spelling(
    bare_project: AlembicProject, table: Database, statement: str, index: str
) -> None:
    """Fault 14: written by hand."""
    table.execute(DUPLICATES)
    bare_project.add("001", None, f"with op.get_context().autocommit_block():\n    op.execute({statement!r})")

    failed = migrate(bare_project, table.url)

    assert (failed.code, failed.error["code"]) == (7, "data-violates-unique")
    assert (table.index(index), table.versions) == ("absent", [])


def test_a_revision_that_hides_the_failure_of_an_unnamed_build(
    bare_project: AlembicProject, table: Database
) -> None:
    """Fault 14: nobody has named it, and it is found all the same."""
    table.execute(DUPLICATES)
    hiding = (
        "with op.get_context().autocommit_block():\n"
        "    try:\n"
        "        op.execute('CREATE UNIQUE INDEX CONCURRENTLY ON t (a)')\n"
        "    except sa.exc.IntegrityError:\n"
        "        pass"
    )
    bare_project.add("001", None, hiding)

    failed = migrate(bare_project, table.url)

    assert failed.error["code"] == "invalid-index"
    assert "t_a_idx" in failed.error["message"]
    assert (table.index("t_a_idx"), table.versions) == ("absent", [])


def test_a_rebuild_that_fails(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14: what PostgreSQL was building beside the index is dropped; the index itself stays."""
    table.execute("CREATE INDEX ix_t_a ON t (a)")
    rebuild = "with op.get_context().autocommit_block():\n    op.execute('REINDEX INDEX CONCURRENTLY ix_t_a')"
    bare_project.add("001", None, rebuild)
    limits = ("--retry-for", "500ms", "--lock-timeout-max", "500ms")
    with (
        table.transaction("INSERT INTO t VALUES (1)") as writer,
        migrating(bare_project, table.url, *limits) as run,
    ):
        table.backend_running("DROP INDEX")
        writer.commit()
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (7, "lock-timeout")
    assert table.index("ix_t_a") == "valid"
    assert table.column("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []


def test_duplicates_after_other_ddl(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14 and 15: the index is dropped, and what was committed before it is told."""
    table.execute(DUPLICATES)
    bare_project.add("001", None, lines(make_table("made_before"), BUILD_UNIQUE_INDEX))

    failed = migrate(bare_project, table.url)

    assert (failed.code, failed.error["code"]) == (8, "data-violates-unique")
    assert failed.revisions == {"001": "partly committed"}
    assert "CREATE TABLE made_before" in failed.error["message"]
    assert (table.index("ix_t_a"), table.tables) == ("absent", {"t", "made_before"})


def test_an_invalid_index_that_cannot_be_dropped(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14: the build is cancelled by an administrator, and so is each try to drop what it left."""
    bare_project.add("001", None, BUILD_INDEX)
    with table.transaction("INSERT INTO t VALUES (1)"), migrating(bare_project, table.url) as run:
        table.execute(f"SELECT pg_cancel_backend({table.backend_running(CONCURRENTLY)})")
        table.execute(f"SELECT pg_cancel_backend({table.backend_running('DROP INDEX')})")
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (8, "invalid-index")
    assert "ix_t_a" in ended.error["state"]
    assert any("DROP INDEX CONCURRENTLY" in step and "ix_t_a" in step for step in ended.error["next_steps"])
    assert (table.index("ix_t_a"), table.versions) == ("invalid", [])


def test_a_writer_that_never_ends(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14: the build waits for it as long as it may, then gives up and leaves nothing."""
    bare_project.add("001", None, BUILD_INDEX)
    limits = ("--retry-for", "500ms", "--lock-timeout-max", "500ms")
    with (
        table.transaction("INSERT INTO t VALUES (1)") as writer,
        migrating(bare_project, table.url, *limits) as run,
    ):
        table.backend_running("DROP INDEX")
        writer.commit()
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (7, "lock-timeout")
    assert (table.index("ix_t_a"), table.versions) == ("absent", [])


def test_a_deadlock_with_the_application(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14: whoever PostgreSQL picks, the index is valid and recorded, or neither there nor recorded."""
    name = table.value("SELECT current_database()")
    table.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'")
    bare_project.add("001", None, BUILD_INDEX)
    with table.transaction("INSERT INTO t VALUES (1)") as writer, migrating(bare_project, table.url) as run:
        builder = table.backend_running(CONCURRENTLY)
        until(lambda: table.waits_for_a_lock(builder), "the build waits for the writer")
        with writer.cursor() as cursor, contextlib.suppress(psycopg2.errors.DeadlockDetected):
            cursor.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
        writer.rollback()
        ended = run.end()

    if ended.code == 0:
        assert (table.index("ix_t_a"), table.versions) == ("valid", ["001"])
    else:
        assert (ended.code, ended.error["code"]) == (7, "deadlock")
        assert (table.index("ix_t_a"), table.versions) == ("absent", [])


def test_if_not_exists_over_an_invalid_index(bare_project: AlembicProject, table: Database) -> None:
    """Fault 14: PostgreSQL is content with an INVALID index of that name; af-db is not."""
    table.execute(DUPLICATES)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="could not create unique index"):
        table.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_t_a ON t (a)")
    bare_project.add(
        "001",
        None,
        BUILD_UNIQUE_INDEX.replace("unique=True", "unique=True, if_not_exists=True"),
    )

    ended = migrate(bare_project, table.url)

    assert ended.error["code"] == "invalid-index"
    assert ended.code in (7, 8)
    assert "ix_t_a" in ended.error["message"]
    assert table.versions == []
    assert ("001", "upgrade", "applied") not in table.journal()


def test_an_invalid_index_of_the_past_is_named(project: AlembicProject, table: Database) -> None:
    """Fault 14: whoever left it, the next run says so, with the command."""
    table.execute(
        "CREATE SCHEMA shop", 'CREATE TABLE shop."Order" (a int)', 'INSERT INTO shop."Order" VALUES (1), (1)'
    )
    with pytest.raises(psycopg2.errors.UniqueViolation, match="could not create unique index"):
        table.execute('CREATE UNIQUE INDEX CONCURRENTLY "ix Order" ON shop."Order" (a)')

    ended = migrate(project, table.url)

    (warning,) = ended.warnings("invalid-index")
    assert re.search(r'DROP INDEX CONCURRENTLY "?shop"?\."ix Order"', warning)
    assert ended.code == 0


def test_a_build_in_another_database_is_not_taken_for_ours(
    project: AlembicProject, table: Database, server_url: DatabaseURL
) -> None:
    """Fault 14: a copy of the database has the same numbers for its indexes."""
    table.execute(DUPLICATES)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="could not create unique index"):
        table.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_t_a ON t (a)")
    name = table.value("SELECT current_database()")
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name} STRATEGY file_copy")
    try:
        copy = Database(url=f"{table.url}_copy")
        copy.execute("DELETE FROM t")
        # Whoever plans a query on the table holds its indexes; the rebuild waits, and counts as one.
        with copy.transaction("SELECT * FROM t") as reader, copy.running("REINDEX TABLE t") as builder:
            until(lambda: copy.waits_for_a_lock(builder), "the rebuild waits")
            ended = migrate(project, table.url)
            reader.rollback()
    finally:
        with administering(server_url) as cursor:
            cursor.execute(f"DROP DATABASE {name}_copy WITH (FORCE)")

    assert ended.code == 0
    assert len(ended.warnings("invalid-index")) == 1


SLOW = """
CREATE FUNCTION slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_sleep(0.05); RETURN a; END'
"""


def test_a_build_tells_how_far_it_is(bare_project: AlembicProject, table: Database) -> None:
    """A person who waits for an index sees what PostgreSQL does, and that it goes on."""
    table.execute(
        SLOW,
        "ALTER TABLE t ADD filler text STORAGE PLAIN",  # four rows to a page
        "INSERT INTO t SELECT i, repeat('x', 1900) FROM generate_series(1, 40) i",
    )
    bare_project.add("001", None, BUILD_INDEX.replace('["a"]', '[sa.text("slow(a)")]'))

    ended = migrate(bare_project, table.url)

    assert (ended.code, table.index("ix_t_a")) == (0, "valid"), ended.outcome.out
    scanning = [event["percent"] for event in ended.all("progress") if "scanning table" in event["phase"]]
    del scanning[:1]  # within a table's first page PostgreSQL calls all of them done
    assert len(scanning) >= 2
    assert scanning == sorted(scanning)
    assert 0 < scanning[0] < scanning[-1] <= 100


FIRST_HALF = lines(make_table("made_before"), BUILD_INDEX)
FAILING = 'op.execute("ALTER TABLE nowhere ADD COLUMN b integer")'


def test_a_failure_after_an_autocommit_block(bare_project: AlembicProject, table: Database) -> None:
    """Fault 15: exactly what is committed is told, and the revision runs again only by consent."""
    bare_project.add("001", None, lines(FIRST_HALF, FAILING))

    failed = migrate(bare_project, table.url)

    assert (failed.code, failed.error["code"]) == (8, "no-such-table")
    assert "a part of 001 is committed" in failed.error["state"]
    assert failed.revisions == {"001": "partly committed"}
    assert "CREATE TABLE made_before" in failed.error["message"]
    assert f"{CONCURRENTLY} ix_t_a" in failed.error["message"]
    assert (table.tables, table.index("ix_t_a"), table.versions) == ({"t", "made_before"}, "valid", [])

    refused = migrate(bare_project, table.url)
    assert (refused.code, refused.error["code"]) == (4, "unfinished-revision")
    assert "CREATE TABLE made_before" in refused.error["message"]
    assert f"{CONCURRENTLY} ix_t_a" in refused.error["message"]
    assert all("--resume 001" in step for step in refused.error["next_steps"])
    assert all("--resume 001" in step for step in failed.error["next_steps"][-2:])
    unasked = run_process("prod", "upgrade", "--json", cwd=bare_project.root, url=table.url)
    assert (unasked.code, unasked.error["code"]) == (4, "unfinished-revision"), "nobody is asked in vain"

    bare_project.add("001", None, lines('op.execute("DROP TABLE made_before")', FIRST_HALF))
    resumed = migrate(bare_project, table.url, "--resume", "001")
    assert (resumed.code, resumed.applied) == (0, ["001"])
    assert (table.index("ix_t_a"), table.versions) == ("valid", ["001"])
    assert table.journal()[-1] == ("001", "upgrade", "applied")


def test_a_failure_after_an_index_goes_on_by_itself(bare_project: AlembicProject, table: Database) -> None:
    """Fault 15: an index that is there and valid needs no consent."""
    bare_project.add("001", None, lines(BUILD_INDEX, FAILING))
    failed = migrate(bare_project, table.url)
    assert failed.code == 8
    made = table.value("SELECT 'ix_t_a'::regclass::oid")

    bare_project.add("001", None, lines(BUILD_INDEX, make_table("made_after")))
    again = migrate(bare_project, table.url)

    assert (again.code, again.applied) == (0, ["001"]), again.outcome.out
    assert table.value("SELECT 'ix_t_a'::regclass::oid") == made
    assert table.tables == {"t", "made_after"}
