"""a table in each database"""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None


def upgrade(engine_name: str) -> None:
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name: str) -> None:
    globals()[f"downgrade_{engine_name}"]()


def upgrade_() -> None:
    op.create_table("entry", sa.Column("id", sa.Integer, primary_key=True))


def downgrade_() -> None:
    op.drop_table("entry")


def upgrade_counts() -> None:
    op.create_table("visit", sa.Column("id", sa.Integer, primary_key=True))


def downgrade_counts() -> None:
    op.drop_table("visit")
