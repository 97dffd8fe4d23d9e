"""The tables of a database, as a connection of the test's own finds them."""

import sqlalchemy as sa

from agent_factory.url import parse_url


def tables(url: str) -> set[str]:
    """Return the names of all tables in the default schema, Alembic's own among them."""
    engine = sa.create_engine(parse_url(url).to_sqlalchemy(), poolclass=sa.NullPool)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def tables_made(url: str) -> set[str]:
    """Return them without Alembic's own."""
    return tables(url) - {"alembic_version"}
