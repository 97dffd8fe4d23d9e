"""A server, or a session, that cannot write."""

from collections.abc import Iterator

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.runs import migrate
from tests.acceptance.faults.servers import standby
from tests.acceptance.faults.waiting import until
from tests.commands import run_process
from tests.postgres import Server
from tests.projects import AlembicProject


@pytest.fixture
def replica(own_server: Server) -> Iterator[tuple[Database, Database]]:
    """A primary and the standby that follows it."""
    with standby(own_server) as following:
        yield Database(url=own_server.url("postgres")), Database(url=following.url("postgres"))


def test_a_replica(project: AlembicProject, replica: tuple[Database, Database]) -> None:
    """Fault 21: a standby is refused before anything is tried, and says where to go; to look is allowed."""
    primary, following = replica
    for command in ("prod upgrade", "local upgrade"):
        refused = migrate(project, following.url, command=command)
        assert (refused.code, refused.error["code"]) == (4, "replica")
        assert "primary" in refused.error["next_steps"][0]

    assert migrate(project, primary.url, "002").code == 0
    until(lambda: following.versions == ["002"], "the standby has followed")
    looked = run_process("prod", "current", cwd=project.root, url=following.url)
    assert (looked.code, looked.out) == (0, "002\n")
    assert run_process("prod", "history", cwd=project.root, url=following.url).code == 0
    refused = migrate(project, following.url)
    assert (refused.code, refused.error["code"]) == (4, "replica")


@pytest.mark.parametrize("owner", ["ROLE {role}", "DATABASE {database}"])
def test_a_read_only_session(
    project: AlembicProject, database: Database, migrator: Database, owner: str
) -> None:
    """Fault 21: a role's or a database's default; a provider sets it when a disk is full."""
    role = migrator.value("SELECT current_user")
    whose = owner.format(role=role, database=database.value("SELECT current_database()"))
    admin = database.connect()
    try:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(f"ALTER {whose} SET default_transaction_read_only = on")

            refused = migrate(project, migrator.url)

            # What drops the role later must be able to write.
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute(f"ALTER {whose} RESET default_transaction_read_only")
    finally:
        admin.close()

    assert (refused.code, refused.error["code"]) == (4, "read-only")
    assert refused.error["next_steps"]
    assert (database.tables, database.versions) == (set(), [])
