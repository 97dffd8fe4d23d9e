"""Running the project's own migrations in a test, as env.py runs them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from agent_factory.database.session import build_migration_engine
from agent_factory.url import parse_url

ROOT = Path(__file__).parents[2]


def configuration() -> Config:
    return Config(ROOT / "alembic.ini")


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())


def shape(revision: str) -> sa.MetaData:
    """The tables as a revision leaves them, frozen in its file."""
    metadata = scripts().get_revision(revision).module.SHAPE
    assert isinstance(metadata, sa.MetaData)
    return metadata


@contextlib.contextmanager
def connect(url: str) -> Iterator[sa.Connection]:
    """A connection such as a migration has; on SQLite it does not enforce foreign keys."""
    engine = build_migration_engine(parse_url(url))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def upgrade(url: str, revision: str = "head") -> None:
    with connect(url) as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    with connect(url) as connection:
        config = configuration()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def execute(url: str, *statements: str) -> None:
    """Run statements by hand, in one transaction."""
    with connect(url) as connection, connection.begin():
        for statement in statements:
            connection.exec_driver_sql(statement)


def create_all(url: str, metadata: sa.MetaData, *tables: str) -> None:
    """Make the tables of this metadata, or only the named ones, without Alembic."""
    with connect(url) as connection, connection.begin():
        metadata.create_all(connection, [metadata.tables[name] for name in tables] or None)


def drop_all(url: str, metadata: sa.MetaData) -> None:
    with connect(url) as connection, connection.begin():
        metadata.drop_all(connection)


def current(url: str) -> str | None:
    """The revision that the database says it is at."""
    with connect(url) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        assert version is None or isinstance(version, str)
        return version
