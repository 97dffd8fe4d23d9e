"""Alembic's environment for Agent Factory.

``af-db`` hands over the connection that it has opened; plain ``alembic`` gets one from the settings.
Either way each revision is one transaction, on SQLite too.
"""

from logging.config import fileConfig
from pathlib import Path

import sqlalchemy as sa
from agent_factory.database.models import Base
from alembic import context

from agent_factory.database.session import build_migration_engine
from agent_factory.settings import read_database_url, read_settings


def main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    if context.config.config_file_name:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    url = read_database_url(read_settings(Path(".env")))
    if context.is_offline_mode():
        context.configure(dialect_name=url.backend, target_metadata=Base.metadata, literal_binds=True)
        context.run_migrations()
        return
    with build_migration_engine(url).connect() as connection:
        migrate(connection)


def migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        transactional_ddl=True,
        render_as_batch=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


main()
