"""The baseline: what the first revision begins with stands wherever the migrations run from the beginning."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.url import parse_url
from tests.commands import CommandLine, Outcome, run_process
from tests.integration.baseline.conftest import ADDS_COLUMN, SCHEMA, with_baseline
from tests.projects import AlembicProject

PYTHON = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("experiments", metadata, sa.Column("id", sa.Integer, primary_key=True),
         sa.Column("name", sa.String(50), nullable=False, index=True))


def create_all(connection):
    print("making the first tables")
    metadata.create_all(connection)
"""


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(parse_url(url).to_sqlalchemy())
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(sql))]
    engine.dispose()
    return found


def execute(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def test_an_empty_local_database_begins_with_the_baseline(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    outcome = af_db("local", "upgrade", cwd=old.root, url=database_url)

    assert outcome.code == 0, outcome.err
    assert "the baseline schema.sql is applied before the first revision" in outcome.err
    assert rows(database_url, "SELECT name, age FROM experiments") == [("half of it; 50%", None)]
    assert af_db("local", "upgrade", cwd=old.root, url=database_url).code == 0
    assert rows(database_url, "SELECT count(*) FROM experiments") == [(1,)]


def test_a_function_makes_the_baseline(af_db: CommandLine, old: AlembicProject, database_url: str) -> None:
    (old.root / "first_tables.py").write_text(PYTHON)
    with_baseline(old, "first_tables:create_all")

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=database_url)

    assert outcome.code == 0, outcome.err
    assert "making the first tables" in outcome.err
    assert outcome.document["after"]
    assert rows(database_url, "SELECT count(*) FROM experiments") == [(0,)]


@pytest.mark.parametrize(
    ("module", "function", "said"),
    [
        ("awaited_tables", "async def make(connection):\n    pass\n", "async or a generator"),
        ("yielded_tables", "def make(connection):\n    yield connection\n", "async or a generator"),
        ("closed_tables", "def make(connection):\n    connection.close()\n", "closes the connection"),
    ],
)
def test_a_function_that_cannot_have_made_it_is_refused(
    af_db: CommandLine, old: AlembicProject, database_url: str, module: str, function: str, said: str
) -> None:
    (old.root / f"{module}.py").write_text(function)
    with_baseline(old, f"{module}:make")

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert said in outcome.error["message"]
    assert "never awaited" not in outcome.err


def test_a_database_that_has_tables_is_left_as_it_is(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str
) -> None:
    execute(postgresql_url, "CREATE TABLE experiments (id integer PRIMARY KEY, name varchar(50) NOT NULL)")

    outcome = af_db("local", "upgrade", cwd=old.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert "baseline" not in outcome.err
    assert rows(postgresql_url, "SELECT count(*) FROM experiments") == [(0,)]


def test_checks_and_drift_begin_with_the_baseline(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    assert af_db("local", "upgrade", cwd=old.root, url=database_url).code == 0

    files = af_db("check", "--json", cwd=old.root)
    database = af_db("local", "check", "--json", cwd=old.root, url=database_url)

    assert files.document["findings"] == [], files.out
    assert any(line.startswith("up and down") for line in files.document["looked_at"])
    assert any(line.startswith("models") for line in files.document["looked_at"])
    assert database.document["findings"] == [], database.out
    assert any(line.startswith("drift") for line in database.document["looked_at"])


def test_a_baseline_for_postgresql_alone_is_not_tried_on_sqlite(
    af_db: CommandLine, old: AlembicProject
) -> None:
    (old.root / "schema.sql").write_text(f"CREATE EXTENSION IF NOT EXISTS plpgsql; {SCHEMA}")

    outcome = af_db("check", "--json", cwd=old.root, url="postgresql://nobody@localhost/none")

    assert outcome.document["findings"] == [], outcome.out
    assert any("on SQLite: the baseline schema.sql" in line for line in outcome.document["skipped"])


def test_production_gets_the_baseline_by_consent_only(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str
) -> None:
    plan = af_db("prod", "plan", "--json", cwd=old.root, url=postgresql_url)
    refused = af_db("prod", "upgrade", "--yes", "--json", cwd=old.root, url=postgresql_url)
    unrehearsed = af_db(
        "prod", "upgrade", "--yes", "--no-rehearsal", "--json", cwd=old.root, url=postgresql_url
    )

    assert plan.code == 0, plan.err
    assert "--allow baseline" in plan.out
    assert "the baseline schema.sql is applied before the first revision" in plan.out
    for outcome in (refused, unrehearsed):
        assert (outcome.code, outcome.error["code"]) == (4, "needs-baseline")
        assert any("--allow baseline" in step for step in outcome.error["next_steps"])
    assert rows(postgresql_url, "SELECT count(*) FROM pg_class WHERE relname = 'experiments'") == [(0,)]

    done = af_db("prod", "upgrade", "--yes", "--allow", "baseline", cwd=old.root, url=postgresql_url)

    assert done.code == 0, done.err
    assert rows(postgresql_url, "SELECT name, age FROM experiments") == [("half of it; 50%", None)]
    check = af_db("prod", "check", "--json", cwd=old.root, url=postgresql_url)
    assert [item["code"] for item in check.document["findings"] if item["level"] == "error"] == []


def test_a_saved_plan_is_bound_to_the_baseline(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    saved = af_db(
        *("prod", "plan", "--allow", "baseline", "--out", str(path)), cwd=old.root, url=postgresql_url
    )
    assert saved.code == 0, saved.err
    assert "schema.sql" in [item["file"] for item in json.loads(path.read_text())["files"]]
    (old.root / "schema.sql").write_text(SCHEMA.replace("half", "none"))

    run = ("prod", "upgrade", "--yes", "--plan", str(path), "--json")
    stale = af_db(*run, cwd=old.root, url=postgresql_url)

    assert (stale.code, stale.error["code"]) == (4, "stale-plan")
    assert "schema.sql (SHA-256)" in stale.error["message"]
    (old.root / "schema.sql").write_text(SCHEMA)
    done = af_db(*run, cwd=old.root, url=postgresql_url)
    assert done.code == 0, done.err
    assert rows(postgresql_url, "SELECT count(*) FROM experiments") == [(1,)]


def test_a_baseline_that_fails_is_named_with_its_line_and_statement(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    (old.root / "schema.sql").write_text(
        "CREATE TABLE first (id integer);\n\nCREATE TABLE second (\n  id nothing REFERENCES (\n);"
    )

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert outcome.error["message"].startswith("the baseline schema.sql, line 3, fails: ")
    assert "CREATE TABLE second ( id nothing" in outcome.error["message"]
    assert outcome.error["state"] == "unchanged"
    everything = af_db("local", "current", "--json", cwd=old.root, url=database_url)
    assert everything.document["current"] == []
    name = "sqlite_master" if database_url.startswith("sqlite") else "pg_class"
    column = "name" if name == "sqlite_master" else "relname"
    assert rows(database_url, f"SELECT count(*) FROM {name} WHERE {column} = 'first'") == [(0,)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("\\connect other\nSELECT 1;", "line 1, fails: \\connect is a command of psql's"),
        ("SELECT 1;\nCOPY t (a) FROM stdin;\n1\n\\.\n", "line 2, fails: COPY FROM stdin needs psql"),
        ("SELECT 1;\nCOPY t (a) FROM stdin;\n\\N\nit's\n\\.\n", "line 2, fails: COPY FROM stdin needs psql"),
    ],
)
def test_what_only_psql_understands_is_refused(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str, sql: str, said: str
) -> None:
    (old.root / "schema.sql").write_text(sql)

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=postgresql_url)

    assert outcome.error["code"] == "baseline-failed"
    assert said in outcome.error["message"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("other.sql", "cannot be read: No such file"),
        ("nowhere:make", "cannot be imported: ModuleNotFoundError"),
        ("json:make", "json has no function make"),
    ],
)
def test_a_baseline_that_is_not_there_is_a_fault_of_the_configuration(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str, name: str, said: str
) -> None:
    with_baseline(old, name)

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (2, "bad-baseline")
    assert said in outcome.error["message"]


def test_roles_and_schemas_of_a_baseline_may_be_there(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str
) -> None:
    """A role is the server's, not the database's: the second throwaway database finds it."""
    (old.root / "schema.sql").write_text(
        f"CREATE ROLE of_the_baseline; CREATE SCHEMA public; CREATE SCHEMA own;\n"
        "SELECT set_config('search_path', '', false); CREATE TABLE own.a (id integer);\n"
        "CREATE FUNCTION own.two() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;\n"
        f"SET search_path = public; {SCHEMA}"
    )
    try:
        assert af_db("local", "upgrade", cwd=old.root, url=postgresql_url).code == 0
        outcome = af_db("local", "check", "--json", cwd=old.root, url=postgresql_url)
        assert outcome.document["findings"] == [], outcome.out
        assert any(line.startswith("drift") for line in outcome.document["looked_at"])
    finally:
        execute(postgresql_url, "DROP ROLE of_the_baseline")


def test_a_role_without_rights_to_make_it_is_told_so_by_line(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str
) -> None:
    old.add("002", "001", ADDS_COLUMN.replace("age", "size"))
    (old.root / "schema.sql").write_text("SELECT 1;\nCREATE EXTENSION no_such_extension;")

    outcome = af_db("prod", "plan", "--json", cwd=old.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert "schema.sql, line 2, fails: extension" in outcome.error["message"]


def test_an_empty_version_table_in_a_dump_does_no_harm(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    table = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);"
    (old.root / "schema.sql").write_text(f"{SCHEMA}\n{table}")

    outcome = af_db("local", "upgrade", cwd=old.root, url=database_url)

    assert outcome.code == 0, outcome.err
    assert af_db("local", "check", "--json", cwd=old.root, url=database_url).document["findings"] == []


def test_a_baseline_that_says_at_which_revision_it_is_is_refused(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    """It would leave out revisions on throwaway databases, and run them on the real one."""
    (old.root / "schema.sql").write_text(
        f"{SCHEMA}\nCREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);\n"
        "INSERT INTO alembic_version VALUES ('001');"
    )

    checked = af_db("check", "--json", cwd=old.root)
    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert "writes into the version table: at 001" in outcome.error["message"]
    assert any("writes into the version table" in item["message"] for item in checked.document["findings"])


def test_a_whole_dump_that_says_at_which_revision_it_is_is_refused(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str
) -> None:
    """pg_dump empties the search_path first: the version table is found all the same, and as by whom."""
    (old.root / "schema.sql").write_text(
        "SELECT pg_catalog.set_config('search_path', '', false); SET ROLE pg_monitor; RESET ROLE;\n"
        "CREATE TABLE public.experiments (id integer NOT NULL PRIMARY KEY, name varchar(50) NOT NULL);\n"
        "CREATE TABLE public.alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);\n"
        "INSERT INTO public.alembic_version VALUES ('001');\nSET ROLE pg_monitor;"
    )

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert "writes into the version table: at 001" in outcome.error["message"]


@pytest.mark.parametrize("sql", ["ROLLBACK", "abort work", "COMMIT AND CHAIN", "END AND CHAIN"])
def test_a_baseline_does_not_end_its_transaction(
    af_db: CommandLine, old: AlembicProject, database_url: str, sql: str
) -> None:
    (old.root / "schema.sql").write_text(f"{SCHEMA}\n{sql};\nSELECT * FROM nowhere;")
    line = SCHEMA.count("\n") + 2

    outcome = af_db("local", "upgrade", "--json", cwd=old.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert f"line {line}, fails: {sql} would end the transaction" in outcome.error["message"]
    with pytest.raises(sa.exc.DBAPIError):
        rows(database_url, "SELECT * FROM experiments")


def test_a_baseline_goes_back_to_a_savepoint_of_its_own(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    (old.root / "schema.sql").write_text(
        f"{SCHEMA}\nSAVEPOINT a; DELETE FROM experiments; ROLLBACK TO a; RELEASE a;"
    )

    assert af_db("local", "upgrade", cwd=old.root, url=database_url).code == 0
    assert rows(database_url, "SELECT count(*) FROM experiments") == [(1,)]


def test_a_baseline_may_begin_with_the_mark_of_its_encoding(
    af_db: CommandLine, old: AlembicProject, database_url: str
) -> None:
    (old.root / "schema.sql").write_bytes(SCHEMA.lstrip().replace("\n", "\r\n").encode("utf-8-sig"))

    outcome = af_db("local", "upgrade", cwd=old.root, url=database_url)

    assert outcome.code == 0, outcome.err
    assert rows(database_url, "SELECT count(*) FROM experiments") == [(1,)]


def test_a_failing_baseline_is_a_finding_with_its_place(af_db: CommandLine, old: AlembicProject) -> None:
    (old.root / "schema.sql").write_text("SELECT 1;\nSELECT * FROM nowhere;")

    outcome = af_db("check", "--json", cwd=old.root)

    assert outcome.code == 3
    found = [item for item in outcome.document["findings"] if item["code"] == "baseline-failed"]
    assert [(Path(item["file"]).name, item["line"]) for item in found] == [("schema.sql", 2)]


def test_a_function_of_the_baseline_reaches_no_other_database(
    af_db: CommandLine, old: AlembicProject, postgresql_url: str
) -> None:
    (old.root / "others_tables.py").write_text(
        "import psycopg2\n\n\ndef make(connection):\n    psycopg2.connect('postgresql://a@127.0.0.1:1/other')\n"
    )
    with_baseline(old, "others_tables:make")

    outcome = af_db("prod", "plan", "--json", cwd=old.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "baseline-failed")
    assert "no connection to" in outcome.error["message"]


def test_two_runs_at_once_apply_it_once(old: AlembicProject, postgresql_url: str) -> None:
    def upgrade(_number: int) -> Outcome:
        return run_process("local", "upgrade", cwd=old.root, url=postgresql_url)

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(upgrade, range(2)))

    assert [outcome.code for outcome in done] == [0, 0], done
    assert rows(postgresql_url, "SELECT count(*) FROM experiments") == [(1,)]
