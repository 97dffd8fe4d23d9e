"""initial migration

The base schema as it first shipped: tenants, users, agents, workflows, blueprints, executions, audit logs
and API keys. It has the faults that 002 mends: authors called user_id, timestamps without a time zone (all
written in UTC), JSON that may be null, prices in floating point, foreign keys without a rule or an index,
states without a CHECK, email addresses that differ by case alone.

A table that exists already is left as it is when it has this shape, or the shape that a later revision
gives it; otherwise the upgrade stops and says how it differs.

Revision ID: 001
Revises:
Create Date: 2024-11-04 09:12:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateTable

from agent_factory.database import reconcile

revision = "001"
down_revision = None
branch_labels = None
depends_on = None

SHAPE = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> sa.Column:
    return sa.Column("id", sa.Uuid, primary_key=True)


def _flag(name: str, default: sa.ColumnElement) -> sa.Column:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=default)


def _count(name: str, type_: type[sa.types.TypeEngine] = sa.Integer) -> sa.Column:
    return sa.Column(name, type_, nullable=False, server_default=sa.text("0"))


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime, nullable=nullable)


sa.Table(
    "tenants",
    SHAPE,
    _id(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("slug", sa.String(100), nullable=False),
    sa.Column("plan", sa.String(50), nullable=False, server_default="free"),
    _flag("is_active", sa.true()),
    sa.Column("resource_quota", sa.JSON),
    sa.Column("usage", sa.JSON),
    _time("created_at"),
    _time("updated_at"),
    sa.UniqueConstraint("slug"),
)
sa.Table(
    "users",
    SHAPE,
    _id(),
    sa.Column("tenant_id", sa.Uuid, sa.ForeignKey("tenants.id")),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("hashed_password", sa.String(255), nullable=False),
    _flag("is_active", sa.true()),
    _flag("is_superuser", sa.false()),
    sa.Column("roles", sa.JSON),
    sa.Column("permissions", sa.JSON),
    _time("created_at"),
    _time("updated_at"),
    sa.UniqueConstraint("email"),
)
sa.Table(
    "agents",
    SHAPE,
    _id(),
    sa.Column("tenant_id", sa.Uuid, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id")),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("tools", sa.JSON),
    sa.Column("config", sa.JSON),
    _flag("is_active", sa.true()),
    _time("created_at"),
    _time("updated_at"),
)
sa.Table(
    "workflows",
    SHAPE,
    _id(),
    sa.Column("tenant_id", sa.Uuid, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id")),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("definition", sa.JSON),
    _flag("is_active", sa.true()),
    _time("created_at"),
    _time("updated_at"),
)
sa.Table(
    "blueprints",
    SHAPE,
    _id(),
    sa.Column("publisher_id", sa.Uuid, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("version", sa.String(50), nullable=False),
    sa.Column("definition", sa.JSON),
    sa.Column("pricing_model", sa.String(20), nullable=False, server_default="free"),
    _count("price", sa.Double),
    _flag("is_public", sa.false()),
    _count("downloads"),
    _count("rating", sa.Double),
    _count("reviews_count"),
    _time("created_at"),
    _time("updated_at"),
    sa.UniqueConstraint("publisher_id", "name", "version"),
)
sa.Table(
    "executions",
    SHAPE,
    _id(),
    sa.Column("tenant_id", sa.Uuid, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id")),
    sa.Column("execution_type", sa.String(20), nullable=False),
    sa.Column("resource_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.String(20), nullable=False, server_default="pending"),
    sa.Column("input_data", sa.JSON),
    sa.Column("output_data", sa.JSON),
    sa.Column("error_message", sa.Text),
    sa.Column("execution_time", sa.Double),
    _time("completed_at", nullable=True),
    _time("created_at"),
)
sa.Table(
    "audit_logs",
    SHAPE,
    _id(),
    sa.Column("tenant_id", sa.Uuid, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id")),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("resource_type", sa.String(50), nullable=False),
    sa.Column("resource_id", sa.Uuid),
    sa.Column("details", sa.JSON),
    sa.Column("ip_address", sa.String(45)),
    _time("created_at"),
)
sa.Table(
    "api_keys",
    SHAPE,
    _id(),
    sa.Column("tenant_id", sa.Uuid, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("key_prefix", sa.String(20), nullable=False),
    sa.Column("key_hash", sa.String(128), nullable=False),
    sa.Column("scopes", sa.JSON),
    _flag("is_active", sa.true()),
    _time("last_used_at", nullable=True),
    _time("expires_at", nullable=True),
    _time("created_at"),
    sa.UniqueConstraint("key_hash"),
)


def upgrade() -> None:
    context = op.get_context()
    existing = {}
    if not context.as_sql:
        later = context.script.walk_revisions(base=revision, head="heads") if context.script else ()
        shapes = [script.module.SHAPE for script in later if hasattr(script.module, "SHAPE")]
        existing = reconcile.recognise(op.get_bind(), SHAPE.tables, shapes[::-1] or [SHAPE])
    for table in SHAPE.sorted_tables:
        if table.name not in existing:
            op.execute(CreateTable(table))


def downgrade() -> None:
    for table in reversed(SHAPE.sorted_tables):
        op.drop_table(table.name, if_exists=True)
