"""``upgrade`` and ``downgrade``, on both databases."""

from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.integration.tables import tables
from tests.projects import AlembicProject, make_project


def test_upgrade_shows_plan_progress_and_result(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    outcome = af_db("local", "upgrade", cwd=project.root, url=database_url)

    assert outcome.code == 0
    assert outcome.out == "(no revision) -> 003 (head)\n"
    plan, progress = outcome.err.split(" running ", 1)
    assert [name for name in ("001_step_001.py", "002_step_002.py", "003_step_003.py") if name in plan]
    assert progress.count(" done ") == 3
    assert tables(database_url) == {"alembic_version", "t001", "t002", "t003"}


def test_upgrading_again_does_nothing(af_db: CommandLine, project: AlembicProject, database_url: str) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    outcome = af_db("local", "upgrade", cwd=project.root, url=database_url)

    assert outcome.code == 0
    assert outcome.out.startswith("nothing to do: ")
    assert "003 (head)" in outcome.out
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("start", "command", "after"),
    [
        pytest.param(None, ("upgrade", "002"), "002", id="an id"),
        pytest.param(None, ("upgrade", "+1"), "001", id="one up"),
        pytest.param("001", ("upgrade", "+2"), "003", id="two up"),
        pytest.param(None, ("upgrade", "heads"), "003", id="heads"),
        pytest.param(None, ("upgrade", "head-1"), "002", id="head minus one"),
        pytest.param("003", ("downgrade", "-1"), "002", id="one down"),
        pytest.param("003", ("downgrade", "-2"), "001", id="two down"),
        pytest.param("003", ("downgrade", "001"), "001", id="down to an id"),
        pytest.param("003", ("downgrade", "base"), None, id="down to base"),
        pytest.param("003", ("downgrade", "-3"), None, id="down to base by steps"),
        pytest.param("002", ("upgrade", "001"), "002", id="up to an ancestor"),
        pytest.param("002", ("downgrade", "002"), "002", id="down to where it is"),
        pytest.param(None, ("downgrade", "base"), None, id="down to base at base"),
    ],
)
def test_revisions_mean_what_they_mean_in_alembic(
    af_db: CommandLine,
    project: AlembicProject,
    database_url: str,
    start: str | None,
    command: tuple[str, str],
    after: str | None,
) -> None:
    if start:
        af_db("local", "upgrade", start, cwd=project.root, url=database_url)

    outcome = af_db("local", *command, "--json", cwd=project.root, url=database_url)

    assert outcome.code == 0
    assert [head["revision"] for head in outcome.document["after"]] == ([after] if after else [])
    made = {f"t{number:03}" for number in range(1, int(after or 0) + 1)}
    assert tables(database_url) - {"alembic_version"} == made


def test_a_partial_id_is_enough(af_db: CommandLine, tmp_path: Path, sqlite_url: str) -> None:
    project = make_project(tmp_path / "partial_ids")
    project.add_table("ab12cd34", None)

    assert af_db("local", "upgrade", "ab12", cwd=project.root, url=sqlite_url).code == 0
    assert af_db("current", cwd=project.root, url=sqlite_url).out == "ab12cd34 (head)\n"


