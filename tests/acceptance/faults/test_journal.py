"""The journal: what ran, who ran it, from which source, and how it ended."""

import getpass
import hashlib
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import GATE, WAIT_AT_GATE, lines, make_table
from tests.acceptance.faults.runs import migrate, migrating
from tests.commands import bare_environment, run_process
from tests.projects import AlembicProject


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=A Person", "-c", "user.email=person@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *names, *arguments],  # noqa: S607 - the git of the path
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=bare_environment(None) | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    ).stdout.strip()


def keep_in_git(project: AlembicProject) -> None:
    (project.root / ".gitignore").write_text("__pycache__/\n")
    git(project.root, "init", "--quiet")
    git(project.root, "add", ".")
    git(project.root, "commit", "--quiet", "-m", "all of it")


def test_what_is_kept_of_a_revision(project: AlembicProject, migrator: Database) -> None:
    keep_in_git(project)
    commit = git(project.root, "rev-parse", "HEAD")

    ended = migrate(project, migrator.url, environment={"CI_JOB_URL": "https://ci.example.org/jobs/7"})

    assert ended.code == 0, ended.outcome.out
    rows = migrator.rows(
        "SELECT revision, direction, state, source, source_sha256, db_role, os_user, host, git_commit,"
        " git_dirty, ci_url, af_db_version, alembic_version, error, run_id::text, duration_s"
        " FROM af_db.journal ORDER BY id"
    )
    assert [row[0] for row in rows] == ["001", "002", "003"]
    for revision, direction, state, source, sha256, *origin, error, run_id, duration_s in rows:
        path = next(project.versions.glob(f"{revision}_*.py"))
        assert source.strip() == path.read_text().strip()
        assert sha256 == hashlib.sha256(source.encode()).hexdigest()
        assert (direction, state, error) == ("upgrade", "applied", None)
        assert origin == [
            migrator.value("SELECT current_user"),
            getpass.getuser(),
            socket.gethostname(),
            commit,
            False,
            "https://ci.example.org/jobs/7",
            version("agent-factory"),
            version("alembic"),
        ]
        assert run_id == ended.all("run-started")[0]["run_id"]
        assert 0 <= duration_s < 60


def test_a_checkout_with_changes_is_dirty(project: AlembicProject, database: Database) -> None:
    keep_in_git(project)
    project.add_table("004", "003")

    assert migrate(project, database.url).code == 0

    assert set(database.journal("git_dirty")) == {(True,)}


def test_a_folder_without_git_has_no_commit(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url).code == 0

    assert set(database.journal("git_commit, git_dirty, ci_url")) == {(None, None, None)}


def test_what_is_kept_of_a_failure(project: AlembicProject, database: Database) -> None:
    project.add("002", "001", lines(make_table("t002"), 'op.execute("SELECT 1/0")'))

    failed = migrate(project, database.url)

    assert failed.code == 7
    assert database.journal() == [("001", "upgrade", "applied"), ("002", "upgrade", "failed")]
    ((error, source),) = database.rows("SELECT error, source FROM af_db.journal WHERE state = 'failed'")
    assert "division by zero" in error
    assert "SELECT 1/0" in source
    project.add_table("002", "001")
    assert migrate(project, database.url).applied == ["002", "003"]


def test_what_is_kept_of_a_downgrade(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url).code == 0
    assert migrate(project, database.url, command="prod downgrade 001").code == 0
    assert migrate(project, database.url).code == 0

    assert database.journal()[3:] == [
        ("003", "downgrade", "applied"),
        ("002", "downgrade", "applied"),
        ("002", "upgrade", "applied"),
        ("003", "upgrade", "applied"),
    ]


def test_an_edited_file_that_was_taken_back_first(project: AlembicProject, database: Database) -> None:
    """A revision that was downgraded may be edited: it is not applied any more."""
    assert migrate(project, database.url).code == 0
    assert migrate(project, database.url, command="prod downgrade 002").code == 0
    project.add("003", "002", make_table("better"))

    assert migrate(project, database.url).applied == ["003"]


def test_history_says_when_how_long_and_by_whom(project: AlembicProject, migrator: Database) -> None:
    assert migrate(project, migrator.url, "002").code == 0
    (at,) = {str(row[0].year) for row in migrator.rows("SELECT started_at FROM af_db.journal")}
    role = migrator.value("SELECT current_user")

    text = run_process("prod", "history", cwd=project.root, url=migrator.url)
    document = run_process("prod", "history", "--json", cwd=project.root, url=migrator.url).document

    (line,) = [line for line in text.out.splitlines() if "step 002" in line]
    for fact in (at, role, getpass.getuser(), socket.gethostname()):
        assert fact in line
    newest, second, _first = document["entries"]
    assert newest["by"] is None
    assert second["by"]["db_role"] == role
    assert second["by"]["os_user"] == getpass.getuser()
    assert second["by"]["host"] == socket.gethostname()
    assert second["by"]["duration_s"] >= 0
    assert second["by"]["at"].startswith(at)


PLAIN_ENV_PY = """
import os

import sqlalchemy as sa
from alembic import context

connection = context.config.attributes.get("connection")
engine = None
if connection is None:
    engine = sa.create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:"))
    connection = engine.connect()
context.configure(connection=connection, target_metadata=sa.MetaData())
with context.begin_transaction():
    context.run_migrations()
if engine is not None:
    connection.close()
    engine.dispose()
"""


