"""What a shell completes: from files alone, quickly, and without the project's code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_factory.migrate.cli.completions import hazards
from agent_factory.migrate.review.consents import OF_PLANS
from tests.commands import bare_environment
from tests.projects import AlembicProject


def complete(line: str, cwd: Path, *, trace: bool = False) -> tuple[list[str], str]:
    """What bash is told at the end of a command line, and what Python said of its imports."""
    finished = subprocess.run(
        [sys.executable, *(["-X", "importtime"] if trace else []), "-m", "agent_factory.migrate"],
        cwd=cwd,
        env={
            **bare_environment(None),
            "PATH": os.environ["PATH"],
            "_AF_DB_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return finished.stdout.split(), finished.stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("af-db local upgrade 00", ["003", "002", "001"]),
        ("af-db prod downgrade ", ["003", "002", "001", "head", "base"]),
        ("af-db local show h", ["head"]),
        ("af-db prod upgrade --allow deletes-data,fails", ["deletes-data,fails-on-data"]),
    ],
)
def test_revisions_and_hazards(project: AlembicProject, line: str, offered: list[str]) -> None:
    assert complete(line, project.root)[0] == offered


def test_no_code_of_the_project_is_run_and_no_library_loaded(project: AlembicProject) -> None:
    project.env_py.write_text("raise SystemExit('env.py was run')")
    (project.versions / "004_broken.py").write_text("this is no Python")

    offered, said = complete("af-db local upgrade 00", project.root, trace=True)

    assert offered == ["003", "002", "001"]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}
    assert loaded.isdisjoint({"alembic", "sqlalchemy", "psycopg2", "rich"})


def test_where_there_is_no_project_only_the_words_are_offered(tmp_path: Path) -> None:
    assert complete("af-db local upgrade ", tmp_path)[0] == ["head", "base"]


def test_the_config_that_was_typed_decides(project: AlembicProject, tmp_path: Path) -> None:
    assert complete(f"af-db -c {project.config} local upgrade 003", tmp_path)[0] == ["003"]


def test_every_consent_has_its_name() -> None:
    assert hazards("") == sorted(OF_PLANS)
