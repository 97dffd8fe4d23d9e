"""purchases

Revision ID: 002
Revises: 001
Create Date: 2025-02-01 10:00:00.000000

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = '002'
down_revision: Union[str, None] = '001'
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade(engine_name: str) -> None:
    """Upgrade schema."""
    globals()["upgrade_%s" % engine_name]()


def downgrade(engine_name: str) -> None:
    """Downgrade schema."""
    globals()["downgrade_%s" % engine_name]()





def upgrade_engine1() -> None:
    """Upgrade engine1 schema."""
    op.create_table(
        "purchase",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Enum("open", "paid", name="purchase_state", create_constraint=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade_engine1() -> None:
    """Downgrade engine1 schema."""
    op.drop_table("purchase")
    sa.Enum(name="purchase_state").drop(op.get_bind())


def upgrade_engine2() -> None:
    """Upgrade engine2 schema."""
    op.create_table(
        "purchase",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Enum("open", "paid", name="purchase_state", create_constraint=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"]),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade_engine2() -> None:
    """Downgrade engine2 schema."""
    op.drop_table("purchase")
    sa.Enum(name="purchase_state").drop(op.get_bind())

