"""A schema for each tenant, as Alembic's cookbook has it: `alembic -x tenant=NAME upgrade head`."""

import os

from alembic import context
from sqlalchemy import create_engine, text

tenant = context.get_x_argument(as_dictionary=True)["tenant"]

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{tenant}"'))
    connection.execute(text(f'SET search_path TO "{tenant}"'))
    connection.commit()
    connection.dialect.default_schema_name = tenant
    context.configure(connection=connection, version_table_schema=tenant)
    with context.begin_transaction():
        context.run_migrations()
