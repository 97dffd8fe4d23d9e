"""A database as others see it, and a role that may do no more than a migration needs."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.acceptance.faults.databases import Database
from tests.postgres import Server, administering, throwaway_server
from tests.projects import AlembicProject, make_project

CANARY = "C4n@ry/%pä:ss"


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.faults)


@pytest.fixture
def database(postgresql_url: str) -> Database:
    """An empty database of this test's own."""
    return Database(url=postgresql_url)


@pytest.fixture
def bare_project(tmp_path: Path) -> AlembicProject:
    """A project without a revision."""
    return make_project(tmp_path / f"project_{uuid.uuid4().hex[:8]}")


@pytest.fixture
def migrator(server_url: DatabaseURL, postgresql_url: str) -> Iterator[Database]:
    """The test's database as a plain role sees it that may make schemas and tables there."""
    role = f"migrator_{uuid.uuid4().hex[:12]}"
    where = parse_url(postgresql_url)
    whole = Database(url=postgresql_url)
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD %s", [CANARY])
        cursor.execute(f"GRANT CREATE ON DATABASE {where.database} TO {role}")
    whole.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    address = f"{where.host}:{where.port or 5432}/{where.database}"
    try:
        yield Database(url=f"postgresql://{role}:{quote(CANARY, safe='')}@{address}")
    finally:
        whole.execute(f"DROP OWNED BY {role} CASCADE")
        with administering(server_url) as cursor:
            cursor.execute(f"DROP ROLE {role}")


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that this test may break."""
    with throwaway_server() as server:
        yield server
