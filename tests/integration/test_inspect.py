"""``status``, ``show`` and ``redo``: a database in ten lines, a revision, and the last one again."""

import pytest

from tests.commands import CommandLine, Outcome
from tests.env_py_files import LOGGING, TEMPLATES
from tests.integration.tables import tables
from tests.projects import AlembicProject


def lines(outcome: Outcome) -> dict[str, str]:
    """The labels of a screen of facts, and what stands behind each."""
    return {label: value for label, _, value in (line.partition("  ") for line in outcome.out.splitlines())}


def said(outcome: Outcome, label: str) -> str:
    return {key.strip(): value.strip() for key, value in lines(outcome).items()}[label]


def test_the_status_of_an_empty_database(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    outcome = af_db("local", "status", cwd=project.root, url=database_url)

    assert outcome.code == 0
    assert said(outcome, "at") == "(no revision)"
    assert said(outcome, "pending") == "3: 001 step 001, 002 step 002, 003 step 003"
    assert said(outcome, "last run") == "none"
    assert said(outcome, "next") == "see what it does: af-db local plan"
    assert tables(database_url) == set(), "it only reads"


def test_the_status_of_production(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    af_db("prod", "upgrade", "002", "--yes", "--environment", "staging", cwd=project.root, url=postgresql_url)
    path = project.versions / "001_step_001.py"
    path.write_text(path.read_text().replace("Integer", "BigInteger"))

    outcome = af_db("prod", "status", cwd=project.root, url=postgresql_url)

    assert len(outcome.out.splitlines()) <= 10
    assert said(outcome, "environment") == "staging"
    assert said(outcome, "at") == "002"
    assert said(outcome, "pending") == "1: 003 step 003"
    assert said(outcome, "edited") == "001"
    assert said(outcome, "unfinished") == "nothing"
    assert said(outcome, "last run").startswith("upgrade of 002, 20")
    assert said(outcome, "next") == "see what changed: af-db prod history --diff"


def test_the_status_as_json(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    af_db("local", "downgrade", "-1", cwd=project.root, url=postgresql_url)

    document = af_db("local", "status", "--json", cwd=project.root, url=postgresql_url).document

    assert document["command"] == "local status"
    assert [item["id"] for item in document["pending"]] == ["003"]
    assert (document["last"]["revision"], document["last"]["direction"]) == ("003", "downgrade")
    assert (document["edited"], document["unfinished"], document["has_journal"]) == ([], [], True)


@pytest.fixture
def offline(project: AlembicProject) -> AlembicProject:
    """A project whose env.py can write SQL without a database, as the one that Alembic writes."""
    project.env_py.write_text((TEMPLATES / "generic" / "env.py").read_text())
    with project.config.open("a") as file:
        file.write(f"sqlalchemy.url = postgresql+psycopg2://nobody@localhost/nothing\n{LOGGING}")
    return project


def test_a_revision_is_shown_with_its_sql_and_who_ran_it(
    af_db: CommandLine, offline: AlembicProject, postgresql_url: str
) -> None:
    af_db("local", "upgrade", "002", cwd=offline.root, url=postgresql_url)

    outcome = af_db("local", "show", "002", cwd=offline.root, url=postgresql_url)

    assert outcome.code == 0
    assert said(outcome, "file") == "alembic/versions/002_step_002.py"
    assert said(outcome, "follows") == "001"
    assert said(outcome, "state") == "applied, current"
    assert " as af_db_tests" in said(outcome, "applied")
    assert "CREATE TABLE t002 (" in outcome.out.partition("upgrade\n")[2]
    assert "DROP TABLE t002;" in outcome.out.partition("downgrade\n")[2]


def test_a_revision_that_asks_the_database_is_shown_without_its_sql(
    af_db: CommandLine, offline: AlembicProject, sqlite_url: str
) -> None:
    offline.add("004", "003", 'op.get_bind().execute(sa.text("SELECT 1")).scalar_one()')

    document = af_db("local", "show", "004", "--json", cwd=offline.root, url=sqlite_url).document

    assert document["upgrade"]["statements"] is None
    assert "without a database" in document["upgrade"]["why_not"]
    assert document["downgrade"]["statements"] == []
    assert document["entry"]["is_applied"] is False


def test_a_revision_that_is_not_there(af_db: CommandLine, project: AlembicProject, sqlite_url: str) -> None:
    outcome = af_db("local", "show", "zzz", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (2, "unknown-revision")
    assert outcome.error["next_steps"] == ["see the revisions: af-db local history"]


def test_a_beginning_of_several_ids(af_db: CommandLine, project: AlembicProject, sqlite_url: str) -> None:
    project.add_table("ab001", "003")
    project.add_table("ab002", "ab001")

    outcome = af_db("local", "show", "ab00", cwd=project.root, url=sqlite_url)

    assert outcome.code == 2
    assert "'ab00' names several revisions" in outcome.err


def test_redo_runs_the_last_revision_down_and_up(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    outcome = af_db("local", "redo", "--progress", "plain", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.out) == (0, "003 down and up again: 003 (head)\n")
    assert outcome.err.index("DROP TABLE t003") < outcome.err.index("CREATE TABLE t003")
    document = af_db("local", "redo", "--json", cwd=project.root, url=database_url).document
    assert (document["revision"], document["down"]["plan"]["direction"]) == ("003", "downgrade")
    assert [item["revision"] for item in document["up"]["applied"]] == ["003"]


def test_redo_of_nothing_is_refused(af_db: CommandLine, project: AlembicProject, sqlite_url: str) -> None:
    outcome = af_db("local", "redo", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (2, "no-such-step")


def test_redo_asks_on_a_database_that_others_use(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    monkeypatch.setattr("agent_factory.migrate.cli.confirmation.shared_with_others", lambda _url: True)

    outcome = af_db("local", "redo", "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "no-terminal")
    assert outcome.error["next_steps"] == [
        "if the plan above is what you want: af-db local redo --json --yes"
    ]
    assert "t003" in tables(postgresql_url)


def test_h_is_help_everywhere(af_db: CommandLine, project: AlembicProject) -> None:
    for words in ((), ("local",), ("prod", "plan"), ("check",)):
        short, long = (af_db(*words, option, cwd=project.root) for option in ("-h", "--help"))
        assert (short.code, short.out) == (0, long.out)


def test_the_commands_of_a_group_are_listed_whole_at_80_columns(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in ((), ("local",), ("prod",)):
        commands = af_db(*words, "--help", cwd=project.root).out.partition("Commands:")[2]
        assert not [line for line in commands.splitlines() if line.endswith("...")]
