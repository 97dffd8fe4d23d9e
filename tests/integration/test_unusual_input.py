"""What people type and files hold that nobody expects: a clear answer, never a bug, and nothing lost."""

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

AT_HEAD = "003 (head)\n"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(("upgrade", ""), 2, id="an empty revision"),
        pytest.param(("downgrade", ""), 2, id="an empty revision down"),
        pytest.param(("upgrade", "heads+1"), 2, id="more than all"),
        pytest.param(("upgrade", "head:base"), 2, id="a range"),
        pytest.param(("downgrade", "nobody@-1"), 2, id="a branch that is not there"),
        pytest.param(("upgrade", "--lock-wait", "soon"), 2, id="no duration"),
        pytest.param(("upgrade", "head", "head"), 2, id="two revisions"),
    ],
)
def test_what_means_nothing_is_a_usage_error(
    af_db: CommandLine, project: AlembicProject, database_url: str, command: tuple[str, ...], code: int
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    outcome = af_db("local", *command, "--json", cwd=project.root, url=database_url)

    assert outcome.code == code, outcome.err
    assert "Traceback" not in outcome.err
    assert af_db("current", cwd=project.root, url=database_url).out == AT_HEAD


def test_one_back_from_several_heads_is_refused(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add_table("004", "003")
    project.add_table("005", "003")
    af_db("local", "upgrade", "heads", cwd=project.root, url=database_url)

    outcome = af_db("local", "downgrade", "-1", "--json", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (2, "multiple-heads")
    assert "004, 005" in outcome.error["message"]
    assert "af-db local merge" in outcome.error["next_steps"][0]
    assert "UserWarning" not in outcome.err


@pytest.mark.parametrize(("typed", "then"), [("-2", "downgrade 001"), ("-3", "downgrade base")])
def test_the_next_step_after_a_failure_leads_where_the_plan_led(
    af_db: CommandLine, project: AlembicProject, database_url: str, typed: str, then: str
) -> None:
    """A relative revision means another one when a part of the plan has run."""
    project.add("002", "001", "pass", "raise ValueError('no')", name="002_step_002.py")
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    outcome = af_db("local", "downgrade", typed, "--json", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.error["state"]) == (7, "rolled back; at 002")
    last = outcome.error["next_steps"][-1].removesuffix(
        " --accept-edited 002"
    )  # where a journal would refuse it
    assert last.endswith(f"af-db local {then}")


def test_the_next_step_names_the_project(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.add("004", "003", "raise ValueError('no')")
    elsewhere = project.root.parent

    outcome = af_db(*("-c", str(project.config), "local", "upgrade", "--json"), cwd=elsewhere, url=sqlite_url)

    assert outcome.error["next_steps"][-1].endswith(f"af-db -c {project.config} local upgrade head")


def test_rows_are_not_shown(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    """PostgreSQL shows the whole failing row; a row of users holds a password hash."""
    project.add(
        "004",
        "003",
        """
        op.execute("CREATE TABLE people (id int, email text NOT NULL, hash text, CHECK (id > 0))")
        op.execute("INSERT INTO people VALUES (1, 'x', 'argon2-SECRETHASH')")
        op.execute("UPDATE people SET email = NULL")
        """,
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (7, "data-violates-not-null")
    assert "Failing row" not in outcome.out + outcome.err
    assert "email" in outcome.error["message"]


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGOPTIONS"])
def test_the_url_alone_decides_which_server(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, "1")

    assert af_db("prod", "current", cwd=project.root, url=postgresql_url).out == "(no revision)\n"


@pytest.mark.parametrize("option", ["hostaddr=203.0.113.9", "service=production"])
def test_a_url_that_hides_its_server_is_refused(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, option: str
) -> None:
    outcome = af_db("prod", "current", "--json", cwd=project.root, url=f"{postgresql_url}?{option}")

    assert (outcome.code, outcome.error["code"]) == (2, "malformed-database-url")


def test_a_message_cannot_move_the_cursor(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    """Escape sequences could hide a line of the plan."""
    project.add("004", "003", message="harmless \x1b[2K\x1b[1A[bold]end", name="004_x.py")

    shown = af_db("local", "upgrade", cwd=project.root, url=sqlite_url)
    listed = af_db("local", "history", cwd=project.root, url=sqlite_url)

    for text in (shown.err, listed.out):
        assert "\x1b" not in text
        assert "[bold]end" in text


@pytest.mark.parametrize(
    "broken",
    ["[alembic\n", "no section at all\n", "[alembic]\nscript_location = %(nothing)s\n", "[alembic]\n"],
)
def test_a_configuration_that_cannot_be_read(
    af_db: CommandLine, project: AlembicProject, broken: str
) -> None:
    project.config.write_text(broken)

    outcome = af_db("local", "upgrade", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "broken-project")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("line", ["1 / 0", "raise SystemExit(9)", "import sqlalchemy\nsqlalchemy.nothing"])
def test_a_revision_file_that_cannot_be_imported(
    af_db: CommandLine, project: AlembicProject, line: str
) -> None:
    (project.versions / "004_x.py").write_text(f'revision = "004"\ndown_revision = "003"\n{line}\n')

    outcome = af_db("local", "upgrade", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "broken-revision-file")
    assert "004_x.py, line" in outcome.error["message"]
