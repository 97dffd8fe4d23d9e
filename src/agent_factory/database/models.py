"""The twelve tables, as they are at the head of the migrations.

Three rules for ON DELETE: what a tenant owns goes with the tenant (CASCADE); work outlives its author
(SET NULL); what others rely on, a published blueprint or a plan with subscribers, cannot be pulled away
(RESTRICT). The database applies them, so collections here leave a deletion to it (``passive_deletes``).
"""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from agent_factory.database.base import (
    Active,
    Authored,
    Base,
    ChangingRow,
    JsonList,
    JsonObject,
    Money,
    Row,
    one_of,
    tenant_key,
)

__all__ = [
    "Agent",
    "ApiKey",
    "AuditLog",
    "Base",
    "Blueprint",
    "Execution",
    "Plan",
    "Project",
    "Subscription",
    "Tenant",
    "UsageRecord",
    "User",
    "Workflow",
]

PricingModel = Literal["free", "one_time", "subscription"]
ExecutionType = Literal["agent", "workflow"]
ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
PlanType = Literal["free", "pro", "enterprise"]
SubscriptionStatus = Literal["trialing", "active", "past_due", "canceled"]
BillingCycle = Literal["monthly", "yearly"]


class Tenant(ChangingRow, Base):
    """A customer: an organisation whose users, work and bills are its own."""

    __tablename__ = "tenants"

    name: Mapped[str] = mapped_column(sa.String(255))
    slug: Mapped[str] = mapped_column(sa.String(100), unique=True, doc="the name in URLs")
    plan: Mapped[str] = mapped_column(
        sa.String(50), server_default="free", doc="the plan in force, kept here so a request need not join"
    )
    is_active: Mapped[Active]
    resource_quota: Mapped[JsonObject] = mapped_column(doc="metric -> what the tenant may use")
    usage: Mapped[JsonObject] = mapped_column(doc="metric -> what it has used in the current period")

    users: Mapped[list["User"]] = relationship(back_populates="tenant", passive_deletes="all")
    agents: Mapped[list["Agent"]] = relationship(back_populates="tenant", passive_deletes="all")
    workflows: Mapped[list["Workflow"]] = relationship(back_populates="tenant", passive_deletes="all")
    projects: Mapped[list["Project"]] = relationship(back_populates="tenant", passive_deletes="all")
    subscriptions: Mapped[list["Subscription"]] = relationship(
        back_populates="tenant", passive_deletes="all", order_by="Subscription.current_period_start"
    )


class User(ChangingRow, Base):
    """A person who logs in, of one tenant or of the platform's staff."""

    __tablename__ = "users"
    __table_args__ = (sa.Index("uq_users_email_lower", sa.text("lower(email)"), unique=True),)

    tenant_id: Mapped[uuid.UUID | None] = mapped_column(
        sa.ForeignKey("tenants.id", ondelete="CASCADE"), index=True, doc="null for platform staff"
    )
    email: Mapped[str] = mapped_column(sa.String(320), doc="unique without regard to case")
    hashed_password: Mapped[str] = mapped_column(sa.String(255))
    is_active: Mapped[Active] = mapped_column(doc="false keeps the person's name on what they did")
    is_superuser: Mapped[bool] = mapped_column(server_default=sa.false())
    roles: Mapped[JsonList] = mapped_column(doc="names of roles")
    permissions: Mapped[JsonList] = mapped_column(doc="permissions beyond those of the roles")

    tenant: Mapped[Tenant | None] = relationship(back_populates="users")
    api_keys: Mapped[list["ApiKey"]] = relationship(back_populates="user", passive_deletes="all")
    blueprints: Mapped[list["Blueprint"]] = relationship(back_populates="publisher", passive_deletes="all")


class Agent(ChangingRow, Authored, Base):
    """A language model with instructions and tools."""

    __tablename__ = "agents"

    name: Mapped[str] = mapped_column(sa.String(255))
    instructions: Mapped[str] = mapped_column(sa.Text)
    model: Mapped[str] = mapped_column(sa.String(100), doc="the language model's name")
    tools: Mapped[JsonList] = mapped_column(doc="tools the agent may call")
    config: Mapped[JsonObject] = mapped_column(doc="settings of the model")
    is_active: Mapped[Active]

    tenant: Mapped[Tenant] = relationship(back_populates="agents")
    author: Mapped[User | None] = relationship()


