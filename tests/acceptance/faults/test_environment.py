"""The environment name of a database, so that nobody mistakes it for another."""

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.runs import migrate
from tests.commands import Outcome, run_process
from tests.projects import AlembicProject


@pytest.fixture
def production(project: AlembicProject, database: Database) -> AlembicProject:
    """A project whose database is at 001 and has the environment name production."""
    assert migrate(project, database.url, "001").code == 0
    assert database.value("SELECT name FROM af_db.environment") == "production"
    return project


def environment(project: AlembicProject, database: Database, *arguments: str) -> Outcome:
    return run_process("prod", "environment", *arguments, cwd=project.root, url=database.url)


@pytest.mark.parametrize("command", ["local upgrade", "local downgrade base"])
def test_local_does_not_touch_production(
    production: AlembicProject, database: Database, command: str
) -> None:
    refused = migrate(production, database.url, command=command)

    assert (refused.code, refused.error["code"]) == (4, "wrong-environment")
    assert "production" in refused.error["message"]
    assert database.versions == ["001"]


@pytest.mark.parametrize("command", ["prod upgrade", "prod downgrade base"])
def test_prod_does_not_touch_another(production: AlembicProject, database: Database, command: str) -> None:
    assert environment(production, database, "staging", "--yes").code == 0

    refused = migrate(production, database.url, command=command)

    assert (refused.code, refused.error["code"]) == (4, "wrong-environment")
    assert "staging" in refused.error["message"]
    assert "production" in refused.error["message"]
    assert database.versions == ["001"]
    allowed = migrate(production, database.url, "--environment", "staging", command=command)
    assert allowed.code == 0
    assert database.value("SELECT name FROM af_db.environment") == "staging"


def test_the_first_run_gives_the_name(project: AlembicProject, database: Database) -> None:
    assert environment(project, database).out == "(no environment name)\n"

    assert migrate(project, database.url, "--environment", "staging").code == 0

    assert environment(project, database).out == "staging\n"
    assert database.value("SELECT set_by FROM af_db.environment") == database.value("SELECT current_user")


def test_local_does_not_give_a_name(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url, command="local upgrade").code == 0

    assert environment(project, database).out == "(no environment name)\n"
    assert migrate(project, database.url, "001", command="local downgrade").code == 0


def test_a_name_is_changed_only_by_consent(production: AlembicProject, database: Database) -> None:
    declined = environment(production, database, "staging", "--json")
    assert (declined.code, declined.error["code"]) == (4, "no-terminal")
    assert environment(production, database).out == "production\n"

    changed = environment(production, database, "staging", "--yes", "--json")

    assert changed.code == 0
    assert environment(production, database).out == "staging\n"
    # A database that is no longer production is a developer's again.
    assert migrate(production, database.url, command="local upgrade").code == 0
