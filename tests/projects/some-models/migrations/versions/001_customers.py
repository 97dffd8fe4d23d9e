"""customers"""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(200), nullable=False, unique=True),
    )
    op.create_table(
        "legacy",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Enum("open", "paid", name="legacy_state")),
    )


def downgrade() -> None:
    op.drop_table("legacy")
    op.drop_table("customer")
    sa.Enum(name="legacy_state").drop(op.get_bind())
