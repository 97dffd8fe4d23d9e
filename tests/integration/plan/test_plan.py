"""``plan``, and the plan before the question of ``prod upgrade``: what it shows, refuses and compares."""

import contextlib
import json
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome
from tests.conftest import Templates
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """A database at 001, which has made the table ``people``."""

    af_db: CommandLine
    project: AlembicProject
    url: str

    def __call__(self, *arguments: str) -> Outcome:
        return self.af_db("prod", *arguments, cwd=self.project.root, url=self.url)

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def fill(self, rows: int = 1000) -> None:
        self.execute(
            f"INSERT INTO people SELECT g, 'name ' || g FROM generate_series(1, {rows}) g; ANALYZE people"
        )

    def columns(self) -> set[object]:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'people'"
        return {row[0] for row in self.execute(query)}


@pytest.fixture
def production(
    af_db: CommandLine, tmp_path: Path, server_url: DatabaseURL, templates: Templates
) -> Iterator[Production]:
    project = make_project(tmp_path / "shop")
    project.add(
        "001",
        None,
        """
        columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text)
        op.create_table("people", *columns)
        """,
        'op.drop_table("people")',
    )

    def migrate(url: str) -> None:
        it = Production(af_db=af_db, project=project, url=url)
        assert it("upgrade", "--yes", "--no-rehearsal").code == 0

    with new_database(server_url, template=templates("people", migrate)) as url:
        yield Production(af_db=af_db, project=project, url=url)


def drop_name(production: Production) -> None:
    production.project.add(
        "002",
        "001",
        'op.drop_column("people", "name")',
        'op.add_column("people", sa.Column("name", sa.Text))',
    )


@pytest.mark.usefixtures("own_scratch_server")
def test_a_plan_changes_nothing(production: Production) -> None:
    drop_name(production)
    production.fill()
    outcome = production("plan", "--json")

    assert outcome.code == 0
    assert production.columns() == {"id", "name"}
    assert production("current").out.split()[0] == "001"


@pytest.mark.usefixtures("own_scratch_server")
def test_a_role_that_may_only_read_can_plan(production: Production) -> None:
    drop_name(production)
    role = f"reader_{abs(hash(production.url)) % 10**9}"
    production.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT pg_read_all_data TO {role};"
        f"ALTER ROLE {role} SET default_transaction_read_only = on"
    )
    try:
        address = production.url.partition("@")[2]
        outcome = production.af_db(
            "prod", "plan", "--json", cwd=production.project.root, url=f"postgresql://{role}:reader@{address}"
        )
    finally:
        production.execute(f"DROP ROLE {role}")

    assert outcome.code == 0
    assert outcome.document["review"]["schema_from"] == "a copy of the database's own"


def test_statements_have_locks_and_production_sizes(production: Production) -> None:
    production.project.add("002", "001", 'op.create_index("ix_people_name", "people", ["name"])')
    production.fill(5000)

    (revision,) = production("plan", "--json").document["review"]["revisions"]

    (statement,) = revision["statements"]
    (table,) = statement["tables"]
    assert statement["sql"] == "CREATE INDEX ix_people_name ON people (name)"
    assert (table["name"], table["lock"], table["blocks"]) == ("public.people", "SHARE", "writes")
    assert table["scans"] is True
    assert table["rewrites"] is False
    assert 4000 < table["rows"] < 6000
    assert statement["estimate"]["seconds"] > 0


def test_a_high_hazard_wants_its_name_whatever_yes_says(production: Production) -> None:
    drop_name(production)
    production.fill()

    refused = production("upgrade", "--yes")
    assert refused.code == 4
    assert "--allow deletes-data" in refused.err
    assert production.columns() == {"id", "name"}

    wrong = production("upgrade", "--yes", "--allow", "rewrites-table")
    assert wrong.code == 4

    allowed = production("upgrade", "--yes", "--allow", "rewrites-table,deletes-data,breaks-running-code")
    assert allowed.code == 0, allowed.err
    assert production.columns() == {"id"}


