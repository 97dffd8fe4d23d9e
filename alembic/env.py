"""Alembic's environment for Agent Factory.

``af-db`` hands over the connection that it has opened; plain ``alembic`` gets one from the settings.
Either way each revision is one transaction, on SQLite too.
"""

import os
from logging.config import fileConfig
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from agent_factory.database.base import JSON, UTCDateTime
from agent_factory.database.models import Base
from agent_factory.database.session import build_migration_engine
from agent_factory.settings import read_database_url, read_settings


def main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    if context.config.config_file_name:
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    # Relative paths mean the project's folder, wherever Alembic is started, as they do for af-db.
    os.chdir(Path(context.config.config_file_name or ".").resolve().parent)
    url = read_database_url(read_settings(Path(".env")))
    if context.is_offline_mode():
        context.configure(
            dialect_name=url.backend,
            target_metadata=Base.metadata,
            literal_binds=True,
            transaction_per_migration=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
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
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def render_item(kind: str, item: object, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write the models' own types as SQLAlchemy's: a revision must not change when the models do."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is JSON:
        autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


main()
