"""The plain ``alembic`` command, as someone without af-db runs it."""

import shutil
import sqlite3
from pathlib import Path

import psycopg2
import pytest

from agent_factory.database.models import Base
from agent_factory.url import parse_url
from tests.commands import run_process
from tests.migrations.catalog import read_catalog
from tests.migrations.runs import ROOT, current, downgrade
from tests.migrations.test_schema import catalog_of


def alembic(
    url: str, folder: Path, *arguments: str, config: Path = ROOT / "alembic.ini", anew: bool = False
) -> str:
    """Run ``alembic`` away from the project's folder; return what it printed."""
    outcome = run_process(
        *("--config", str(config), *arguments), cwd=folder, url=url, program="alembic", anew=anew
    )
    assert outcome.code == 0, outcome.err
    return outcome.out


def test_upgrade_check_and_downgrade(database_url: str, tmp_path: Path) -> None:
    empty = read_catalog(database_url)
    alembic(database_url, tmp_path, "upgrade", "head", anew=True)
    assert current(database_url) == "002"
    assert alembic(database_url, tmp_path, "current") == "002 (head)\n"
    assert "No new upgrade operations detected." in alembic(database_url, tmp_path, "check")
    alembic(database_url, tmp_path, "downgrade", "base")
    assert read_catalog(database_url) == empty


@pytest.mark.parametrize("steps", [["base:head"], ["base:001", "001:002"]], ids=["at once", "one by one"])
def test_a_script_does_what_the_migration_does(database_url: str, tmp_path: Path, steps: list[str]) -> None:
    by_the_models = catalog_of(database_url, Base.metadata)
    for step in steps:
        run(database_url, alembic(database_url, tmp_path, "upgrade", step, "--sql"))
    assert current(database_url) == "002"
    assert read_catalog(database_url) == by_the_models
    run(database_url, alembic(database_url, tmp_path, "downgrade", "002:001", "--sql"))
    assert current(database_url) == "001"
    downgrade(database_url, "base")


def test_the_same_script_is_written_each_time(database_url: str, tmp_path: Path) -> None:
    """Statements that change their order cannot be reviewed before they run."""
    scripts = {alembic(database_url, tmp_path, "upgrade", "base:head", "--sql") for _ in range(3)}
    assert len(scripts) == 1


def test_a_new_revision_does_not_depend_on_the_models(database_url: str, tmp_path: Path) -> None:
    """Written for all the tables at once, by a copy of the project that has no revisions yet."""
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "alembic", copy / "alembic", ignore=shutil.ignore_patterns("versions"))
    (copy / "alembic" / "versions").mkdir()
    config = copy / "alembic.ini"
    shutil.copy(ROOT / "alembic.ini", config)
    alembic(database_url, tmp_path, "revision", "--autogenerate", "-m", "all", "--rev-id", "9", config=config)
    written = (copy / "alembic" / "versions" / "9_all.py").read_text()
    assert "agent_factory" not in written
    alembic(database_url, tmp_path, "upgrade", "head", config=config)
    assert "No new upgrade" in alembic(database_url, tmp_path, "check", config=config)


def run(url: str, script: str) -> None:
    target = parse_url(url)
    if target.backend == "sqlite":
        database = sqlite3.connect(target.database)
        database.executescript(script)
        database.close()
        return
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(script)
    connection.close()
