"""names

Revision ID: 003
Revises: 002
Create Date: 2025-03-01 10:00:00.000000

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = '003'
down_revision: Union[str, Sequence[str], None] = '002'
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
    op.add_column("customer", sa.Column("name", sa.String(length=100), server_default="", nullable=False))


def downgrade_engine1() -> None:
    """Downgrade engine1 schema."""
    op.drop_column("customer", "name")


def upgrade_engine2() -> None:
    """Upgrade engine2 schema."""
    op.add_column("client", sa.Column("name", sa.String(length=100), server_default="", nullable=False))


def downgrade_engine2() -> None:
    """Downgrade engine2 schema."""
    op.drop_column("client", "name")

