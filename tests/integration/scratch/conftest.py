"""A production to copy, on a server of each module's own, and a scratch database."""

import uuid
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from agent_factory.migrate.rehearsal.scratch import Scratch, another_database, scratch_database
from agent_factory.url import DatabaseURL, parse_url
from tests.integration.scratch.production import CANARY, Production
from tests.postgres import administering, throwaway_server


@pytest.fixture(scope="module")
def server_url() -> Iterator[DatabaseURL]:
    """A server of this module's own: its roles and tablespaces are looked at as a whole."""
    with throwaway_server() as server:
        yield parse_url(server.url("postgres"))


@pytest.fixture
def production(postgresql_url: str) -> Production:
    return Production(url=postgresql_url)


@pytest.fixture(scope="session")
def first_scratch() -> Iterator[Scratch]:
    """Keeps a server that af-db has started for itself; tests that are about starting one do not use it."""
    with scratch_database(18) as database:
        yield database


@pytest.fixture
def scratch(first_scratch: Scratch) -> Iterator[Scratch]:
    """A scratch database of this test's own."""
    with another_database(first_scratch) as database:
        yield database


@pytest.fixture
def reader(production: Production, server_url: DatabaseURL) -> Iterator[Production]:
    """Production as a role sees it that can log in and read."""
    role = f"reader_{uuid.uuid4().hex[:12]}"
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD %s", [CANARY])
        cursor.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    where = parse_url(production.url)
    try:
        yield Production(
            url=f"postgresql://{role}:{quote(CANARY, safe='')}@{where.host}:{where.port}/{where.database}"
        )
    finally:
        production.execute(f"DROP OWNED BY {role}")
        with administering(server_url) as cursor:
            cursor.execute(f"DROP ROLE {role}")


@pytest.fixture
def app_role(server_url: DatabaseURL, production: Production) -> Iterator[str]:
    """A role of production's server, with a policy that names it."""
    role = f"app_{uuid.uuid4().hex[:12]}"
    production.execute(
        f"CREATE ROLE {role}; CREATE TABLE public.t (a int);"
        f" CREATE POLICY own ON public.t TO {role} USING (true)"
    )
    yield role
    production.execute("DROP TABLE public.t")
    with administering(server_url) as cursor:
        cursor.execute(f"DROP ROLE {role}")
