"""master schema: complete consolidation

New tables: projects, plans, subscriptions, usage_records. In the eight tables of 001:

- agents, workflows, executions: user_id becomes created_by
- every timestamp: takes a time zone (what 001 wrote is UTC); created_at and updated_at get a default
- every JSON column: JSONB on PostgreSQL, NOT NULL, with a default; null becomes the empty value
- blueprints.price: from floating point to NUMERIC(12, 2)
- users.email: unique without regard to case
- blueprints.pricing_model, executions.execution_type, executions.status: a CHECK
- every foreign key: an ON DELETE rule and an index; and the indexes that listings need

On PostgreSQL each table is rewritten once, by one ALTER TABLE. SQLite cannot alter columns or constraints, so
there each table is copied into a new one that takes its name. Before anything changes the upgrade looks for
what would be lost or would not fit (email addresses that differ by case alone, unknown states, a second
author) and stops if there is any. A table that has this shape already is left as it is.

The downgrade is the same way back; it drops the four new tables with their rows.

Revision ID: 002
Revises: 001
Create Date: 2025-02-17 14:35:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable, DropIndex

from agent_factory.database import reconcile

revision = "002"
down_revision = "001"
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
AUTHORED = ("agents", "workflows", "executions")


def _id() -> sa.Column:
    return sa.Column("id", sa.Uuid, primary_key=True)


def _key(name: str, target: str, ondelete: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid, sa.ForeignKey(target, ondelete=ondelete), nullable=nullable)


def _tenant_id() -> sa.Column:
    return _key("tenant_id", "tenants.id", "CASCADE")


def _created_by() -> sa.Column:
    return _key("created_by", "users.id", "SET NULL", nullable=True)


def _flag(name: str, default: sa.ColumnElement) -> sa.Column:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=default)


def _count(name: str, type_: type[sa.types.TypeEngine] = sa.Integer) -> sa.Column:
    return sa.Column(name, type_, nullable=False, server_default=sa.text("0"))


def _money(name: str) -> sa.Column:
    return sa.Column(name, sa.Numeric(12, 2), nullable=False, server_default=sa.text("0"))


def _json(name: str, empty: str) -> sa.Column:
    type_ = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    return sa.Column(name, type_, nullable=False, server_default=sa.text(f"'{empty}'"))


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


sa.Table(
    "tenants",
    SHAPE,
    _id(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("slug", sa.String(100), nullable=False),
    sa.Column("plan", sa.String(50), nullable=False, server_default="free"),
    _flag("is_active", sa.true()),
    _json("resource_quota", "{}"),
    _json("usage", "{}"),
    _now("created_at"),
    _now("updated_at"),
    sa.UniqueConstraint("slug"),
)
sa.Table(
    "users",
    SHAPE,
    _id(),
    _key("tenant_id", "tenants.id", "CASCADE", nullable=True),
    sa.Column("email", sa.String(320), nullable=False),
    sa.Column("hashed_password", sa.String(255), nullable=False),
    _flag("is_active", sa.true()),
    _flag("is_superuser", sa.false()),
    _json("roles", "[]"),
    _json("permissions", "[]"),
    _now("created_at"),
    _now("updated_at"),
    sa.Index(None, "tenant_id"),
    sa.Index("uq_users_email_lower", sa.text("lower(email)"), unique=True),
)
sa.Table(
    "agents",
    SHAPE,
    _id(),
    _tenant_id(),
    _created_by(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("model", sa.String(100), nullable=False),
    _json("tools", "[]"),
    _json("config", "{}"),
    _flag("is_active", sa.true()),
    _now("created_at"),
    _now("updated_at"),
    sa.Index(None, "tenant_id"),
    sa.Index(None, "created_by"),
)
sa.Table(
    "workflows",
    SHAPE,
    _id(),
    _tenant_id(),
    _created_by(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    _json("definition", "{}"),
    _flag("is_active", sa.true()),
    _now("created_at"),
    _now("updated_at"),
    sa.Index(None, "tenant_id"),
    sa.Index(None, "created_by"),
)
sa.Table(
    "blueprints",
    SHAPE,
    _id(),
    _key("publisher_id", "users.id", "RESTRICT"),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("version", sa.String(50), nullable=False),
    _json("definition", "{}"),
    sa.Column("pricing_model", sa.String(20), nullable=False, server_default="free"),
    _money("price"),
    _flag("is_public", sa.false()),
    _count("downloads"),
    _count("rating", sa.Double),
    _count("reviews_count"),
    _now("created_at"),
    _now("updated_at"),
    sa.UniqueConstraint("publisher_id", "name", "version"),
    sa.CheckConstraint("pricing_model IN ('free', 'one_time', 'subscription')", name="pricing_model"),
)
sa.Table(
    "executions",
    SHAPE,
    _id(),
    _tenant_id(),
    _created_by(),
    sa.Column("execution_type", sa.String(20), nullable=False),
    sa.Column("resource_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.String(20), nullable=False, server_default="pending"),
    _json("input_data", "{}"),
    _json("output_data", "{}"),
    sa.Column("error_message", sa.Text),
    sa.Column("execution_time", sa.Double),
    _time("completed_at", nullable=True),
    _now("created_at"),
    sa.CheckConstraint("execution_type IN ('agent', 'workflow')", name="execution_type"),
    sa.CheckConstraint("status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name="status"),
    sa.Index(None, "tenant_id", "status"),
    sa.Index(None, "tenant_id", "created_at"),
    sa.Index(None, "created_by"),
)
sa.Table(
    "audit_logs",
    SHAPE,
    _id(),
    _tenant_id(),
    _key("user_id", "users.id", "SET NULL", nullable=True),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("resource_type", sa.String(50), nullable=False),
    sa.Column("resource_id", sa.Uuid),
    _json("details", "{}"),
    sa.Column("ip_address", sa.String(45)),
    _now("created_at"),
    sa.Index(None, "tenant_id", "created_at"),
    sa.Index(None, "user_id"),
)
sa.Table(
    "api_keys",
    SHAPE,
    _id(),
    _tenant_id(),
    _key("user_id", "users.id", "CASCADE"),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("key_prefix", sa.String(20), nullable=False),
    sa.Column("key_hash", sa.String(128), nullable=False),
    _json("scopes", "[]"),
    _flag("is_active", sa.true()),
    _time("last_used_at", nullable=True),
    _time("expires_at", nullable=True),
    _now("created_at"),
    sa.UniqueConstraint("key_hash"),
    sa.Index(None, "tenant_id"),
    sa.Index(None, "user_id"),
    sa.Index(None, "expires_at"),
)
sa.Table(
    "projects",
    SHAPE,
    _id(),
    _tenant_id(),
    _created_by(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("project_type", sa.String(50), nullable=False),
    _json("config", "{}"),
    _flag("is_active", sa.true()),
    _now("created_at"),
    _now("updated_at"),
    sa.Index(None, "tenant_id"),
    sa.Index(None, "created_by"),
)
sa.Table(
    "plans",
    SHAPE,
    _id(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("plan_type", sa.String(20), nullable=False),
    _money("price_monthly"),
    _money("price_yearly"),
    sa.Column("currency", sa.String(3), nullable=False, server_default="USD"),
    _json("features", "{}"),
    _json("limits", "{}"),
    _flag("is_active", sa.true()),
    _now("created_at"),
    _now("updated_at"),
    sa.UniqueConstraint("plan_type"),
    sa.CheckConstraint("plan_type IN ('free', 'pro', 'enterprise')", name="plan_type"),
    sa.CheckConstraint("length(currency) = 3", name="currency"),
)
sa.Table(
    "subscriptions",
    SHAPE,
    _id(),
    _tenant_id(),
    _key("plan_id", "plans.id", "RESTRICT"),
    sa.Column("status", sa.String(20), nullable=False, server_default="trialing"),
    sa.Column("billing_cycle", sa.String(20), nullable=False, server_default="monthly"),
    _time("current_period_start"),
    _time("current_period_end"),
    _time("canceled_at", nullable=True),
    _now("created_at"),
    _now("updated_at"),
    sa.CheckConstraint("status IN ('trialing', 'active', 'past_due', 'canceled')", name="status"),
    sa.CheckConstraint("billing_cycle IN ('monthly', 'yearly')", name="billing_cycle"),
    sa.CheckConstraint("current_period_end > current_period_start", name="current_period"),
    sa.Index(None, "tenant_id"),
    sa.Index(None, "plan_id"),
    sa.Index(
        "uq_subscriptions_tenant_id_live",
        "tenant_id",
        unique=True,
        postgresql_where=sa.text("status <> 'canceled'"),
        sqlite_where=sa.text("status <> 'canceled'"),
    ),
)
sa.Table(
    "usage_records",
    SHAPE,
    _id(),
    _tenant_id(),
    sa.Column("metric", sa.String(50), nullable=False),
    sa.Column("quantity", sa.Numeric(20, 6), nullable=False),
    _time("period_start"),
    _time("period_end"),
    _now("created_at"),
    sa.CheckConstraint("period_end > period_start", name="period"),
    sa.UniqueConstraint("tenant_id", "metric", "period_start"),
    sa.Index(None, "tenant_id", "period_start", "period_end"),
)


def upgrade() -> None:
    base = _shape_of_001()
    existing = _recognise(base, SHAPE)
    changing = [table for table in base.sorted_tables if existing[table.name].shape is base]
    for table in changing:
        _refuse_to_lose(table, SHAPE.tables[table.name], existing[table.name].additions)
    for table in changing:
        _change(table, SHAPE.tables[table.name], existing[table.name].additions)
    for table in SHAPE.sorted_tables:
        if table.name not in existing:
            op.execute(CreateTable(table))
            for index in _indexes(table):
                op.execute(CreateIndex(index))


def downgrade() -> None:
    base = _shape_of_001()
    existing = _recognise(SHAPE, base)
    changing = [table for table in base.sorted_tables if existing[table.name].shape is SHAPE]
    for table in changing:
        _refuse_to_lose(SHAPE.tables[table.name], table, existing[table.name].additions)
    for table in reversed(SHAPE.sorted_tables):
        if table.name not in base.tables:
            op.drop_table(table.name, if_exists=True)
    for table in changing:
        _change(SHAPE.tables[table.name], table, existing[table.name].additions)


def _shape_of_001() -> sa.MetaData:
    return op.get_context().script.get_revision(down_revision).module.SHAPE


def _recognise(old: sa.MetaData, new: sa.MetaData) -> dict[str, reconcile.Recognised]:
    """Return which shape each table has that exists: the old one still, or the new one already."""
    if op.get_context().as_sql:
        names = [name for name in new.tables if name in old.tables]
        return {name: reconcile.Recognised(shape=old, additions=frozenset()) for name in names}
    existing = reconcile.recognise(op.get_bind(), new.tables, [old, new])
    missing = [
        reconcile.Difference(table=name, part="table", expected="as revision 001 makes it", found=None)
        for name in _shape_of_001().tables
        if name not in existing
    ]
    if missing:
        raise reconcile.SchemaConflictError(missing)
    return existing


def _refuse_to_lose(old: sa.Table, new: sa.Table, additions: frozenset[str]) -> None:
    """Stop when rows of this table would be lost, would lose something, or would not fit."""
    if op.get_context().as_sql:
        return
    name = old.name
    connection = op.get_bind()
    if connection.dialect.name == "sqlite" and connection.scalar(sa.text("PRAGMA foreign_keys")):
        raise reconcile.DataConflictError(
            name,
            "foreign keys are enforced, so replacing this table would delete the rows that refer to it",
            "Run PRAGMA foreign_keys = OFF on this connection, before its transaction begins.",
        )

    if any(index.name == "uq_users_email_lower" for index in new.indexes):
        email = sa.func.lower(old.c.email)
        shared = sa.select(email).group_by(email).having(sa.func.count() > 1)
        ids = _ids(old, email.in_(shared))
        if ids:
            raise reconcile.DataConflictError(
                name,
                f"{len(ids)} rows have email addresses that differ by case alone (id {_listed(ids)})",
                "Addresses become unique without regard to case. Change or merge these users, then run the "
                "migration again.",
            )
    for column in new.columns:
        if isinstance(column.type, sa.Numeric) and isinstance(old.columns[column.name].type, sa.Double):
            amount = sa.cast(old.columns[column.name], sa.Numeric)
            ids = _ids(old, (sa.func.abs(amount - sa.func.round(amount, 2)) > 1e-9) | (amount >= 10**10))
            if ids:
                raise reconcile.DataConflictError(
                    name,
                    f"{len(ids)} rows have a {column.name} with fractions of a cent or beyond 10 digits "
                    f"(id {_listed(ids)})",
                    "Round these amounts to cents, then run the migration again.",
                )
    for check in new.constraints:
        if isinstance(check, sa.CheckConstraint):
            ids = _ids(old, sa.text(f"NOT ({check.sqltext})"))
            if ids:
                raise reconcile.DataConflictError(
                    name,
                    f"{len(ids)} rows do not satisfy {check.sqltext} (id {_listed(ids)})",
                    "Give these rows one of the allowed values, then run the migration again.",
                )
    if name in AUTHORED and f"column {_author(new)}" in additions:
        ids = _ids(old, old.c[_author(old)] != sa.column(_author(new)))
        if ids:
            raise reconcile.DataConflictError(
                name,
                f"{len(ids)} rows have one author in user_id and another in created_by (id {_listed(ids)})",
                "Put the author into both, or null into one, then run the migration again.",
            )


def _ids(table: sa.Table, condition: sa.ColumnElement) -> list[str]:
    row_id = sa.cast(table.c.id, sa.Text)
    return list(op.get_bind().scalars(sa.select(row_id).where(condition).order_by(row_id)))


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")


def _author(table: sa.Table) -> str:
    return "created_by" if "created_by" in table.c else "user_id"


def _change(old: sa.Table, new: sa.Table, additions: frozenset[str]) -> None:
    """Bring a table from one shape to the other; ``additions`` are parts of the other that it has already."""
    renamed = old.name in AUTHORED and f"column {_author(new)}" not in additions
    if op.get_context().dialect.name == "sqlite":
        _replace_on_sqlite(old, new, renamed=renamed)
    else:
        _alter_on_postgresql(old, new, additions, renamed=renamed)


def _replace_on_sqlite(old: sa.Table, new: sa.Table, *, renamed: bool) -> None:
    """Copy the rows into a table of the new shape, as https://sqlite.org/lang_altertable.html describes.

    Alembic's batch does the same but writes constraints and indexes in an order of its own each time; the
    statements of a migration should be the ones that were reviewed.
    """
    dialect = op.get_context().dialect
    copy = f"_new_{new.name}"
    create = str(CreateTable(new).compile(dialect=dialect))
    names = [dialect.identifier_preparer.quote(column.name) for column in new.columns]
    values = [
        _value_on_sqlite(column, name, old, renamed=renamed)
        for column, name in zip(new.columns, names, strict=True)
    ]
    op.execute(create.replace(f"CREATE TABLE {new.name}", f"CREATE TABLE {copy}", 1))
    op.execute(f"INSERT INTO {copy} ({', '.join(names)})\nSELECT {', '.join(values)}\n  FROM {old.name}")
    op.execute(f"DROP TABLE {old.name}")
    op.execute(f"ALTER TABLE {copy} RENAME TO {new.name}")
    for index in _indexes(new):
        op.execute(CreateIndex(index))


def _value_on_sqlite(new: sa.Column, name: str, old: sa.Table, *, renamed: bool) -> str:
    if new.name not in old.columns:
        return _author(old) if renamed else f"coalesce({name}, {_author(old)})"
    if isinstance(new.type, sa.JSON) and not new.nullable:
        return (
            f"CASE WHEN {name} IS NULL OR trim({name}) = 'null' THEN {new.server_default.arg} ELSE {name} END"
        )
    if new.type.compile() == "NUMERIC(12, 2)":
        return f"round({name}, 2)"
    return name


def _alter_on_postgresql(old: sa.Table, new: sa.Table, additions: frozenset[str], *, renamed: bool) -> None:
    """Change columns and constraints in one ALTER TABLE, so the table is rewritten once."""
    dialect = op.get_context().dialect
    before, after = reconcile.declared_parts(old, dialect), reconcile.declared_parts(new, dialect)
    leaving = [part for part in sorted(before) if before[part] != after.get(part)]
    coming = [part for part in sorted(after) if after[part] != before.get(part) and part not in additions]

    for index in _indexes(old):
        if f"index {index.name}" in leaving:
            op.execute(DropIndex(index))

    clauses = [f"DROP {_words(part)}" for part in leaving if part.startswith("constraint ")]
    if old.name in AUTHORED and renamed:
        op.execute(f"ALTER TABLE {old.name} RENAME {_author(old)} TO {_author(new)}")
    elif old.name in AUTHORED:
        values = f"{_author(new)} = {_author(old)} WHERE {_author(new)} IS NULL"
        op.execute(f"UPDATE {old.name} SET {values}")  # noqa: S608
        clauses.append(f"DROP COLUMN {_author(old)}")
    for column in new.columns:
        if f"column {column.name}" in coming and column.name in old.columns:
            clauses += _alter_column(old.columns[column.name], column)
    clauses += [f"ADD {_words(part)} {after[part]}" for part in coming if part.startswith("constraint ")]
    op.execute(f"ALTER TABLE {new.name}\n  " + ",\n  ".join(clauses))

    for index in _indexes(new):
        if f"index {index.name}" in coming:
            op.execute(CreateIndex(index))


def _words(part: str) -> str:
    return part.replace("constraint ", "CONSTRAINT ", 1)


def _indexes(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda index: index.name)


def _alter_column(old: sa.Column, new: sa.Column) -> list[str]:
    """Return the clauses that turn one column of PostgreSQL into the other and keep what its values mean."""
    dialect = op.get_context().dialect
    name = new.name
    type_ = new.type.compile(dialect=dialect)
    clauses = []
    if old.server_default is not None:
        clauses.append(f"ALTER COLUMN {name} DROP DEFAULT")
    if old.type.compile(dialect=dialect) != type_:
        value = f"{name}::{type_}"
        if isinstance(new.type, sa.DateTime):
            # Both ways, and whatever the time zone of this connection: what has no zone is UTC.
            value = f"{name} AT TIME ZONE 'UTC'"
        elif type_ == "JSONB":
            value = f"coalesce(nullif({name}::jsonb, 'null'), {new.server_default.arg})"
        clauses.append(f"ALTER COLUMN {name} TYPE {type_} USING {value}")
    if new.server_default is not None:
        default = dialect.ddl_compiler(dialect, None).get_column_default_string(new)
        clauses.append(f"ALTER COLUMN {name} SET DEFAULT {default}")
    if old.nullable != new.nullable:
        clauses.append(f"ALTER COLUMN {name} {'DROP' if new.nullable else 'SET'} NOT NULL")
    return clauses
