"""names, by a function of the application that is asynchronous"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.ext.asyncio import AsyncConnection

revision = "002"
down_revision = "001"


async def name_everybody(connection: AsyncConnection, default: str) -> None:
    await connection.execute(sa.text("ALTER TABLE customer ADD COLUMN name VARCHAR(100)"))
    await connection.execute(sa.text("UPDATE customer SET name = :default"), {"default": default})


async def forget_names(connection: AsyncConnection) -> None:
    await connection.execute(sa.text("ALTER TABLE customer DROP COLUMN name"))


def upgrade() -> None:
    op.run_async(name_everybody, "somebody")


def downgrade() -> None:
    op.run_async(forget_names)
