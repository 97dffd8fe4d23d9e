"""What the database itself holds an application to, on both backends."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent_factory.database.models import (
    Agent,
    ApiKey,
    AuditLog,
    Base,
    Blueprint,
    Execution,
    Plan,
    Project,
    Subscription,
    Tenant,
    UsageRecord,
    User,
)
from agent_factory.database.session import build_engine, build_session_factory
from agent_factory.url import parse_url

START = datetime(2024, 7, 1, tzinfo=UTC)
END = datetime(2024, 8, 1, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = build_engine(parse_url(database_url))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    with build_session_factory(engine)() as session:
        yield session


@pytest.fixture
def tenant(session: Session) -> Tenant:
    tenant = Tenant(name="Acme", slug="acme")
    session.add(tenant)
    session.commit()
    return tenant


@pytest.fixture
def user(session: Session, tenant: Tenant) -> User:
    user = User(tenant=tenant, email="Ada@Example.org", hashed_password="x")
    session.add(user)
    session.commit()
    return user


def subscription(tenant: Tenant, plan: Plan, **columns: Any) -> Subscription:
    period = {"current_period_start": START, "current_period_end": END}
    return Subscription(tenant=tenant, plan=plan, **(period | columns))


def refused(session: Session, row: Base) -> None:
    """The database must refuse to store this row."""
    session.add(row)
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()
    session.rollback()


def count(session: Session, table: type[Base]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_a_row_starts_with_its_defaults(session: Session, tenant: Tenant, user: User) -> None:
    assert isinstance(tenant.id, uuid.UUID)
    session.expire_all()
    assert (tenant.plan, tenant.is_active, tenant.resource_quota, tenant.usage) == ("free", True, {}, {})
    assert (user.is_superuser, user.roles, user.permissions) == (False, [], [])


def test_a_document_cannot_be_null(session: Session, tenant: Tenant) -> None:
    project = Project(tenant=tenant, name="p", project_type="x", config=None)
    session.add(project)
    session.commit()
    session.expire_all()
    assert project.config == {}
    with pytest.raises(sa.exc.IntegrityError):
        session.execute(sa.update(Project).values(config=None))


def test_a_document_round_trip(session: Session, tenant: Tenant) -> None:
    document = {"text": "Żółw 🐢", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    tenant.usage = document
    session.commit()
    session.expire_all()
    assert tenant.usage == document


def test_the_server_stamps_rows_in_utc(session: Session, tenant: Tenant) -> None:
    session.expire_all()
    assert tenant.created_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - tenant.created_at) < timedelta(minutes=1)


def test_the_stamps_do_not_depend_on_the_time_zone_of_the_connection(postgresql_url: str) -> None:
    engine = build_engine(parse_url(postgresql_url).with_option("options", "-c TimeZone=America/New_York"))
    Base.metadata.create_all(engine)
    with build_session_factory(engine)() as session:
        session.add(Tenant(name="a", slug="a", updated_at=START))
        session.commit()
        session.expire_all()
        tenant = session.scalars(sa.select(Tenant)).one()
        assert abs(datetime.now(UTC) - tenant.created_at) < timedelta(minutes=1)
        assert tenant.updated_at == START
    engine.dispose()


def test_a_change_moves_updated_at(session: Session, tenant: Tenant) -> None:
    tenant.updated_at = START
    session.commit()
    tenant.name = "Acme Ltd"
    session.commit()
    session.expire_all()
    assert abs(datetime.now(UTC) - tenant.updated_at) < timedelta(minutes=1)


def test_a_moment_comes_back_the_same_and_in_utc(session: Session, tenant: Tenant, user: User) -> None:
    moment = datetime(2024, 7, 1, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=-4)))
    key = ApiKey(
        tenant=tenant,
        user=user,
        name="k",
        key_prefix="af",
        key_hash="h",
        last_used_at=moment,
        expires_at=None,
    )
    session.add(key)
    session.commit()
    session.expire_all()
    assert key.last_used_at == moment
    assert key.last_used_at.tzinfo is UTC
    assert key.expires_at is None
    assert session.scalars(sa.select(ApiKey).where(ApiKey.last_used_at == moment)).one() is key


def test_a_time_without_a_zone_is_not_stored(session: Session, tenant: Tenant) -> None:
    tenant.updated_at = START.replace(tzinfo=None)
    with pytest.raises(sa.exc.StatementError, match="has no time zone"):
        session.flush()


def test_money_is_exact(session: Session, user: User) -> None:
    blueprint = Blueprint(publisher=user, name="b", version="1", price=Decimal("19.99"))
    session.add(blueprint)
    session.commit()
    session.expire_all()
    assert blueprint.price == Decimal("19.99")
    assert str(blueprint.price) == "19.99"


def test_foreign_keys_are_enforced(session: Session) -> None:
    refused(session, Agent(tenant_id=uuid.uuid4(), name="a", instructions="", model="m"))


def test_an_email_address_is_unique_without_regard_to_case(session: Session, user: User) -> None:
    refused(session, User(email="ADA@example.ORG", hashed_password="x"))


def test_a_tenant_has_one_live_subscription(session: Session, tenant: Tenant) -> None:
    plan = Plan(name="Pro", plan_type="pro", price_monthly=Decimal(20))
    session.add_all([subscription(tenant, plan, status="canceled") for _ in range(2)])
    session.add(subscription(tenant, plan, status="active"))
    session.commit()
    refused(session, subscription(tenant, plan, status="past_due"))
    other = Tenant(name="Other", slug="other")
    session.add(subscription(other, plan))
    session.commit()
    assert count(session, Subscription) == 4


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "cancelled"},
        {"billing_cycle": "weekly"},
        {"current_period_end": START},
    ],
)
def test_a_subscription_in_no_known_state_is_refused(
    session: Session, tenant: Tenant, columns: dict[str, Any]
) -> None:
    plan = Plan(name="Pro", plan_type="pro")
    refused(session, subscription(tenant, plan, **columns))


def test_usage_is_recorded_once_for_each_period(session: Session, tenant: Tenant) -> None:
    record = {"metric": "tokens", "quantity": Decimal("1.5"), "period_start": START, "period_end": END}
    session.add(UsageRecord(tenant=tenant, **record))
    session.commit()
    refused(session, UsageRecord(tenant=tenant, **record))
    refused(session, UsageRecord(tenant=tenant, **(record | {"period_start": END})))


def test_a_plan_has_a_currency_of_three_letters(session: Session) -> None:
    refused(session, Plan(name="Pro", plan_type="pro", currency="E"))


def test_what_a_tenant_owns_goes_with_it(session: Session, tenant: Tenant, user: User) -> None:
    plan = Plan(name="Pro", plan_type="pro")
    agent = Agent(tenant=tenant, author=user, name="a", instructions="", model="m")
    session.add_all(
        [
            *(agent, subscription(tenant, plan)),
            Execution(tenant=tenant, author=user, execution_type="agent", resource_id=uuid.uuid4()),
            AuditLog(tenant=tenant, user=user, action="agent.create", resource_type="agent"),
            ApiKey(tenant=tenant, user=user, name="k", key_prefix="af", key_hash="h"),
        ]
    )
    session.commit()
    session.delete(tenant)
    session.commit()
    for table in (Tenant, User, Agent, Subscription, Execution, AuditLog, ApiKey):
        assert count(session, table) == 0, table
    assert count(session, Plan) == 1


def test_work_outlives_its_author_and_a_key_does_not(session: Session, tenant: Tenant, user: User) -> None:
    agent = Agent(tenant=tenant, author=user, name="a", instructions="", model="m")
    entry = AuditLog(tenant=tenant, user=user, action="agent.create", resource_type="agent")
    key = ApiKey(tenant=tenant, user=user, name="k", key_prefix="af", key_hash="h")
    session.add_all([agent, entry, key])
    session.commit()
    session.expire_all()
    session.delete(user)
    session.commit()
    session.expire_all()
    assert agent.created_by is None
    assert entry.user_id is None
    assert count(session, ApiKey) == 0


def test_what_others_rely_on_cannot_be_pulled_away(session: Session, tenant: Tenant, user: User) -> None:
    plan = Plan(name="Pro", plan_type="pro")
    session.add_all([Blueprint(publisher=user, name="b", version="1"), subscription(tenant, plan)])
    session.commit()
    for row in (user, plan):
        with pytest.raises(sa.exc.IntegrityError):
            session.execute(sa.delete(type(row)).where(type(row).id == row.id))
        session.rollback()