def test_the_same_on_an_empty_table_needs_no_name(production: Production) -> None:
    drop_name(production)

    assert production("upgrade", "--yes").code == 0


def test_the_refusal_keeps_the_options(production: Production) -> None:
    drop_name(production)
    production.fill()

    refused = production("upgrade", "002", "--yes", "--json", "--retry-for", "1min", "--allow", "scans-table")
    command = refused.error["next_steps"][-1].partition(": ")[2]

    assert command.startswith("af-db prod upgrade 002 --yes --retry-for 1min --json --allow scans-table,")
    assert production(*shlex.split(command)[2:]).code == 0


def test_a_name_that_is_no_hazard_is_refused(production: Production) -> None:
    drop_name(production)

    outcome = production("upgrade", "--yes", "--json", "--allow", "everything")

    assert (outcome.code, outcome.error["code"]) == (2, "unknown-hazard")


def test_a_revision_that_fails_at_the_rehearsal_is_stopped_before_production(production: Production) -> None:
    production.project.add("002", "001", 'op.execute("ALTER TABLE people ADD COLUMN name text")')

    outcome = production("upgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed")
    assert "002" in outcome.error["message"]
    assert "002_step_002.py, line" in outcome.error["message"]
    assert outcome.error["next_steps"][0] == "correct alembic/versions/002_step_002.py, line 12"
    assert "--no-rehearsal" not in str(outcome.error["next_steps"]), "it would run what is broken"
    assert production("history").out.count("not by af-db") == 0


def test_what_cannot_run_in_a_transaction_is_told_with_its_safe_form(production: Production) -> None:
    production.project.add("002", "001", 'op.execute("CREATE INDEX CONCURRENTLY ix_name ON people (name)")')

    outcome = production("plan", "--json")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed")
    assert outcome.error["next_steps"][0] == "correct alembic/versions/002_step_002.py, line 12"
    assert "with op.get_context().autocommit_block():" in outcome.error["next_steps"][1]
    assert "ix_name" in outcome.error["next_steps"][1]


def test_an_index_that_a_killed_run_has_finished_is_no_obstacle(production: Production) -> None:
    """PostgreSQL finishes a build whose client is gone, and the copy of the schema has the index then."""
    production.project.add(
        "002",
        "001",
        """
        with op.get_context().autocommit_block():
            op.create_index("ix_people_name", "people", ["name"], postgresql_concurrently=True)
        """,
    )
    production.execute(
        "CREATE INDEX ix_people_name ON people (name);"
        "INSERT INTO af_db.journal (run_id, revision, direction, state, source_sha256, source, statements,"
        " af_db_version, alembic_version, started_at)"
        " VALUES (gen_random_uuid(), '002', 'upgrade', 'started', '', '',"
        " ARRAY['CREATE INDEX CONCURRENTLY ix_people_name ON people (name)'], '', '', now())"
    )

    outcome = production("upgrade", "--yes")

    assert outcome.code == 0, outcome.err
    assert production("current").out.split()[0] == "002"


def test_what_comes_out_otherwise_than_rehearsed_is_told(production: Production) -> None:
    production.fill(10)
    production.project.add(
        "002",
        "001",
        """
        if op.get_bind().scalar(sa.text("SELECT count(*) FROM people")):
            op.add_column("people", sa.Column("only_with_rows", sa.Integer))
        """,
    )

    outcome = production("upgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"]) == (8, "not-as-rehearsed")
    assert "public.people.only_with_rows" in outcome.error["message"]
    assert production("current").out.split()[0] == "002"


