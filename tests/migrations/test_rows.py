"""Rows written at 001 keep their meaning at 002 and back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent_factory.database.models import Agent, Base, Blueprint, Execution, Tenant, User
from agent_factory.database.session import build_engine
from agent_factory.url import parse_url
from tests.commands import CommandLine
from tests.migrations import rows
from tests.migrations.runs import ROOT, connect, create_all, downgrade, execute, shape, upgrade


@pytest.fixture(params=["sqlite", "postgresql", "postgresql in New_York", "postgresql in Kathmandu"])
def seeded(request: pytest.FixtureRequest) -> str:
    """A database at 001 with rows in every table; PostgreSQL also with sessions in another time zone."""
    backend, _, place = request.param.partition(" in ")
    url: str = request.getfixturevalue(f"{backend}_url")
    if place:
        zone = {"New_York": "America/New_York", "Kathmandu": "Asia/Kathmandu"}[place]
        execute(url, f"ALTER DATABASE {parse_url(url).database} SET timezone = '{zone}'")
        with connect(url) as connection:
            assert connection.scalar(sa.text("SHOW timezone")) == zone
    upgrade(url, "001")
    rows.seed(url)
    return url


def test_every_row_keeps_its_meaning_up_down_and_up(seeded: str) -> None:
    upgrade(seeded)
    assert rows.read(seeded, "002") == rows.expected_at_002()
    downgrade(seeded, "001")
    assert rows.read(seeded, "001") == rows.expected_back_at_001()
    upgrade(seeded)
    assert rows.read(seeded, "002") == rows.expected_at_002()


def test_every_row_keeps_its_meaning_through_the_command(af_db: CommandLine, seeded: str) -> None:
    """The engine's checks, journal and limits take nothing away and add nothing."""
    assert af_db("local", "upgrade", cwd=ROOT, url=seeded).out == "001 -> 002 (head)\n"
    assert rows.read(seeded, "002") == rows.expected_at_002()
    assert af_db("local", "downgrade", "-1", cwd=ROOT, url=seeded).out == "002 (head) -> 001\n"
    assert rows.read(seeded, "001") == rows.expected_back_at_001()
    assert af_db("local", "upgrade", cwd=ROOT, url=seeded).code == 0
    assert rows.read(seeded, "002") == rows.expected_at_002()


@pytest.mark.parametrize("price", ["19.999", "12345678901"])
def test_an_amount_that_does_not_fit_stops_the_upgrade(
    af_db: CommandLine, database_url: str, price: str
) -> None:
    upgrade(database_url, "001")
    rows.seed(database_url)
    execute(database_url, f"UPDATE blueprints SET price = {price}")

    outcome = af_db("local", "upgrade", "--json", cwd=ROOT, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (7, "data-conflict")
    assert "cents" in outcome.error["next_steps"][0]
    assert af_db("current", cwd=ROOT, url=database_url).out == "001\n"


def test_the_models_read_what_001_wrote(seeded: str) -> None:
    upgrade(seeded)
    engine = build_engine(parse_url(seeded))
    try:
        with Session(engine) as session:
            agent = session.get_one(Agent, rows.AGENT)
            assert agent.created_at == rows.SUMMER.replace(tzinfo=UTC)
            assert agent.created_at.utcoffset() == timedelta(0)
            assert agent.author is session.get_one(User, rows.ADA)
            assert agent.config == {}
            assert session.get_one(Blueprint, rows.number(41)).price == Decimal("19.99")
            run = session.scalars(sa.select(Execution).where(Execution.status == "failed")).one()
            assert run.completed_at == rows.TWICE.replace(tzinfo=UTC)
            assert session.get_one(Tenant, rows.ZOLW).resource_quota == {}
    finally:
        engine.dispose()


def test_json_null_becomes_the_empty_value_too(seeded: str) -> None:
    written = "resource_quota" if "sqlite" in seeded else "resource_quota::text"
    query = sa.text(f"SELECT {written} FROM tenants WHERE slug = 'zolw'")
    with connect(seeded) as connection:
        assert connection.scalar(query) == "null"
    upgrade(seeded)
    with connect(seeded) as connection:
        assert connection.scalar(query) == "{}"


def test_the_new_tables_go_with_the_downgrade_and_come_back_empty(database_url: str) -> None:
    upgrade(database_url)
    plans = Base.metadata.tables["plans"]
    with connect(database_url) as connection, connection.begin():
        connection.execute(sa.insert(plans), {"name": "Pro", "plan_type": "pro", "currency": "EUR"})
    downgrade(database_url, "001")
    upgrade(database_url)
    with connect(database_url) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(plans)) == 0


def test_a_time_of_002_goes_back_as_utc(database_url: str) -> None:
    create_all(database_url, Base.metadata)
    upgrade(database_url)
    tenant = {"name": "a", "slug": "a", "created_at": datetime.fromisoformat("2024-07-01T12:00:00+05:45")}
    with connect(database_url) as connection, connection.begin():
        connection.execute(sa.insert(Base.metadata.tables["tenants"]), tenant)
    downgrade(database_url, "001")
    with connect(database_url) as connection:
        times = connection.scalars(sa.select(shape("001").tables["tenants"].c.created_at)).all()
        assert times == [datetime.fromisoformat("2024-07-01T06:15:00")]