class Workflow(ChangingRow, Authored, Base):
    """Steps that agents take together."""

    __tablename__ = "workflows"

    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str | None] = mapped_column(sa.Text)
    definition: Mapped[JsonObject] = mapped_column(doc="the steps and how they join")
    is_active: Mapped[Active]

    tenant: Mapped[Tenant] = relationship(back_populates="workflows")
    author: Mapped[User | None] = relationship()


class Project(ChangingRow, Authored, Base):
    """A piece of work of a tenant."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(sa.String(255))
    project_type: Mapped[str] = mapped_column(sa.String(50))
    config: Mapped[JsonObject]
    is_active: Mapped[Active]

    tenant: Mapped[Tenant] = relationship(back_populates="projects")
    author: Mapped[User | None] = relationship()


class Blueprint(ChangingRow, Base):
    """One version of an agent or workflow, published on the marketplace."""

    __tablename__ = "blueprints"
    __table_args__ = (
        sa.UniqueConstraint("publisher_id", "name", "version"),
        one_of("pricing_model", PricingModel),
    )

    publisher_id: Mapped[uuid.UUID] = mapped_column(
        sa.ForeignKey("users.id", ondelete="RESTRICT"), doc="indexed by the unique constraint"
    )
    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str | None] = mapped_column(sa.Text)
    version: Mapped[str] = mapped_column(sa.String(50))
    definition: Mapped[JsonObject] = mapped_column(doc="what a buyer gets")
    pricing_model: Mapped[PricingModel] = mapped_column(sa.String(20), server_default="free")
    price: Mapped[Money] = mapped_column(doc="in the currency of the platform; each month for a subscription")
    is_public: Mapped[bool] = mapped_column(server_default=sa.false())
    downloads: Mapped[int] = mapped_column(server_default=sa.text("0"), doc="times")
    rating: Mapped[float] = mapped_column(server_default=sa.text("0"), doc="mean of the reviews, 0 to 5")
    reviews_count: Mapped[int] = mapped_column(server_default=sa.text("0"))

    publisher: Mapped[User] = relationship(back_populates="blueprints")


class Execution(Row, Base):
    """One run of an agent or a workflow."""

    __tablename__ = "executions"
    __table_args__ = (
        one_of("execution_type", ExecutionType),
        one_of("status", ExecutionStatus),
        sa.Index(None, "tenant_id", "status"),
        sa.Index(None, "tenant_id", "created_at"),
    )

    tenant_id: Mapped[uuid.UUID] = tenant_key(index=False)
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    execution_type: Mapped[ExecutionType] = mapped_column(sa.String(20), doc="what resource_id points at")
    resource_id: Mapped[uuid.UUID] = mapped_column(
        doc="an agent or a workflow; no foreign key, so the record of a run outlives what it ran"
    )
    status: Mapped[ExecutionStatus] = mapped_column(sa.String(20), server_default="pending")
    input_data: Mapped[JsonObject]
    output_data: Mapped[JsonObject]
    error_message: Mapped[str | None] = mapped_column(sa.Text)
    execution_time: Mapped[float | None] = mapped_column(doc="seconds")
    completed_at: Mapped[datetime | None] = mapped_column(doc="null until the run ends, however it ends")

    tenant: Mapped[Tenant] = relationship()
    author: Mapped[User | None] = relationship()


class AuditLog(Row, Base):
    """Who did what. Rows are added and never changed, save that a deleted user is forgotten."""

    __tablename__ = "audit_logs"
    __table_args__ = (sa.Index(None, "tenant_id", "created_at"),)

    tenant_id: Mapped[uuid.UUID] = tenant_key(index=False)
    user_id: Mapped[uuid.UUID | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"), index=True, doc="null for the system"
    )
    action: Mapped[str] = mapped_column(sa.String(100), doc="a verb, such as agent.delete")
    resource_type: Mapped[str] = mapped_column(sa.String(50))
    resource_id: Mapped[uuid.UUID | None] = mapped_column(doc="null where no row is meant, as in a login")
    details: Mapped[JsonObject]
    ip_address: Mapped[str | None] = mapped_column(sa.String(45), doc="IPv4 or IPv6")

    tenant: Mapped[Tenant] = relationship()
    user: Mapped[User | None] = relationship()


class ApiKey(Row, Base):
    """A program's login. The key itself is shown once and never stored."""

    __tablename__ = "api_keys"
    __table_args__ = (sa.Index(None, "expires_at"),)

    tenant_id: Mapped[uuid.UUID] = tenant_key(index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(
        sa.ForeignKey("users.id", ondelete="CASCADE"), index=True, doc="a key does not outlive its owner"
    )
    name: Mapped[str] = mapped_column(sa.String(255))
    key_prefix: Mapped[str] = mapped_column(sa.String(20), doc="the first characters, to recognise a key by")
    key_hash: Mapped[str] = mapped_column(sa.String(128), unique=True)
    scopes: Mapped[JsonList] = mapped_column(doc="what the key may do")
    is_active: Mapped[Active]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None] = mapped_column(doc="null for a key that does not expire")

    tenant: Mapped[Tenant] = relationship()
    user: Mapped[User] = relationship(back_populates="api_keys")


