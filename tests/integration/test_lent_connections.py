"""env.py files that make an engine of their own: it gets af-db's connection, and means what it did."""

from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, run_process
from tests.env_py_files import (
    BY_ITSELF,
    CONNECTS,
    FROM_AF_DB,
    HEAD,
    IN_APP,
    LOGGING,
    RUNS,
    TEMPLATES,
)
from tests.integration.tables import tables_made
from tests.postgres import new_database
from tests.projects import AlembicProject


def execute(url: str, sql: str) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(sql)


def made_in(url: str) -> list[tuple[str, str]]:
    """The tables of a PostgreSQL database with their schemas, but for af-db's own."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'af_db') ORDER BY 1, 2"
        )
        return cursor.fetchall()


def goes_up_and_down(af_db: CommandLine, root: Path, url: str) -> None:
    for arguments, current in (
        (("local", "plan"), "(no"),
        (("local", "upgrade", "002"), "002"),
        (("local", "upgrade"), "003"),
        (("local", "downgrade", "001", "--yes"), "001"),
        (("local", "upgrade", "head"), "003"),
    ):
        outcome = af_db(*arguments, cwd=root, url=url)
        assert outcome.code == 0, outcome.err
        assert af_db("current", cwd=root, url=url).out.split()[0] == current


@pytest.mark.parametrize("env_py", FROM_AF_DB.values(), ids=FROM_AF_DB)
def test_what_takes_af_dbs_connection_for_an_engine_runs_as_it_is(
    af_db: CommandLine, project: AlembicProject, database_url: str, env_py: str
) -> None:
    project.env_py.write_text(env_py)

    goes_up_and_down(af_db, project.root, database_url)

    assert tables_made(database_url) == {"t001", "t002", "t003"}


@pytest.mark.parametrize("template", ["generic", "async"])
@pytest.mark.parametrize("url", ["", None, "postgresql+asyncpg://somebody:secret@elsewhere/other"])
def test_what_alembic_init_writes_runs_as_it_is(
    af_db: CommandLine, project: AlembicProject, database_url: str, template: str, url: str | None
) -> None:
    project.env_py.write_text((TEMPLATES / template / "env.py").read_text())
    named = "" if url is None else f"sqlalchemy.url = {url}\n"
    project.config.write_text(project.config.read_text() + named + LOGGING)

    goes_up_and_down(af_db, project.root, database_url)

    assert tables_made(database_url) == {"t001", "t002", "t003"}


@pytest.mark.parametrize("env_py", IN_APP.values(), ids=IN_APP)
def test_what_its_engine_does_to_a_connection_is_done(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, server_url: DatabaseURL, env_py: str
) -> None:
    project.env_py.write_text(env_py)
    execute(postgresql_url, "CREATE SCHEMA app")

    goes_up_and_down(af_db, project.root, postgresql_url)

    with new_database(server_url) as url:
        execute(url, "CREATE SCHEMA app")
        plain = run_process("upgrade", "head", cwd=project.root, url=url, program="alembic")
        assert plain.code == 0, plain.err
        assert made_in(postgresql_url) == made_in(url)
    assert {schema for schema, _name in made_in(postgresql_url)} == {"app"}


def test_what_it_writes_is_done_in_a_run_and_only_named_where_af_db_reads(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(
        HEAD
        + """with engine.connect() as connection:
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS app"))
    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS app.made (a int)"))
    connection.commit()
"""
        + RUNS
    )

    looked = af_db("current", cwd=project.root, url=postgresql_url)

    assert (looked.code, looked.out) == (0, "(no revision)\n")
    assert "line 11: not done here, where af-db only reads: CREATE SCHEMA IF NOT EXISTS app" in looked.err
    assert made_in(postgresql_url) == []
    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert ("app", "made") in made_in(postgresql_url)


def test_a_schema_of_its_search_path_that_only_the_run_has_made_takes_a_second_run(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    made = """:
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS app"))
    connection.commit()
