"""What the tables share: the names of constraints, the types of columns, the columns that recur."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""One name per constraint on every database: what a server names by itself cannot be compared or dropped."""


class UTCDateTime(sa.TypeDecorator[datetime]):
    """A moment. It needs its time zone on the way in and has UTC on the way out.

    PostgreSQL stores ``timestamptz``; SQLite stores the UTC wall clock, since it has no such type.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; a stored timestamp needs one")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        # "column - timedelta" must bind an interval, not a moment.
        return self if isinstance(value, datetime) else self.impl_instance.coerce_compared_value(op, value)


# None is never stored as the JSON value null: a document is always there, if only empty.
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

Id = Annotated[uuid.UUID, mapped_column(sa.Uuid, primary_key=True, default=uuid.uuid4, sort_order=-20)]
"""Made by the client, so an object knows its identity before it is stored."""

CreatedAt = Annotated[datetime, mapped_column(server_default=sa.func.now(), sort_order=20)]
UpdatedAt = Annotated[
    datetime, mapped_column(server_default=sa.func.now(), onupdate=sa.func.now(), sort_order=21)
]
JsonObject = Annotated[dict[str, Any], mapped_column(JSON, server_default=sa.text("'{}'"))]
JsonList = Annotated[list[Any], mapped_column(JSON, server_default=sa.text("'[]'"))]
Active = Annotated[bool, mapped_column(server_default=sa.true())]
Money = Annotated[Decimal, mapped_column(sa.Numeric(12, 2), server_default=sa.text("0"))]
"""In whole units of the currency, to two decimals."""


class Base(DeclarativeBase):
    """The root of the models; its metadata is what ``alembic/env.py`` compares a database with."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: UTCDateTime(),
        float: sa.Double(),
        uuid.UUID: sa.Uuid(),
    }


class Row:
    """Identity and the moment of creation, by the server's clock."""

    id: Mapped[Id]
    created_at: Mapped[CreatedAt]


class ChangingRow(Row):
    """A row that also keeps the moment of its last change, by the server's clock."""

    updated_at: Mapped[UpdatedAt]


def tenant_key(*, index: bool) -> Mapped[uuid.UUID]:
    """Return the column that says whose row this is. What a tenant owns is deleted with the tenant."""
    return mapped_column(sa.ForeignKey("tenants.id", ondelete="CASCADE"), index=index, sort_order=-10)


class Authored:
    """A row that a user of a tenant made. It outlives its author: the work belongs to the tenant."""

    tenant_id: Mapped[uuid.UUID] = tenant_key(index=True)
    created_by: Mapped[uuid.UUID | None] = mapped_column(
        sa.ForeignKey("users.id", ondelete="SET NULL"), index=True, sort_order=-9
    )


def one_of(column: str, literal: Any) -> sa.CheckConstraint:
    """Return the CHECK that holds ``column`` to the values of a ``Literal``.

    A new state is then a change of a constraint; a native enum would need ALTER TYPE.
    """
    values = ", ".join(f"'{value}'" for value in get_args(literal))
    return sa.CheckConstraint(f"{column} IN ({values})", name=column)
