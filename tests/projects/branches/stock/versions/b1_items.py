"""items"""

import sqlalchemy as sa
from alembic import op

revision = "b1"
down_revision = None
branch_labels = ("stock",)


def upgrade() -> None:
    op.create_table("item", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("item")
