"""Which addresses are known by name, and what follows where another process of the server answers."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.pooler_names import direct_address, pools_sessions
from agent_factory.migrate.db.server import ServerFacts, read_facts
from agent_factory.migrate.engine.poolers import (
    SessionChangedError,
    check_pooler,
)
from agent_factory.migrate.engine.run_session import RunSession
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.url import DatabaseURL, parse_url

TABLE = VersionTable(schema="public", name="alembic_version")
SUPABASE = "postgresql://postgres.abc:secret@aws-0-eu-central-1.pooler.supabase.com"
NEON = "postgresql://me:secret@ep-cool-1-pooler.eu-central-1.aws.neon.tech/db"


def target(url: str) -> Target:
    return Target(url=parse_url(url), environment=Environment.PROD)


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[sa.Connection]:
    with connect(target(postgresql_url)) as connection:
        yield connection


@pytest.fixture
def facts(connection: sa.Connection) -> ServerFacts:
    found = read_facts(connection)
    return replace(found, told_pid=found.pid + 1)


@pytest.mark.parametrize("url", [f"{SUPABASE}:6543/postgres", NEON])
def test_a_transaction_pooler_is_known_by_its_name(facts: ServerFacts, url: str) -> None:
    direct = direct_address(parse_url(url))
    assert direct is not None

    with pytest.raises(RefusedError) as refused:
        check_pooler(replace(facts, told_pid=facts.pid), target(url), RunOptions(session_pooler=True))

    assert "is a transaction pooler" in refused.value.message
    assert direct in refused.value.next_steps[0]
    check_pooler(facts, target(url), RunOptions(allow_pooler=True))


def test_the_direct_address_that_is_named_is_not_refused_in_turn(facts: ServerFacts) -> None:
    url = f"{SUPABASE}:5432/postgres"
    assert direct_address(parse_url(f"{SUPABASE}:6543/postgres")) == url.partition("@")[2].removesuffix(
        "/postgres"
    )

    check_pooler(facts, target(url), RunOptions())

    assert pools_sessions(parse_url(url))
    assert not pools_sessions(
        DatabaseURL(backend="postgresql", database="d", host="db.abc.supabase.co", port=5432)
    )


def test_another_process_than_under_the_lock_is_an_error(
    connection: sa.Connection, facts: ServerFacts
) -> None:
    RunSession(connection=connection, table=TABLE, facts=facts).check_process()

    session = RunSession(connection=connection, table=TABLE, facts=replace(facts, pid=facts.pid + 7))
    with pytest.raises(
        SessionChangedError, match=f"was {facts.pid + 7} under the run lock, and is {facts.pid} now"
    ):
        session.check_process()
