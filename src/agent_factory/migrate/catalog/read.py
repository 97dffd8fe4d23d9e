"""Reading the catalog of whichever database a connection leads to."""

import sqlalchemy as sa

from agent_factory.migrate.catalog.objects import Catalog
from agent_factory.migrate.catalog.postgresql.read import read_postgresql
from agent_factory.migrate.catalog.scope import Scope
from agent_factory.migrate.catalog.sqlite.read import read_sqlite


def read_catalog(connection: sa.Connection, scope: Scope | None = None) -> Catalog:
    """Describe every object in scope (default: all but what is left out by rule).

    It only reads, leaves a transaction of the caller's as it was, and sees what that has changed so far.
    """
    read = read_postgresql if connection.dialect.name == "postgresql" else read_sqlite
    return read(connection, scope or Scope())