@pytest.mark.usefixtures("own_scratch_server")
@pytest.mark.slow
def test_what_the_copy_has_otherwise_is_said_to_be_left_out(production: Production) -> None:
    production.project.add("002", "001", 'op.create_table("t", sa.Column("id", sa.Integer))')
    production.execute("CREATE FOREIGN DATA WRAPPER elsewhere")
    for number in range(1, 8):
        production.execute(
            f"CREATE SERVER s{number} FOREIGN DATA WRAPPER elsewhere OPTIONS (host 'db{number}.example.com')"
        )

    planned = production("plan", "--json").document["warnings"]
    ran = production("upgrade", "--yes")

    (warning,) = planned
    assert warning["code"] == "not-compared"
    assert "7 objects" in warning["message"]
    assert "server s1" in warning["message"]
    assert "and 2 more" in warning["message"]
    assert ran.code == 0
    assert warning["message"] in " ".join(ran.err.split())


def test_without_a_server_the_plan_says_so_and_the_upgrade_runs(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_name(production)
    monkeypatch.setenv("AF_DB_SCRATCH_URL", "postgresql://nobody:x@127.0.0.1:1/postgres")

    planned = production("plan", "--json").document["review"]
    assert planned["rehearsed_on"] is None
    assert any("--scratch-url" in note for note in planned["notes"])
    assert production("upgrade", "--yes").code == 0


def test_a_project_may_want_every_plan_rehearsed(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_name(production)
    (production.project.root / "pyproject.toml").write_text("[tool.af-db]\nrequire-rehearsal = true\n")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", "postgresql://nobody:x@127.0.0.1:1/postgres")

    outcome = production("upgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-required")
    assert production.columns() == {"id", "name"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        pytest.param('require-rehearsal = "yes"', "must be true or false", id="another type"),
        pytest.param("require-rehersal = true", "has no key 'require-rehersal'", id="a slip"),
    ],
)
def test_a_wrong_configuration_is_named(production: Production, table: str, said: str) -> None:
    (production.project.root / "pyproject.toml").write_text(f"[tool.af-db]\n{table}\n")

    outcome = production("plan", "--json")

    assert (outcome.code, outcome.error["code"]) == (2, "bad-configuration")
    assert said in outcome.error["message"]


def test_the_server_of_production_is_no_scratch_server(production: Production) -> None:
    drop_name(production)

    outcome = production("plan", "--json", "--scratch-url", production.url)

    assert outcome.document["review"]["rehearsed_on"] is None
    assert any("production's own server" in note for note in outcome.document["review"]["notes"])


def unfinished(production: Production) -> None:
    production.execute(
        "ALTER TABLE people ADD COLUMN age int;"
        "INSERT INTO af_db.journal (run_id, revision, direction, state, source_sha256, source, statements,"
        " af_db_version, alembic_version, started_at)"
        " VALUES (gen_random_uuid(), '002', 'upgrade', 'started', '', '',"
        " ARRAY['ALTER TABLE people ADD COLUMN age int'], '', '', now())"
    )


def renamed(production: Production) -> None:
    assert production("environment", "staging", "--yes").code == 0


def edited(production: Production) -> None:
    path = production.project.versions / "001_step_001.py"
    path.write_text(f"{path.read_text()}\n# edited\n")


@pytest.mark.parametrize(
    ("happened", "code", "said"),
    [
        pytest.param(renamed, "wrong-environment", "is staging, not production", id="name"),
        pytest.param(edited, "edited-revision", "001 changed after it was applied", id="edited"),
        pytest.param(unfinished, "unfinished-revision", "an earlier run ended inside 002", id="unfinished"),
    ],
)
def test_a_plan_says_what_the_upgrade_will_refuse(
    production: Production, happened: Callable[[Production], None], code: str, said: str
) -> None:
    production.project.add("002", "001", 'op.add_column("people", sa.Column("note", sa.Text))')
    happened(production)

    planned = production("plan", "--json")
    refused = production("upgrade", "--yes", "--json")

    assert planned.code == 0
    (warning,) = planned.document["warnings"]
    assert warning["code"] == refused.error["code"] == code
    assert warning["message"].startswith("prod upgrade will refuse: ")
    assert said in warning["message"]
    assert refused.code == 4
    assert said in " ".join(production("plan").out.split())


def test_what_a_plan_fails_for_is_told_with_what_the_upgrade_will_refuse(production: Production) -> None:
    production.project.add("002", "001", 'op.execute("ALTER TABLE people ADD COLUMN age int")')
    unfinished(production)

    outcome = production("plan", "--json")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed")
    assert "prod upgrade will refuse: an earlier run ended inside 002" in outcome.error["message"]


def test_an_environment_that_is_expected_is_no_obstacle(production: Production) -> None:
    drop_name(production)
    renamed(production)

    assert production("plan", "--json", "--environment", "staging").document["warnings"] == []


def test_a_role_that_may_not_read_the_journal_is_told_what_it_cannot_know(production: Production) -> None:
    drop_name(production)
    role = f"reader_{abs(hash(production.url)) % 10**9}"
    production.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    )
    try:
        address = production.url.partition("@")[2]
        outcome = production.af_db(
            "prod", "plan", "--json", cwd=production.project.root, url=f"postgresql://{role}:reader@{address}"
        )
    finally:
        production.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert outcome.code == 0
    assert [warning["code"] for warning in outcome.document["warnings"]] == ["journal-not-read"]
    assert f"{role} may not read af_db" in outcome.document["warnings"][0]["message"]


