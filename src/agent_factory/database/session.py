"""Engines and sessions on Agent Factory's database."""

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from agent_factory import sqlite
from agent_factory.url import DatabaseURL

CONNECTION_LIFETIME_S = 280
"""Managed PostgreSQL and its proxies drop connections that are idle for five minutes or more."""


def build_engine(url: DatabaseURL, *, echo: bool = False) -> sa.Engine:
    """Return the engine an application uses.

    A connection is tested when it leaves the pool and replaced when it is old, so a failover or an idle
    time-out of a managed PostgreSQL costs a reconnect and not an error. SQLite enforces foreign keys.
    """
    if url.backend == "sqlite":
        engine = sa.create_engine(url.to_sqlalchemy(), echo=echo)
        sqlite.enforce_foreign_keys(engine)
        return engine
    return sa.create_engine(
        url.to_sqlalchemy(), echo=echo, pool_pre_ping=True, pool_recycle=CONNECTION_LIFETIME_S
    )


def build_migration_engine(url: DatabaseURL) -> sa.Engine:
    """Return the engine that ``alembic/env.py`` uses when nobody hands it a connection.

    No pool: a migration has one connection and keeps it. SQLite has real transactions for DDL.
    """
    engine = sa.create_engine(url.to_sqlalchemy(), poolclass=sa.NullPool)
    if url.backend == "sqlite":
        sqlite.use_real_transactions(engine)
    return engine


def build_session_factory(engine: sa.Engine) -> sessionmaker[Session]:
    """Return the factory of an application's sessions; objects stay readable after a commit."""
    return sessionmaker(engine, expire_on_commit=False)
