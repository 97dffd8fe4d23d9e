"""The keys of the run lock: what two versions of af-db have to agree on."""

import itertools

from agent_factory.migrate.db.run_lock import KEY_OF_DATABASE, key_of
from agent_factory.migrate.model.version_table import VersionTable


def test_keys_never_change() -> None:
    """An af-db that had another one would run beside this one on the same version table."""
    assert KEY_OF_DATABASE == 7018346978467643393
    assert key_of(VersionTable(schema="public", name="alembic_version")) == 2348388170508563477


def test_each_version_table_has_a_key_of_its_own() -> None:
    names = ("a", "b", "a.b", "b.a", "ä", 'a"b')
    tables = [VersionTable(schema=schema, name=name) for schema, name in itertools.product(names, names)]
    tables.append(VersionTable(schema=None, name="a"))

    keys = {key_of(table) for table in tables}

    assert len(keys) == len(tables)
    assert KEY_OF_DATABASE not in keys
    assert all(-(2**63) <= key < 2**63 for key in keys), "PostgreSQL's bigint"
