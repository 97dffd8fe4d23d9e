"""Authors"""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entry", sa.Column("author", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("entry", "author")
