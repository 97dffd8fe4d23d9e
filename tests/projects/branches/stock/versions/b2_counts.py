"""counts"""

import sqlalchemy as sa
from alembic import op

revision = "b2"
down_revision = "b1"


def upgrade() -> None:
    op.add_column("item", sa.Column("amount", sa.Integer, server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("item", "amount")