def test_a_plan_leads_one_way(production: Production) -> None:
    outcome = production("plan", "005", "--json", "--downgrade", "001")

    assert (outcome.code, outcome.error["code"]) == (2, "usage")
    assert "005" in outcome.error["message"]
    assert "--downgrade 001" in outcome.error["message"]


_ENDLESS_PROCEDURE = """
op.execute("CREATE PROCEDURE wait() LANGUAGE plpgsql AS 'BEGIN COMMIT; PERFORM pg_sleep(60); END'")
with op.get_context().autocommit_block():
    op.execute("CALL wait()")
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param('op.execute("SELECT pg_sleep(60)")', "SELECT pg_sleep(60)", id="a statement"),
        pytest.param(
            'op.execute("SET statement_timeout = 0")\nop.execute("SELECT pg_sleep(60)")',
            "SELECT pg_sleep(60)",
            id="a statement that lifts the limit of statements",
        ),
        pytest.param(_ENDLESS_PROCEDURE, "CALL wait()", id="outside of a transaction"),
        pytest.param("while True:\n    pass", "002_step_002.py, line", id="a loop"),
        pytest.param("import time\ntime.sleep(60)", "002_step_002.py, line", id="a pause"),
        pytest.param(
            'while True:\n    op.execute("SELECT 1")', "002_step_002.py, line", id="many statements"
        ),
    ],
)
def test_what_does_not_end_is_ended(production: Production, body: str, said: str) -> None:
    production.project.add("002", "001", body)
    began = time.monotonic()

    outcome = production("plan", "--json", "--rehearsal-timeout", "1s")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed")
    assert "revision 002 failed: it did not finish in 1 s" in outcome.error["message"]
    assert said in outcome.error["message"]
    assert "--rehearsal-timeout" in outcome.error["next_steps"][0]
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("own_scratch_server")
@pytest.mark.slow
def test_earlier_revisions_that_do_not_end_hold_up_only_the_look_for_drift(production: Production) -> None:
    drop_name(production)
    path = production.project.versions / "001_step_001.py"
    path.write_text(
        path.read_text().replace("def upgrade():", "def upgrade():\n    op.execute('SELECT pg_sleep(60)')")
    )

    outcome = production("plan", "--json", "--rehearsal-timeout", "1s")

    assert outcome.code == 0
    (note,) = outcome.document["review"]["notes"]
    assert note.startswith("drift was not checked")
    assert "001: it did not finish in 1 s" in note


@pytest.mark.usefixtures("own_scratch_server")
@pytest.mark.slow
def test_the_limit_is_a_setting_too(production: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    production.project.add("002", "001", 'op.execute("SELECT pg_sleep(60)")')
    monkeypatch.setenv("AF_DB_REHEARSAL_TIMEOUT", "500ms")

    outcome = production("upgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed")
    assert "it did not finish in 500 ms" in outcome.error["message"]
    assert production("current").out.split()[0] == "001"


def test_nothing_pending_is_an_empty_plan(production: Production) -> None:
    outcome = production("plan")

    assert outcome.code == 0
    assert "nothing to do" in outcome.out


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "sql"])
def test_every_form_has_the_statement(production: Production, form: str) -> None:
    drop_name(production)

    outcome = production("plan", "--format", form)

    assert outcome.code == 0
    assert "ALTER TABLE people DROP COLUMN name" in outcome.out
    assert outcome.err == ""
    if form == "json":
        json.loads(outcome.out)


def test_a_plan_as_sql_is_whole_or_refused(production: Production) -> None:
    """It goes into a file: with a masked password that file would set the password to asterisks."""
    production.project.add(
        "002", "001", "op.execute(\"CREATE VIEW v AS SELECT 'password=C4nary' AS text\")", name="002_view.py"
    )

    refused = production("plan", "--format", "sql")
    shown = production("plan")

    assert (refused.code, refused.out) == (4, "")
    assert "002, statement 1" in refused.err
    assert "CREATE VIEW v AS SELECT 'password=***' AS text" in shown.out
    assert "C4nary" not in refused.err + shown.out + shown.err


@pytest.fixture
def laptop(af_db: CommandLine, tmp_path: Path) -> tuple[AlembicProject, str, Path]:
    project = make_project(tmp_path / "laptop")
    project.add("001", None, 'op.create_table("people", sa.Column("id", sa.Integer, primary_key=True))')
    project.add("002", "001", 'op.execute("ALTER TABLE people ADD COLUMN name TEXT")')
    path = tmp_path / "laptop.db"
    url = f"sqlite:///{path}"
    assert af_db("local", "upgrade", "001", cwd=project.root, url=url).code == 0
    return project, url, path


def test_sqlite_rehearses_on_a_copy_of_the_file(
    af_db: CommandLine, laptop: tuple[AlembicProject, str, Path]
) -> None:
    project, url, path = laptop
    before = path.read_bytes()

    outcome = af_db("local", "plan", "--json", cwd=project.root, url=url)

    assert outcome.code == 0
    (revision,) = outcome.document["review"]["revisions"]
    assert [statement["sql"] for statement in revision["statements"]] == [
        "ALTER TABLE people ADD COLUMN name TEXT"
    ]
    assert path.read_bytes() == before
    assert not list(path.parent.glob("laptop.db-*"))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(people)")]
    connection.close()
    assert columns == ["id"]


def test_an_endless_statement_on_sqlite_is_ended(
    af_db: CommandLine, laptop: tuple[AlembicProject, str, Path]
) -> None:
    project, url, _path = laptop
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    project.add("003", "002", f'op.execute("{endless}")')

    outcome = af_db("local", "plan", "--json", "--rehearsal-timeout", "1s", cwd=project.root, url=url)

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-failed")
    assert "revision 003 failed: it did not finish in 1 s" in outcome.error["message"]
    assert endless in outcome.error["message"]


def test_what_env_py_sends_is_no_statement_of_a_revision(production: Production) -> None:
    text = production.project.env_py.read_text()
    own = "connection.exec_driver_sql('SET search_path TO public')\ncontext.configure("
    production.project.env_py.write_text(text.replace("context.configure(", own, 1))
    production.project.add("002", "001", 'op.add_column("people", sa.Column("age", sa.Integer))')

    planned = production("plan")

    assert planned.code == 0, planned.err
    assert "ADD COLUMN age" in planned.out
    assert "search_path" not in planned.out