@pytest.fixture
def passed_by(project: AlembicProject, database: Database) -> AlembicProject:
    """A project at 002: 001 was run by af-db, 002 by plain Alembic."""
    project.env_py.write_text(PLAIN_ENV_PY)
    assert migrate(project, database.url, "001").code == 0
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "002"],
        cwd=project.root,
        env=bare_environment(database.url),
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert database.versions == ["002"]
    return project


def test_a_run_behind_its_back_is_reported(passed_by: AlembicProject, database: Database) -> None:
    document = run_process("prod", "history", "--json", cwd=passed_by.root, url=database.url).document
    text = run_process("prod", "history", cwd=passed_by.root, url=database.url).out
    ended = migrate(passed_by, database.url)

    assert [entry["is_outside"] for entry in document["entries"]] == [False, True, False]
    (line,) = [line for line in text.splitlines() if "step 002" in line]
    assert "not by af-db" in line
    assert (ended.code, ended.applied) == (0, ["003"])
    (warning,) = ended.warnings("ran-outside")
    assert warning.startswith("002 ran without af-db")


def test_no_right_to_keep_a_journal(project: AlembicProject, migrator: Database, database: Database) -> None:
    """One warning, and everything else works."""
    role, name = migrator.rows("SELECT current_user, current_database()")[0]
    database.execute(f"REVOKE CREATE ON DATABASE {name} FROM {role}")

    ended = migrate(project, migrator.url)

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])
    assert len(ended.warnings("no-journal")) == 1
    assert database.value("SELECT to_regnamespace('af_db')") is None
    assert migrate(project, migrator.url, command="prod downgrade 001").code == 0
    project.add("002", "001", 'op.execute("SELECT 1/0")')
    failed = migrate(project, migrator.url)
    assert (failed.code, failed.error["state"]) == (7, "rolled back; at 001")
    for command in ("current", "history", "environment"):
        assert run_process("prod", command, cwd=project.root, url=migrator.url).code == 0


def test_a_superuser_is_warned_of(project: AlembicProject, database: Database, migrator: Database) -> None:
    assert len(migrate(project, database.url, "001").warnings("superuser")) == 1
    assert migrate(project, migrator.url, "002").warnings("superuser") == []


def test_a_role_that_may_only_read_the_journal(
    bare_project: AlembicProject, migrator: Database, database: Database
) -> None:
    """It writes none, says so, and minds what it reads: also what another run left while it waited."""
    database.build_gate()
    bare_project.add_table("001", None)
    in_block = "with op.get_context().autocommit_block():\n    op.execute('CREATE TABLE made_inside (a int)')"
    bare_project.add("002", "001", lines(WAIT_AT_GATE, in_block, "op.execute('SELECT 1/0')"))
    assert migrate(bare_project, database.url, "001").code == 0
    role = migrator.value("SELECT current_user")
    database.execute(
        f"GRANT USAGE ON SCHEMA af_db TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA af_db, public TO {role}",
    )
    with migrating(bare_project, database.url) as first:
        first.wait_for_statement(GATE)
        with migrating(bare_project, migrator.url) as second:
            second.wait_for("waiting-for-run")
            database.open_gate()
            failed, refused = first.end(), second.end()

    assert (failed.code, failed.revisions["002"]) == (8, "partly committed")
    assert (refused.code, refused.error["code"]) == (4, "unfinished-revision")
    assert "CREATE TABLE made_inside" in refused.error["message"]
    assert len(refused.warnings("no-journal")) == 1


def test_passwords_that_a_revision_spells(
    bare_project: AlembicProject, migrator: Database, database: Database
) -> None:
    """Nobody has registered them, and neither a screen nor the journal gets them."""
    role = migrator.value("SELECT current_user")
    spelling = lines(
        f"op.execute('ALTER ROLE {role} PASSWORD $$C4nary one$$')",
        'op.execute("CREATE FOREIGN DATA WRAPPER w")',
        'op.execute("CREATE SERVER s FOREIGN DATA WRAPPER w")',
        "op.execute(\"CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password 'C4nary two')\")",
        "with op.get_context().autocommit_block():",
        "    op.execute(\"CREATE VIEW v AS SELECT 'host=h password=C4nary3 dbname=d' AS conninfo\")",
    )
    failing = "op.execute(\"DO $$ BEGIN EXECUTE 'ALTER ROLE nobody PASSWORD ''C4nary four'''; END $$\")"
    bare_project.add("001", None, spelling)
    bare_project.add("002", "001", lines(spelling.replace(" w", " w2").replace(" s ", " s2 "), failing))

    commands = (
        migrate(bare_project, database.url).outcome,
        run_process("prod", "upgrade", "--yes", cwd=bare_project.root, url=database.url),
        run_process("prod", "upgrade", "--yes", "--resume", "002", cwd=bare_project.root, url=database.url),
        run_process("prod", "history", "--diff", cwd=bare_project.root, url=database.url),
    )

    assert [command.code for command in commands] == [8, 4, 7, 0]
    said = "".join(command.out + command.err for command in commands)
    kept = database.value("SELECT string_agg(j::text, ' ') FROM af_db.journal j")
    for text in (said, kept):
        assert "C4n" not in text
        assert "PASSWORD '***'" in text
        assert "password=***" in text
    assert "edited" not in commands[-1].out
