"""An engine of its own for DATABASE_URL, after a connection of asyncpg's that SQLAlchemy does not know."""

import asyncio
import os

import asyncpg
from alembic import context
from sqlalchemy import create_engine


async def prepare() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"].replace("+psycopg2", ""))
    await connection.execute("CREATE SCHEMA IF NOT EXISTS shop")
    await connection.close()


asyncio.run(prepare())
with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
