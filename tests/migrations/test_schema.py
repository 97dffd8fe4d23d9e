"""The migrated schema is the models' schema, whatever way it was reached."""

import warnings

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from agent_factory.database.models import Base
from tests.migrations.catalog import read_catalog
from tests.migrations.runs import connect, create_all, current, downgrade, drop_all, shape, upgrade


def catalog_of(url: str, metadata: sa.MetaData) -> set[str]:
    """What the catalog says when this metadata made the tables; the database is left empty."""
    create_all(url, metadata)
    catalog = read_catalog(url)
    drop_all(url, metadata)
    return catalog


def test_migrations_make_what_the_models_say(database_url: str) -> None:
    by_the_models = catalog_of(database_url, Base.metadata)
    upgrade(database_url)
    assert read_catalog(database_url) == by_the_models


@pytest.mark.parametrize("revision", ["001", "002"])
def test_a_revision_leaves_the_shape_that_its_file_declares(database_url: str, revision: str) -> None:
    declared = catalog_of(database_url, shape(revision))
    upgrade(database_url, revision)
    assert read_catalog(database_url) == declared


def test_the_way_back_and_forth_ends_at_the_same_schemas(database_url: str) -> None:
    upgrade(database_url, "001")
    at_001 = read_catalog(database_url)
    upgrade(database_url, "002")
    at_002 = read_catalog(database_url)
    downgrade(database_url, "001")
    assert read_catalog(database_url) == at_001
    upgrade(database_url, "002")
    assert read_catalog(database_url) == at_002


def test_base_leaves_nothing(database_url: str) -> None:
    empty = read_catalog(database_url)
    upgrade(database_url)
    assert read_catalog(database_url) != empty
    downgrade(database_url, "base")
    assert read_catalog(database_url) == empty
    assert current(database_url) is None


def test_a_second_upgrade_does_nothing(database_url: str) -> None:
    upgrade(database_url)
    before = read_catalog(database_url)
    upgrade(database_url)
    assert read_catalog(database_url) == before
    assert current(database_url) == "002"


def test_alembic_finds_no_difference(database_url: str) -> None:
    upgrade(database_url)
    with connect(database_url) as connection, warnings.catch_warnings():
        # Neither library can see an index on an expression on SQLite; the catalogs are compared above.
        warnings.filterwarnings("ignore", message=".*expression-based index")
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
