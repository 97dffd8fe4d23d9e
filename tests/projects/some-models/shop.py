"""The models: what `legacy` had is used by another program, which has its own."""

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)


class Draft(Base):
    """Not made yet."""

    __tablename__ = "draft"
    __table_args__ = {"info": {"is_planned": True}}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