"""
    project.env_py.write_text(IN_APP["options of the engine"].replace(":\n", made, 1))

    first = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (first.code, first.error["code"]) == (4, "plan-changed")
    assert first.error["state"] == "no revision ran; what env.py has made and committed is there"
    assert first.error["next_steps"] == ["run it again, for that schema: af-db local upgrade head"]
    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert {schema for schema, _name in made_in(postgresql_url)} == {"app"}


def test_a_map_of_schemas_that_hides_the_version_table_from_alembic_is_refused(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """Alembic writes by the map, and looks without it: each upgrade would begin with the first revision."""
    execute(postgresql_url, "CREATE SCHEMA app")
    mapped = HEAD.replace(
        "create_engine(URL)", 'create_engine(URL).execution_options(schema_translate_map={None: "app"})'
    )
    project.env_py.write_text(mapped + CONNECTS)

    for arguments in (("current",), ("local", "plan"), ("local", "upgrade")):
        refused = af_db(*arguments, "--json", cwd=project.root, url=postgresql_url)

        assert (refused.code, refused.error["code"]) == (2, "bad-configuration")
        assert refused.error["next_steps"] == [
            "name the schema: context.configure(version_table_schema='app', ...)"
        ]
    assert made_in(postgresql_url) == []

    project.env_py.write_text(
        mapped + CONNECTS.replace("configure(", "configure(version_table_schema='app', ")
    )
    goes_up_and_down(af_db, project.root, postgresql_url)
    assert {schema for schema, _name in made_in(postgresql_url)} == {"app"}


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ('sa.create_engine(URL.rpartition("/")[0] + "/postgres")', "not the database that af-db works on"),
        ('sa.create_engine(sa.make_url(URL).set(username="somebody"))', "env.py logs in as somebody"),
        ('sa.create_engine(URL, connect_args={"options": "-E"})', "has `options` with"),
        (
            'sa.create_engine(URL, connect_args={"cursor_factory": type("Own", (), {})})',
            "cursor_factory",
        ),
        (
            'sa.create_engine(URL, creator=lambda: __import__("psycopg2").connect('
            'os.environ["DATABASE_URL"]))',
            "its engine has a `creator`",
        ),
        (
            'sa.create_engine(URL)\nother = engine.connect()\nother.execute(sa.text("SELECT 1"))\n'
            'engine = sa.create_engine("sqlite:///other.db")',
            "its engine is for sqlite other.db, and a command works on one database",
        ),
        (
            'sa.create_engine(URL)\nother = engine.connect()\nother.execute(sa.text("SELECT 1"))',
            "lent at env.py, line 10, which is in a transaction, and has not been given",
        ),
    ],
    ids=[
        "database",
        "role",
        "options",
        "class of cursors",
        "creator",
        "another database beside one in a transaction",
        "another one in a transaction",
    ],
)
def test_what_cannot_be_had_is_refused_by_name(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, engine: str, why: str
) -> None:
    project.env_py.write_text(HEAD.replace("sa.create_engine(URL)", engine) + CONNECTS)

    for arguments in (("current",), ("local", "plan"), ("local", "upgrade")):
        outcome = af_db(*arguments, "--json", cwd=project.root, url=postgresql_url)

        assert (outcome.code, outcome.error["code"]) == (2, "env-py-contract")
        assert why in outcome.error["message"]
    assert made_in(postgresql_url) == []


@pytest.mark.parametrize(
    "url", ["postgresql://u:p%40ss@h/d", "sqlite:///a%b.db", "sqlite:///%(nowhere)s/a.db"]
)
def test_a_url_that_cannot_be_read_is_nothing_to_an_env_py_that_does_not_ask_for_it(
    af_db: CommandLine, project: AlembicProject, database_url: str, url: str
) -> None:
    project.env_py.write_text(HEAD + CONNECTS)
    project.config.write_text(project.config.read_text() + f"sqlalchemy.url = {url}\n")

    goes_up_and_down(af_db, project.root, database_url)

    assert tables_made(database_url) == {"t001", "t002", "t003"}


def test_an_engine_that_a_revision_has_in_common_with_env_py_connects_by_itself_there(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    shared = f"engine_of_{project.root.name}"
    (project.root / f"{shared}.py").write_text(HEAD)
    project.env_py.write_text(f"from {shared} import context, engine\n\n{CONNECTS}")
    project.add(
        "004",
        "003",
        f"""
        from {shared} import engine
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE by_itself (a int)"))
        raise ValueError("the revision is rolled back")
        """,
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (7, "revision-failed")
    assert "rolled back" in outcome.error["state"], outcome.error
    assert ("public", "by_itself") in made_in(postgresql_url)


def test_migrations_inside_of_a_savepoint_are_refused_by_name(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(
        f"{HEAD}with engine.begin() as connection, connection.begin_nested():{RUNS}",
    )

    for arguments in (("local", "plan"), ("local", "upgrade")):
        outcome = af_db(*arguments, "--json", cwd=project.root, url=postgresql_url)

        assert (outcome.code, outcome.error["code"]) == (2, "env-py-contract")
        assert "inside of a savepoint (begin_nested)" in outcome.error["message"]
    assert made_in(postgresql_url) == []


def test_what_it_asks_the_tables_after_the_run_is_no_fault_where_no_revision_runs(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.env_py.write_text(f"{HEAD}{CONNECTS}    connection.execute(sa.text('SELECT 1 FROM t001'))\n")

    goes_up_and_down(af_db, project.root, database_url)


def test_an_engine_of_a_module_finds_the_sqlite_file_that_the_run_makes(
    af_db: CommandLine, project: AlembicProject, tmp_path: Path
) -> None:
    file, shared = tmp_path / "new.db", f"engine_of_{project.root.name}"
    (project.root / f"{shared}.py").write_text(HEAD)
    project.env_py.write_text(f"from {shared} import context, engine\n\n{CONNECTS}")

    planned = af_db("local", "plan", cwd=project.root, url=f"sqlite:///{file}")
    assert planned.code == 0, planned.err
    assert not file.exists()
    outcome = af_db("local", "upgrade", cwd=project.root, url=f"sqlite:///{file}")

    assert outcome.code == 0, outcome.err
    assert tables_made(f"sqlite:///{file}") == {"t001", "t002", "t003"}


ON_EVERY_ENGINE = """
import sqlalchemy.event


