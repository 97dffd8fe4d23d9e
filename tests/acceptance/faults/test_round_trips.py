"""The end of a revision travels in one message: nothing of it may get lost, and it may hold for no other."""

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.proxy import Proxy
from tests.acceptance.faults.recipes import lines, make_table
from tests.acceptance.faults.runs import migrate
from tests.projects import AlembicProject


def test_one_message_for_a_revision_beyond_its_own_statements(
    project: AlembicProject, database: Database
) -> None:
    for number in range(4, 25):
        project.add_table(f"{number:03}", f"{number - 1:03}")
    assert migrate(project, database.url, "004").code == 0
    counts = []
    for revision in ("009", "024"):
        with Proxy(database.url) as proxy:
            assert migrate(project, proxy.url, revision).code == 0
            counts.append(len(proxy.queries))

    five, fifteen = counts
    assert fifteen - five == 10 * 2


def test_a_revision_that_does_nothing(project: AlembicProject, database: Database) -> None:
    """Its version row is the first and the last that its transaction sends."""
    for revision, follows in (("002", "001"), ("003", "002"), ("004", "003")):
        project.add(revision, follows, "pass")
    assert migrate(project, database.url, "001").code == 0

    assert migrate(project, database.url, "002").applied == ["002"]
    assert database.versions == ["002"]
    assert migrate(project, database.url).applied == ["003", "004"]
    assert database.versions == ["004"]
    assert database.journal()[1:] == [(name, "upgrade", "applied") for name in ("002", "003", "004")]


def test_a_version_row_that_is_gone(project: AlembicProject, database: Database) -> None:
    """The statement that moves it is not waited for, so it fails by itself."""
    project.add("002", "001", lines(make_table("t002"), 'op.execute("DELETE FROM alembic_version")'))

    ended = migrate(project, database.url)

    assert ended.code == 7
    assert "001 is not in the version table" in ended.error["message"]
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.revisions == {"001": "applied", "002": "not applied", "003": "not applied"}
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


@pytest.mark.parametrize(
    "forgetting",
    [
        pytest.param('op.execute("DEALLOCATE ALL")', id="SQLAlchemy"),
        pytest.param(
            'op.get_bind().connection.dbapi_connection.cursor().execute("DEALLOCATE ALL")', id="psycopg2"
        ),
        pytest.param("op.execute(\"COMMENT ON TABLE t002 IS 'discard'\")", id="only the word"),
    ],
)
def test_prepared_statements_that_a_revision_may_have_forgotten(
    project: AlembicProject, database: Database, forgetting: str
) -> None:
    """They are prepared by the move from 001 to 002, and not needed by that from 002 to 003."""
    project.add("002", "001")
    project.add("003", "002", lines(make_table("t003"), forgetting.replace("t002", "t003")))
    project.add_table("004", "003")

    assert migrate(project, database.url).applied == ["001", "002", "003", "004"]
    assert database.journal() == [(name, "upgrade", "applied") for name in ("001", "002", "003", "004")]


def test_what_holds_for_a_transaction_ends_with_it(project: AlembicProject, database: Database) -> None:
    """The next one begins in the message of the commit, as a new one all the same."""
    project.add(
        "002", "001", lines('op.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")', make_table("t002"))
    )
    project.add(
        "003",
        "002",
        """
        (isolation,) = op.get_bind().exec_driver_sql("SHOW transaction_isolation").one()
        op.execute(f"CREATE TABLE isolation AS SELECT '{isolation}' AS level")
        """,
    )

    assert migrate(project, database.url).code == 0
    assert database.value("SELECT level FROM isolation") == "read committed"


def test_a_cursor_of_the_server(project: AlembicProject, database: Database) -> None:
    """It lives in a transaction that psycopg2 did not begin itself."""
    project.add(
        "002",
        "001",
        """
        options = {"stream_results": True, "max_row_buffer": 10}
        numbers = op.get_bind().exec_driver_sql("SELECT generate_series(1, 100)", execution_options=options)
        for (number,) in numbers:
            op.execute(f"INSERT INTO t001 VALUES ({number})")
        """,
    )

    assert migrate(project, database.url).applied == ["001", "002", "003"]
    assert database.value("SELECT count(*) FROM t001") == 100


def test_a_callback_of_env_py_sees_the_new_version(project: AlembicProject, database: Database) -> None:
    """Its statement is sent with the version row before it."""
    text = project.env_py.read_text()
    note = """
def note(ctx, step, **facts):
    if step.up_revision_id != "001":
        ctx.connection.exec_driver_sql("INSERT INTO t001 SELECT version_num::int FROM alembic_version")

"""
    configure = "context.configure("
    project.env_py.write_text(text.replace(configure, f"{note}{configure}on_version_apply=note, "))

    assert migrate(project, database.url).applied == ["001", "002", "003"]
    assert database.value("SELECT array_agg(id ORDER BY id)::text FROM t001") == "{2,3}"
