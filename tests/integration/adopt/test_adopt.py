"""Adopting: a database that has a schema and no version gets the version whose schema it has, or nothing."""

from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.db import run_lock
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.model.written import AdoptResult
from agent_factory.migrate.workflows.adopt import AdoptRequest, adopt
from agent_factory.url import parse_url
from tests.commands import CommandLine
from tests.postgres import FOR_SCRATCH, new_database, throwaway_server
from tests.projects import AlembicProject, make_project

A = 'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))'
B = 'op.create_table("b", sa.Column("id", sa.Integer, nullable=False), sa.Column("note", sa.String(9)))'
INDEX = 'op.create_index("ix_b_note", "b", ["note"])'
MADE_A = "CREATE TABLE a (id INTEGER NOT NULL, {} PRIMARY KEY (id))"
MADE_B = "CREATE TABLE b (id INTEGER NOT NULL, note VARCHAR(9))"


@pytest.fixture(autouse=True)
def _rehearsing(monkeypatch: pytest.MonkeyPatch, _bare_environment: None, scratch_server: str) -> None:
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)


@pytest.fixture
def history(tmp_path: Path) -> AlembicProject:
    """001 makes a, 002 fills it, 003 makes b, 004 an index of b."""
    project = make_project(tmp_path / "adopted")
    project.add("001", None, A, 'op.drop_table("a")')
    project.add("002", "001", 'op.execute("INSERT INTO a VALUES (1)")')
    project.add("003", "002", B, 'op.drop_table("b")')
    project.add("004", "003", INDEX, 'op.drop_index("ix_b_note")')
    return project


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(parse_url(url).to_sqlalchemy())
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    engine = sa.create_engine(parse_url(url).to_sqlalchemy())
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(sql))]
    engine.dispose()
    return found


def make(url: str, *more: str) -> None:
    """Make the tables as somebody else has: by hand, or with another tool."""
    named = "CONSTRAINT a_pkey" if url.startswith("postgresql") else ""
    execute(url, MADE_A.format(named), *more)


