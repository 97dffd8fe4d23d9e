"""All of the application is in a schema of its own, the version table too."""

import os

from alembic import context
from sqlalchemy import create_engine, text

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS shop"))
    connection.commit()
    context.configure(connection=connection, version_table="revisions", version_table_schema="shop")
    with context.begin_transaction():
        context.run_migrations()