class Plan(ChangingRow, Base):
    """What a tenant can subscribe to. A plan that is no longer sold is inactive, never deleted."""

    __tablename__ = "plans"
    __table_args__ = (
        one_of("plan_type", PlanType),
        sa.CheckConstraint("length(currency) = 3", name="currency"),
    )

    name: Mapped[str] = mapped_column(sa.String(255))
    plan_type: Mapped[PlanType] = mapped_column(sa.String(20), unique=True)
    price_monthly: Mapped[Money] = mapped_column(doc="units of currency for each month")
    price_yearly: Mapped[Money] = mapped_column(doc="units of currency for each year")
    currency: Mapped[str] = mapped_column(sa.String(3), server_default="USD", doc="ISO 4217, three letters")
    features: Mapped[JsonObject] = mapped_column(doc="feature -> whether the plan has it")
    limits: Mapped[JsonObject] = mapped_column(doc="metric -> what the plan allows in each period")
    is_active: Mapped[Active]


class Subscription(ChangingRow, Base):
    """A tenant's contract for a plan; one at a time is live, which is any state but canceled."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        one_of("status", SubscriptionStatus),
        one_of("billing_cycle", BillingCycle),
        sa.CheckConstraint("current_period_end > current_period_start", name="current_period"),
        sa.Index(
            "uq_subscriptions_tenant_id_live",
            "tenant_id",
            unique=True,
            postgresql_where=sa.text("status <> 'canceled'"),
            sqlite_where=sa.text("status <> 'canceled'"),
        ),
    )

    tenant_id: Mapped[uuid.UUID] = tenant_key(index=True)
    plan_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("plans.id", ondelete="RESTRICT"), index=True)
    status: Mapped[SubscriptionStatus] = mapped_column(sa.String(20), server_default="trialing")
    billing_cycle: Mapped[BillingCycle] = mapped_column(sa.String(20), server_default="monthly")
    current_period_start: Mapped[datetime]
    current_period_end: Mapped[datetime] = mapped_column(doc="the first moment after the period")
    canceled_at: Mapped[datetime | None]

    tenant: Mapped[Tenant] = relationship(back_populates="subscriptions")
    plan: Mapped[Plan] = relationship()


class UsageRecord(Row, Base):
    """How much of one metric a tenant used in one period. Rows are added and never changed."""

    __tablename__ = "usage_records"
    __table_args__ = (
        sa.CheckConstraint("period_end > period_start", name="period"),
        sa.UniqueConstraint("tenant_id", "metric", "period_start"),
        sa.Index(None, "tenant_id", "period_start", "period_end"),
    )

    tenant_id: Mapped[uuid.UUID] = tenant_key(index=False)
    metric: Mapped[str] = mapped_column(sa.String(50), doc="such as api_calls, tokens or storage_gb")
    quantity: Mapped[Decimal] = mapped_column(sa.Numeric(20, 6), doc="in the unit that the metric names")
    period_start: Mapped[datetime]
    period_end: Mapped[datetime] = mapped_column(doc="the first moment after the period")

    tenant: Mapped[Tenant] = relationship()