def is_untouched(url: str) -> bool:
    (count,) = rows(url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'af_db'")[0]
    (tables,) = rows(url, "SELECT count(*) FROM pg_class WHERE relname = 'alembic_version'")[0]
    return not count and not tables


def test_the_revision_with_the_same_schema_is_written(
    af_db: CommandLine, history: AlembicProject, database_url: str
) -> None:
    make(database_url, MADE_B)

    outcome = af_db("local", "adopt", "--json", cwd=history.root, url=database_url)

    assert outcome.code == 0, outcome.err
    document = outcome.document
    assert (document["at"], document["before"], document["written"]) == (["003"], [], True)
    assert (document["differences"], document["compared"]) == ([], 5)
    assert rows(database_url, "SELECT version_num FROM alembic_version") == [("003",)]
    upgraded = af_db("local", "upgrade", "--json", cwd=history.root, url=database_url)
    assert [item["revision"] for item in upgraded.document["applied"]] == ["004"]
    assert rows(database_url, "SELECT count(*) FROM a") == [(0,)]


def test_production_is_asked_about_and_the_journal_knows(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B)

    refused = af_db("prod", "adopt", cwd=history.root, url=postgresql_url)
    assert refused.code == 4
    assert "there is no terminal to ask on" in refused.err
    assert "adopt --yes" in refused.err
    assert is_untouched(postgresql_url)
    outcome = af_db("prod", "adopt", "--yes", cwd=history.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert "schema is that of" in outcome.err
    assert outcome.out == "adopted: public.alembic_version says 003 now\n"
    kept = rows(postgresql_url, "SELECT revision, state, error, version_table FROM af_db.journal ORDER BY id")
    remark = "adopted: it did not run, the schema was found at 003"
    assert kept == [(id_, "applied", remark, "alembic_version") for id_ in ("001", "002", "003")]
    listed = af_db("prod", "history", cwd=history.root, url=postgresql_url)
    assert listed.out.count("adopted 20") == 3
    assert rows(postgresql_url, "SELECT name FROM af_db.environment") == [("production",)]
    run = af_db("prod", "upgrade", "--yes", "--no-rehearsal", cwd=history.root, url=postgresql_url)
    assert run.code == 0, run.err
    assert "without af-db" not in run.err


def test_an_edit_after_the_adoption_is_seen(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B)
    assert af_db("prod", "adopt", "--yes", cwd=history.root, url=postgresql_url).code == 0
    path = next(history.versions.glob("001*"))
    path.write_text(path.read_text().replace('"a"', '"other"'))

    outcome = af_db("prod", "upgrade", "--yes", "--json", cwd=history.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "edited-revision")


def test_revisions_with_one_schema_are_not_guessed(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url)

    refused = af_db("local", "adopt", "--json", cwd=history.root, url=postgresql_url)

    assert (refused.code, refused.error["code"]) == (4, "several-places")
    assert "the same at 001, 002:" in refused.error["message"]
    assert any("adopt --json 002" in step for step in refused.error["next_steps"])
    assert is_untouched(postgresql_url)
    named = af_db("local", "adopt", "001", "--json", cwd=history.root, url=postgresql_url)
    assert (named.document["at"], named.document["compared"]) == (["001"], 1)
    assert rows(postgresql_url, "SELECT version_num FROM alembic_version") == [("001",)]


def test_the_nearest_is_shown_with_what_makes_it_so(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B.replace("VARCHAR(9)", "VARCHAR(5)"), "CREATE INDEX ix_b_note ON b (note)")

    outcome = af_db("prod", "adopt", "--yes", "--json", cwd=history.root, url=postgresql_url)
    text = af_db("prod", "adopt", "--yes", cwd=history.root, url=postgresql_url)

    assert (outcome.code, text.code) == (3, 3)
    (difference,) = outcome.document["differences"]
    assert (outcome.document["at"], outcome.document["written"]) == (["004"], False)
    assert difference["name"] == "public.b.note"
    assert "schema is nearest to" in text.out
    assert difference["remedy"] in text.out
    assert is_untouched(postgresql_url)
    execute(postgresql_url, difference["remedy"])
    again = af_db("prod", "adopt", "--yes", cwd=history.root, url=postgresql_url)
    assert again.code == 0, again.err
    assert rows(postgresql_url, "SELECT version_num FROM alembic_version") == [("004",)]


def test_drift_is_adopted_by_consent(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B, "CREATE TABLE c (id integer)")

    outcome = af_db("prod", "adopt", "--yes", "--allow", "drift", cwd=history.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert "table public.c" in outcome.err
    assert rows(postgresql_url, "SELECT version_num FROM alembic_version") == [("003",)]
    (remark,) = rows(postgresql_url, "SELECT DISTINCT error FROM af_db.journal")[0]
    assert remark.endswith("at 003, with 1 difference")


@pytest.mark.parametrize("wrong", ["001", "nowhere"])
def test_a_wrong_version_is_replaced_when_it_is_named(
    af_db: CommandLine, history: AlembicProject, database_url: str, wrong: str
) -> None:
    make(database_url, MADE_B, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    execute(database_url, f"INSERT INTO alembic_version VALUES ('{wrong}')")

    unnamed = af_db("local", "adopt", "--json", cwd=history.root, url=database_url)
    other = af_db("local", "adopt", "--instead-of", "002", "--json", cwd=history.root, url=database_url)
    assert {outcome.error["code"] for outcome in (unnamed, other)} == {"has-version"}
    assert any(f"adopt --json --instead-of {wrong}" in step for step in unnamed.error["next_steps"])
    done = af_db("local", "adopt", "--instead-of", wrong, "--json", cwd=history.root, url=database_url)

    assert done.code == 0, done.err
    assert (done.document["before"], done.document["at"]) == ([wrong], ["003"])
    assert rows(database_url, "SELECT version_num FROM alembic_version") == [("003",)]


def test_no_statements_are_spoken_of_where_there_are_none(
    af_db: CommandLine, history: AlembicProject, database_url: str
) -> None:
    """What the database has and the revisions have not is not dropped for the asking."""
    make(database_url, "CREATE TABLE somebody_elses (id INTEGER)")

    outcome = af_db("local", "adopt", cwd=history.root, url=database_url)

    assert outcome.code == 3, outcome.err
    assert "these statements" not in outcome.out + outcome.err
    assert "--allow drift" in outcome.out + outcome.err


def test_a_role_that_may_not_write_the_version_is_told_so(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B)
    execute(postgresql_url, "CREATE ROLE adopts_nothing LOGIN PASSWORD 'adopts_nothing'")
    login = f"adopts_nothing:adopts_nothing@{postgresql_url.rpartition('@')[2]}"
    try:
        outcome = af_db("local", "adopt", "--yes", "--json", cwd=history.root, url=f"postgresql://{login}")
    finally:
        execute(postgresql_url, "DROP ROLE adopts_nothing")

    assert outcome.code == 7, outcome.err
    assert "the version could not be written into public.alembic_version" in outcome.error["message"]
    assert outcome.error["state"] == "rolled back; at base"
    assert is_untouched(postgresql_url)


def test_a_database_without_tables_is_not_adopted(
    af_db: CommandLine, history: AlembicProject, database_url: str
) -> None:
    outcome = af_db("local", "adopt", "--json", cwd=history.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "nothing-to-adopt")


def test_the_schema_before_the_first_revision_needs_no_version(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    (history.root / "schema.sql").write_text("CREATE TABLE first (id integer);")
    (history.root / "pyproject.toml").write_text('[tool.af-db]\nbaseline = "schema.sql"\n')
    execute(postgresql_url, "CREATE TABLE first (id integer)")

    outcome = af_db("prod", "adopt", "--yes", cwd=history.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert "nothing to write: the database is at (no revision)" in outcome.out
    assert is_untouched(postgresql_url)


def test_a_revision_that_fails_ends_the_comparison_and_not_the_command(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    history.add("005", "004", 'op.execute("SELECT * FROM nowhere")')
    make(postgresql_url, MADE_B)

    outcome = af_db("local", "adopt", "--json", cwd=history.root, url=postgresql_url)

    assert (outcome.code, outcome.document["at"]) == (0, ["003"])
    (note,) = outcome.document["notes"]
    assert note.startswith('not compared from there on: 005: relation "nowhere" does not exist')


def test_another_run_is_waited_for(af_db: CommandLine, history: AlembicProject, postgresql_url: str) -> None:
    make(postgresql_url, MADE_B)
    holder = psycopg2.connect(postgresql_url)
    key = run_lock.key_of(VersionTable(schema="public", name="alembic_version"))
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [key])

    outcome = af_db(
        "prod", "adopt", "--yes", "--lock-wait", "100ms", "--json", cwd=history.root, url=postgresql_url
    )

    holder.close()
    assert (outcome.code, outcome.error["code"]) == (6, "already-running")
    assert is_untouched(postgresql_url)


def test_another_environment_is_refused(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B)
    assert af_db("prod", "environment", "staging", "--yes", cwd=history.root, url=postgresql_url).code == 0

    outcome = af_db("prod", "adopt", "--yes", "--json", cwd=history.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "wrong-environment")
    assert rows(postgresql_url, "SELECT count(*) FROM pg_class WHERE relname = 'alembic_version'") == [(0,)]


def test_what_has_changed_since_the_question_is_not_written(
    history: AlembicProject, postgresql_url: str, scratch_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(postgresql_url, MADE_B)
    monkeypatch.chdir(history.root)
    request = AdoptRequest(
        target=Target(url=parse_url(postgresql_url), environment=Environment.PROD),
        revision=None,
        instead_of=(),
        allows_drift=False,
        rehearsal=RehearsalOptions(scratch_url=scratch_server),
        options=RunOptions(),
    )

    def confirm(result: AdoptResult) -> None:
        assert result.at == ("003",)
        execute(postgresql_url, "ALTER TABLE b ADD COLUMN more integer")

    with pytest.raises(RefusedError, match="its schema was another one then"):
        adopt(Setup(config_path=history.config), request, ci_url=None, confirm=confirm)
    assert is_untouched(postgresql_url)


REFUSES = (
    "CREATE FUNCTION af_db.refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN RAISE EXCEPTION 'no space left'; END$$",
    "CREATE TRIGGER refuses BEFORE INSERT ON af_db.journal FOR EACH ROW EXECUTE FUNCTION af_db.refuse()",
)
ENDS_THE_SESSION = (
    "CREATE FUNCTION af_db.refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END$$",
    REFUSES[1],
)


@pytest.mark.parametrize("fault", [REFUSES, ENDS_THE_SESSION], ids=["refused", "lost"])
def test_an_adoption_that_reached_the_version_table_alone_is_completed_by_the_next_one(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str, fault: tuple[str, ...]
) -> None:
    make(postgresql_url, MADE_B)
    assert af_db("prod", "environment", "production", "--yes", cwd=history.root, url=postgresql_url).code == 0
    execute(postgresql_url, *fault)
    words = ("prod", "adopt", "--yes", "--json")

    failed = af_db(*words, cwd=history.root, url=postgresql_url)

    assert (failed.code, failed.error["code"]) == (8, "journal-not-written")
    assert failed.error["state"] == "at 003"
    assert "--instead-of 003" in failed.error["next_steps"][1]
    assert rows(postgresql_url, "SELECT version_num FROM alembic_version") == [("003",)]
    assert rows(postgresql_url, "SELECT count(*) FROM af_db.journal") == [(0,)]

    execute(postgresql_url, "DROP FUNCTION af_db.refuse CASCADE")
    unsaid = af_db(*words, cwd=history.root, url=postgresql_url)
    mended = af_db(*words, "--instead-of", "003", cwd=history.root, url=postgresql_url)
    again = af_db(*words, "--instead-of", "003", cwd=history.root, url=postgresql_url)

    assert (unsaid.code, unsaid.error["code"]) == (4, "has-version")
    assert "the journal lacks it" in unsaid.error["next_steps"][1]
    assert (mended.code, mended.document["written"]) == (0, True), mended.out
    assert (again.code, again.document["written"]) == (0, False)
    assert rows(postgresql_url, "SELECT revision FROM af_db.journal ORDER BY 1") == [
        *(("001",), ("002",), ("003",))
    ]
    assert "ran-outside" not in af_db("prod", "check", cwd=history.root, url=postgresql_url).out


def test_no_server_to_compare_on_is_said(
    af_db: CommandLine, history: AlembicProject, postgresql_url: str
) -> None:
    make(postgresql_url, MADE_B)

    outcome = af_db(
        *("prod", "adopt", "--yes", "--scratch-url", "postgresql://nobody@localhost:1/none", "--json"),
        cwd=history.root,
        url=postgresql_url,
    )

    assert (outcome.code, outcome.error["code"]) == (4, "no-throwaway-server")


def test_branches_are_adopted_together(
    af_db: CommandLine, history: AlembicProject, database_url: str
) -> None:
    history.add("101", "001", 'op.create_table("c", sa.Column("id", sa.Integer))')
    make(database_url, MADE_B, "CREATE INDEX ix_b_note ON b (note)", "CREATE TABLE c (id INTEGER)")

    outcome = af_db("local", "adopt", "--json", cwd=history.root, url=database_url)

    assert outcome.code == 0, outcome.err
    assert outcome.document["at"] == ["004", "101"]
    found = rows(database_url, "SELECT version_num FROM alembic_version ORDER BY 1")
    assert found == [("004",), ("101",)]


SPELLED = """
op.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
op.create_table(
    "spelled",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(9), sa.CheckConstraint("kind IN ('a', 'b')"), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
)
op.create_index("ix_spelled", "spelled", ["kind"], postgresql_where=sa.text("kind <> 'a'"))
"""


@pytest.mark.parametrize(("major", "of_scratch"), [(16, 18), (18, 16)])
def test_a_server_of_another_version_prints_the_same_schema_in_its_own_words(
    af_db: CommandLine,
    history: AlembicProject,
    monkeypatch: pytest.MonkeyPatch,
    major: int,
    of_scratch: int,
) -> None:
    history.add("005", "004", SPELLED)
    history.add("006", "005", 'op.add_column("spelled", sa.Column("more", sa.Integer))')
    with (
        throwaway_server(major) as server,
        throwaway_server(of_scratch, settings=FOR_SCRATCH) as scratch,
        new_database(parse_url(server.url("postgres"))) as url,
    ):
        monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch.url("postgres"))
        assert af_db("local", "upgrade", "005", cwd=history.root, url=url).code == 0
        execute(url, "DROP TABLE alembic_version", "DROP SCHEMA af_db CASCADE")

        outcome = af_db("prod", "adopt", "--yes", "--json", cwd=history.root, url=url)

        assert outcome.code == 0, outcome.out
        assert outcome.document["at"] == ["005"]
