"""The installed command on this project's own revisions: every command, both databases, text and JSON."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Outcome, run_installed, run_process
from tests.projects import AlembicProject

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project's Alembic folder, in which a test may write."""
    shutil.copytree(ROOT / "alembic", tmp_path / "checkout" / "alembic")
    shutil.copy(ROOT / "alembic.ini", tmp_path / "checkout")
    return tmp_path / "checkout"


def test_the_whole_local_workflow(checkout: Path, database_url: str) -> None:
    def af_db(*arguments: str) -> Outcome:
        anew = database_url.startswith("sqlite")  # a start takes as long as all the rest
        outcome = run_process("local", *arguments, cwd=checkout, url=database_url, anew=anew)
        assert outcome.code == 0, outcome.err
        return outcome

    assert af_db("current").out == "(no revision)\n"
    upgraded = af_db("upgrade")
    assert upgraded.out == "(no revision) -> 002 (head)\n"
    assert "001_initial_migration.py" in upgraded.err
    assert af_db("current").out == "002 (head)\n"
    assert "nothing to create" in af_db("create", "nothing").out
    assert af_db("downgrade", "-1").out == "002 (head) -> 001\n"
    history = af_db("history").out.splitlines()[2:]
    assert ["pending, head" in history[0], "applied, current" in history[1]] == [True, True]
    assert af_db("downgrade", "base").out == "001 -> (no revision)\n"
    assert af_db("upgrade", "+2").out == "(no revision) -> 002 (head)\n"
    assert af_db("create", "data", "--empty").out == "alembic/versions/003_data.py\n"
    assert af_db("merge").out == "nothing to merge: the history has one head, 003\n"
    assert af_db("upgrade").out == "002 -> 003 (head)\n"


def test_the_whole_local_workflow_as_json(checkout: Path, database_url: str) -> None:
    def af_db(*arguments: str) -> dict[str, object]:
        outcome = run_process("local", *arguments, "--json", cwd=checkout, url=database_url)
        document: dict[str, object] = json.loads(outcome.out)
        assert document["schema_version"] == 1
        assert (document["exit_code"], outcome.code) == (0, 0)
        return document

    head = [{"revision": "002", "is_head": True, "known": True}]
    assert af_db("current")["current"] == []
    assert af_db("upgrade")["after"] == head
    assert af_db("current")["current"] == head
    assert af_db("create", "nothing")["path"] is None
    assert af_db("downgrade", "-1")["before"] == head
    assert len(af_db("history")["entries"]) == 2  # type: ignore[arg-type]
    assert str(af_db("create", "data", "--empty")["path"]).endswith("003_data.py")
    assert af_db("merge")["heads"] == ["003"]


def test_the_whole_production_workflow(checkout: Path, postgresql_url: str) -> None:
    def af_db(*arguments: str) -> Outcome:
        return run_installed("prod", *arguments, cwd=checkout, url=postgresql_url)

    assert af_db("current").out == "(no revision)\n"
    assert af_db("upgrade").code == 4
    assert af_db("upgrade", "--yes", "--json").document["after"][0]["revision"] == "002"
    assert af_db("upgrade").code == 0, "nothing to do needs no question"
    assert af_db("downgrade", "-1").code == 4
    assert af_db("downgrade", "-1", "--yes").out == "002 (head) -> 001\n"
    assert af_db("history", "--json").document["entries"][0]["is_applied"] is False
    assert af_db("current", "--json").document["current"][0]["revision"] == "001"


@pytest.mark.slow
def test_creating_and_merging(project: AlembicProject, database_url: str) -> None:
    project.write_models(
        """
        metadata = sa.MetaData()
        for number in (1, 2, 3, 4):
            sa.Table(f"t00{number}", metadata, sa.Column("id", sa.Integer, primary_key=True))
        """
    )

    def af_db(*arguments: str) -> Outcome:
        return run_process("local", *arguments, cwd=project.root, url=database_url)

    assert af_db("create", "too early", "--json").error["code"] == "behind-head"
    assert af_db("upgrade").code == 0
    assert af_db("create", "Add t004").out == "alembic/versions/004_add_t004.py\n"
    assert af_db("upgrade", "--json").document["after"][0]["revision"] == "004"
    project.add("005", "003")
    assert af_db("upgrade", "--json").error["code"] == "multiple-heads"
    assert af_db("merge").out == "alembic/versions/006_merge_004_and_005.py\n"
    project.add("007", "006")
    project.add("008", "006")
    assert af_db("merge", "-m", "again", "--json").document["revision"]["parents"] == ["007", "008"]
    assert af_db("upgrade").code == 0


def test_history_and_environment_of_production(checkout: Path, postgresql_url: str) -> None:
    def af_db(*arguments: str) -> Outcome:
        return run_process("prod", *arguments, cwd=checkout, url=postgresql_url)

    assert af_db("environment").out == "(no environment name)\n"
    assert af_db("upgrade", "--yes").code == 0
    assert af_db("environment", "--json").document["name"] == "production"
    history = af_db("history").out
    assert history.count("applied") == 2
    assert "@" in history.splitlines()[-1]
    assert af_db("downgrade", "001", "--yes", "--json").document["applied"][0]["revision"] == "002"
    assert af_db("environment", "staging", "--yes").out == "staging\n"
    assert af_db("upgrade", "--yes", "--json").error["code"] == "wrong-environment"


def test_current_for_ci(checkout: Path, database_url: str) -> None:
    assert run_installed("current", "--check-heads", cwd=checkout, url=database_url).code == 3
    run_process("local", "upgrade", cwd=checkout, url=database_url)
    as_json = run_installed("current", "--check-heads", "--json", cwd=checkout, url=database_url)
    assert as_json.document["at_head"] is True
    at_head = run_installed("current", "--check-heads", cwd=checkout, url=database_url)
    assert (at_head.code, at_head.out) == (0, "002 (head)\n")


def test_help_version_completion_and_module(tmp_path: Path) -> None:
    helped = run_installed("--help", cwd=tmp_path)
    assert helped.code == 0
    assert "7     failed and rolled back" in helped.out
    assert run_installed(cwd=tmp_path).out == helped.out
    assert run_installed("--version", cwd=tmp_path).out.startswith("af-db ")
    for group in ("local", "prod"):
        text = run_installed(group, "--help", cwd=tmp_path).out
        assert "upgrade" in text
        assert "downgrade" in text
    words = {"_AF_DB_COMPLETE": "complete_bash", "COMP_WORDS": "af-db local up", "COMP_CWORD": "2"}
    assert run_installed(cwd=tmp_path, environment=words).out.split() == ["upgrade"]


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (("--help",), {"alembic", "sqlalchemy", "pydantic", "psycopg2", "rich"}),
        (("--version",), {"alembic", "sqlalchemy", "pydantic", "psycopg2", "rich"}),
        # Typer itself imports pydantic to read the parameters of a command.
        (("local", "upgrade", "--help"), {"alembic", "sqlalchemy", "psycopg2", "rich"}),
    ],
)
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...], heavy: set[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "agent_factory.migrate", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in shown.stderr.splitlines()}
    assert imported & heavy == set()