def test_branches_are_reached_by_label(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add("004", "003", labels=("billing",))
    project.add("005", "003", labels=("agents",))

    outcome = af_db("local", "upgrade", "billing@head", "--json", cwd=project.root, url=database_url)

    assert [head["revision"] for head in outcome.document["after"]] == ["004"]
    assert af_db("local", "upgrade", "heads", cwd=project.root, url=database_url).code == 0
    assert af_db("current", cwd=project.root, url=database_url).out == "004 (head)\n005 (head)\n"
    down = af_db("local", "downgrade", "agents@-1", "--json", cwd=project.root, url=database_url)
    assert [head["revision"] for head in down.document["after"]] == ["004"]


def test_what_another_branch_depends_on_has_no_row_of_its_own(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    """Alembic keeps a row for what nothing applied builds on or depends on."""
    path = project.add("a1", None, labels=("billing",))
    path.write_text(f"{path.read_text()}\ndepends_on = '003'\n")
    project.add("a2", "a1")
    af_db("local", "upgrade", "003", cwd=project.root, url=database_url)
    assert af_db("current", "--check-heads", cwd=project.root, url=database_url).code == 3

    upgraded = af_db("local", "upgrade", "heads", cwd=project.root, url=database_url)

    assert (upgraded.code, upgraded.out) == (0, "003 -> a2 (head)\n"), upgraded.err
    checked = af_db("current", "--check-heads", cwd=project.root, url=database_url)
    assert (checked.code, checked.out) == (0, "a2 (head)\n")
    down = af_db("local", "downgrade", "billing@base", "--json", cwd=project.root, url=database_url)
    assert [head["revision"] for head in down.document["after"]] == ["003"]


def test_a_run_as_json_has_plan_and_times(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    document = af_db("local", "upgrade", "002", "--json", cwd=project.root, url=database_url).document

    assert document["exit_code"] == 0
    assert document["plan"]["direction"] == "upgrade"
    assert [step["id"] for step in document["plan"]["steps"]] == ["001", "002"]
    assert [step["revision"] for step in document["applied"]] == ["001", "002"]
    assert all(step["seconds"] >= 0 for step in document["applied"])
    assert document["before"] == []


@pytest.mark.parametrize(
    "failing",
    [
        pytest.param('op.execute("SELECT * FROM nowhere")', id="a statement"),
        pytest.param('raise ValueError("no")', id="Python"),
        pytest.param('op.add_column("t001", sa.Column("id", sa.Integer))', id="a column that exists"),
    ],
)
def test_a_failing_revision_leaves_nothing_behind(
    af_db: CommandLine, tmp_path: Path, database_url: str, failing: str
) -> None:
    project = make_project(tmp_path / "failing_third", tables=2)
    project.add(
        "003",
        "002",
        f"""
        op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
        op.execute("INSERT INTO t001 (id) VALUES (7)")
        {failing}
        """,
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert outcome.code == 7
    assert outcome.error["state"] == "rolled back; at 002"
    assert "003_step_003.py, line 14" in outcome.error["message"]
    assert tables(database_url) == {"alembic_version", "t001", "t002"}
    assert af_db("current", cwd=project.root, url=database_url).out == "002\n"
    project.add_table("003", "002")
    assert af_db("local", "upgrade", cwd=project.root, url=database_url).out == "002 -> 003 (head)\n"


def test_a_first_revision_that_fails_leaves_an_empty_database(
    af_db: CommandLine, tmp_path: Path, database_url: str
) -> None:
    project = make_project(tmp_path / "failing_first")
    project.add("001", None, 'op.create_table("t", sa.Column("id", sa.Integer))\nraise ValueError("no")')

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.error["state"]) == (7, "rolled back; at base")
    assert tables(database_url) == set()


def test_a_part_that_was_committed_is_told(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.add(
        "004",
        "003",
        """
        op.create_table("before_block", sa.Column("id", sa.Integer))
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY i ON t001 (id)")
        op.execute("SELECT * FROM nowhere")
        """,
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert outcome.code == 8
    assert "a part of 004 is committed" in outcome.error["state"]
    assert "before_block" in tables(postgresql_url)


def test_what_a_revision_prints_stays_out_of_the_result(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add("004", "003", 'print("hello from a revision")')

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert outcome.document["exit_code"] == 0
    assert "hello from a revision" in outcome.err


def test_an_env_py_that_ignores_the_connection_is_refused(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.env_py.write_text(
        "from alembic import context\n"
        "import sqlalchemy as sa\n"
        "engine = sa.create_engine('sqlite://')\n"
        "with engine.connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
        "engine.dispose()\n"
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (2, "env-py-contract")
    assert 'attributes.get("connection")' in outcome.error["next_steps"][0]


def test_an_env_py_that_configures_nothing_is_told_what_to_write(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.env_py.write_text("from alembic import context\n")

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (2, "env-py-contract")


def test_a_version_table_of_another_name_is_found(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    env_py = project.env_py.read_text()
    project.env_py.write_text(env_py.replace("render_as_batch", "version_table='v', render_as_batch"))

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert af_db("current", cwd=project.root, url=postgresql_url).out == "003 (head)\n"
    assert "v" in tables(postgresql_url)
    assert "alembic_version" not in tables(postgresql_url)


@pytest.mark.parametrize("name", ["50%", "%s", "a%%b", 'a"b', "A.b", "select"])
def test_a_version_table_may_have_any_name(
    af_db: CommandLine, project: AlembicProject, database_url: str, name: str
) -> None:
    env_py = project.env_py.read_text()
    project.env_py.write_text(env_py.replace("render_as_batch", f"version_table={name!r}, render_as_batch"))

    for arguments in (("upgrade",), ("downgrade", "001", "--yes"), ("upgrade",)):
        outcome = af_db("local", *arguments, cwd=project.root, url=database_url)
        assert outcome.code == 0, outcome.err
    assert af_db("current", cwd=project.root, url=database_url).out == "003 (head)\n"


def test_rows_that_refer_to_nothing_stop_a_revision_on_sqlite(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    """Foreign keys are off while a table is rebuilt; what they forbid is found before the commit."""
    project.add(
        "004",
        "003",
        """
        op.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t001 (id))")
        op.execute("INSERT INTO child (parent) VALUES (7)")
        """,
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (7, "data-violates-foreign-key")
    assert "child" not in tables(sqlite_url)
    assert af_db("current", cwd=project.root, url=sqlite_url).out == "003\n"


def test_what_a_function_has_written_counts_as_committed(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """A SELECT may write; a commit inside the revision then leaves it behind."""
    project.add(
        "004",
        "003",
        """
        op.execute("SELECT setval(pg_get_serial_sequence('t001', 'id'), 41)")
        op.execute("SELECT nextval('t001_id_seq'), lo_create(0)")
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY i ON nowhere (id)")
        """,
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert outcome.code == 8
    assert "a part of 004 is committed" in outcome.error["state"]


def test_a_revision_that_has_committed_is_not_run_again_unasked(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.add("004", "003", 'op.execute("INSERT INTO t001 DEFAULT VALUES")\nop.execute("COMMIT")')
    first = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)
    assert (first.code, first.error["code"]) == (8, "ends-transaction")

    again = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (again.code, again.error["code"]) == (4, "unfinished-revision")
    assert "INSERT INTO t001" in again.error["message"]


def test_a_function_with_an_atomic_body_ends_no_transaction(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    body = "CREATE FUNCTION one() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END"
    project.add("004", "003", f'op.execute("{body}")')

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0


def test_a_foreign_key_that_sqlite_cannot_check_is_no_obstacle(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.add(
        "004",
        "003",
        """
        op.execute("CREATE TABLE parent (code TEXT)")
        op.execute("CREATE TABLE child (code TEXT REFERENCES parent (code))")
        """,
    )

    outcome = af_db("local", "upgrade", cwd=project.root, url=sqlite_url)

    assert outcome.code == 0, outcome.err
    assert af_db("local", "downgrade", "003", "--yes", cwd=project.root, url=sqlite_url).code == 0


def test_a_log_is_short_and_names_the_statements_that_take_long(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.add("004", "003", 'op.execute("SELECT 1 AS quick")\nop.execute("SELECT pg_sleep(1.1)")')

    short = af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    af_db("local", "downgrade", "003", cwd=project.root, url=postgresql_url)
    plain = af_db("local", "upgrade", "--progress", "plain", cwd=project.root, url=postgresql_url)

    assert "sql      SELECT pg_sleep(1.1)" in short.err
    assert "AS quick" not in short.err
    assert "CREATE TABLE" not in short.err
    assert "sql      SELECT 1 AS quick" in plain.err
    assert len(short.err.splitlines()) < 25
