"""SET ROLE in env.py: the owner's role does what the revisions do, and the login's what af-db does."""

import uuid
from collections.abc import Iterator

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import lines, make_table
from tests.acceptance.faults.runs import migrate
from tests.projects import AlembicProject


@pytest.fixture
def owner(database: Database, migrator: Database) -> Iterator[str]:
    """A role that owns what the migrations make; ``migrator`` logs in, and is a member of it."""
    role = f"owner_{uuid.uuid4().hex[:12]}"
    login = migrator.value("SELECT current_user")
    database.execute(f"CREATE ROLE {role}")
    database.execute(f"GRANT {role} TO {login}")
    database.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    yield role
    database.execute(f"DROP OWNED BY {role} CASCADE")
    database.execute(f"DROP ROLE {role}")


@pytest.fixture
def switching(project: AlembicProject, owner: str) -> AlembicProject:
    """A project whose env.py switches to the owner's role before it configures Alembic."""
    switch = f"connection.exec_driver_sql('SET ROLE {owner}')\nconnection.commit()\ncontext.configure("
    text = project.env_py.read_text()
    project.env_py.write_text(text.replace("context.configure(", switch, 1))
    return project


def test_the_journal_is_the_logins_and_the_tables_are_the_owners(
    switching: AlembicProject, migrator: Database, database: Database, owner: str
) -> None:
    build = 'op.execute("CREATE INDEX CONCURRENTLY ix ON t001 (id)")'
    switching.add("002", "001", f"with op.get_context().autocommit_block():\n    {build}")

    ended = migrate(switching, migrator.url)

    assert ended.code == 0, ended.outcome.out
    assert ended.warnings("no-journal") == []
    login = migrator.value("SELECT current_user")
    owners = dict(database.rows("SELECT tablename, tableowner FROM pg_tables"))
    assert owners["t001"] == owners["t003"] == owner
    assert owners["journal"] == login
    assert [row[0] for row in database.journal() if row[2] == "applied"] == ["001", "002", "003"]


def test_a_raw_cursor_in_env_py_may_switch_too(
    switching: AlembicProject, migrator: Database, database: Database, owner: str
) -> None:
    text = switching.env_py.read_text()
    raw = "connection.connection.cursor().execute('SET ROLE"
    switching.env_py.write_text(text.replace("connection.exec_driver_sql('SET ROLE", raw))

    ended = migrate(switching, migrator.url)

    assert ended.code == 0, ended.outcome.out
    owners = dict(database.rows("SELECT tablename, tableowner FROM pg_tables"))
    assert (owners["t001"], owners["journal"]) == (owner, migrator.value("SELECT current_user"))


@pytest.mark.parametrize("how", ["SET ROLE {0}", "SET SESSION AUTHORIZATION {0}"])
@pytest.mark.parametrize("cursor", ["op", "op.get_bind().connection.cursor()"])
def test_a_revision_may_switch_by_any_cursor_and_is_in_the_journal_as_the_login(
    project: AlembicProject, database: Database, owner: str, how: str, cursor: str
) -> None:
    assert migrate(project, database.url).code == 0
    database.execute(f"GRANT ALL ON alembic_version TO {owner}")
    project.add("004", "003", lines(f"{cursor}.execute('{how.format(owner)}')", make_table("t004")))
    project.add("005", "004", make_table("t005"))

    ended = migrate(project, database.url)

    assert ended.code == 0, ended.outcome.out
    assert {row[0] for row in database.rows("SELECT db_role FROM af_db.journal")} == {
        database.value("SELECT current_user")
    }
    owners = dict(database.rows("SELECT tablename, tableowner FROM pg_tables"))
    assert owners["t004"] == owners["t005"] == owner


def test_a_failure_under_another_role_is_in_the_journal_and_names_that_role(
    switching: AlembicProject, migrator: Database, database: Database, owner: str
) -> None:
    database.execute("CREATE SCHEMA closed")
    switching.add("002", "001", lines(make_table("t002"), "op.execute('CREATE TABLE closed.t (a int)')"))

    ended = migrate(switching, migrator.url)

    assert (ended.code, ended.error["code"]) == (7, "permission-denied")
    assert any(step.endswith(f"TO {owner}") for step in ended.error["next_steps"])
    assert database.journal()[-1] == ("002", "upgrade", "failed")


@pytest.mark.parametrize("path", ["''", "nowhere"])
def test_a_role_without_a_schema_is_named(
    project: AlembicProject, migrator: Database, database: Database, path: str
) -> None:
    """Running again would not help; resetting the role's setting does."""
    role = migrator.value("SELECT current_user")
    database.execute(f"ALTER ROLE {role} SET search_path = {path}")

    ended = migrate(project, migrator.url)

    assert (ended.code, ended.error["code"]) == (7, "no-schema-selected"), ended.outcome.out
    assert any(f"ALTER ROLE {role} RESET search_path" in step for step in ended.error["next_steps"])
    database.execute(f"ALTER ROLE {role} RESET search_path")
    assert migrate(project, migrator.url).code == 0
