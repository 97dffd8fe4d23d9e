"""names"""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"


def upgrade() -> None:
    op.add_column("customer", sa.Column("name", sa.String(100)), schema="shop")


def downgrade() -> None:
    op.drop_column("customer", "name", schema="shop")