@sqlalchemy.event.listens_for(sa.Engine, "connect")
def foreign_keys(driver, _record):
    driver.execute("PRAGMA foreign_keys = ON")


@sqlalchemy.event.listens_for(sa.Engine, "begin")
def begin(connection):
    connection.exec_driver_sql("BEGIN")


@sqlalchemy.event.listens_for(sa.Engine, "before_cursor_execute", retval=True)
def as_of_tenant(connection, cursor, statement, *_facts):
    return statement.replace("t002", "of_tenant"), _facts[0]


"""


@pytest.mark.parametrize("env_py", [None, BY_ITSELF["an engine of its own"]], ids=["of af-db", "lent"])
def test_what_a_project_listens_to_on_every_engine_is_for_none_of_af_dbs(
    project: AlembicProject, database_url: str, env_py: str | None
) -> None:
    af_db = run_process  # a listener stays as long as the process
    (project.root / "pyproject.toml").write_text('[tool.af-db]\ndatabases = ["sqlite"]\n')
    text = env_py or project.env_py.read_text()
    project.env_py.write_text("import sqlalchemy as sa\n" + ON_EVERY_ENGINE + text)
    if env_py and database_url.startswith("postgresql"):
        refused = af_db("local", "plan", cwd=project.root, url=database_url)
        assert refused.code == 2  # the PRAGMA is for its own engine, here as with plain Alembic
        assert "env.py, line 8" in refused.err
        return

    for command in ("plan", "upgrade", "check", "history"):
        outcome = af_db("local", command, cwd=project.root, url=database_url)
        assert outcome.code == 0, outcome.err
    checked = af_db("check", cwd=project.root, url=database_url)

    assert checked.code == 0, checked.out + checked.err
    assert tables_made(database_url) == {"t001", "of_tenant", "t003"}


@pytest.mark.skipif(sa.__version__ < "2.1", reason="SQLAlchemy 2.0 takes psycopg2 without a driver")
@pytest.mark.parametrize("words", ["local upgrade", "prod current"])
def test_a_url_without_a_driver_that_asks_for_another_one_than_there_is(
    project: AlembicProject, postgresql_url: str, words: str
) -> None:
    hidden = 'import sys\nsys.modules["psycopg"] = None  # as where it is not installed\n'
    head = HEAD.replace('.replace("postgresql:", "postgresql+psycopg2:")', "")
    project.env_py.write_text(hidden + head + CONNECTS)

    outcome = run_process(*words.split(), "--json", cwd=project.root, url=postgresql_url)

    assert outcome.code == 2
    assert "asks for psycopg 3 where a URL begins with postgresql://" in outcome.out
    assert "postgresql+psycopg2://" in outcome.out


KEPT = """
import os

URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")
kept = sa.create_engine(URL).connect()
kept.execute(sa.text("SELECT 1"))
metadata = sa.MetaData()
"""


def test_a_connection_that_the_models_keep_open_from_their_import_on(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """It is nobody's business where env.py works on af-db's, and refused where env.py works on it."""
    project.write_models(KEPT)
    goes_up_and_down(af_db, project.root, postgresql_url)
    module = next(project.root.glob("models_of_*.py")).stem
    code = project.env_py.read_text()
    taken = f"from {module} import kept as connection\n"
    project.env_py.write_text(
        code.replace(code[code.index("connection =") : code.index("context.conf")], taken)
    )

    refused = run_process(
        "local", "downgrade", "base", "--yes", "--json", cwd=project.root, url=postgresql_url
    )

    assert (refused.code, refused.error["code"]) == (2, "env-py-contract")
    assert af_db("current", cwd=project.root, url=postgresql_url).code in (0, 2)
    assert len(made_in(postgresql_url)) == 4
