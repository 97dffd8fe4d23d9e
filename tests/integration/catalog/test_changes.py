"""Whatever is changed in a database by hand is found, named rightly, and nothing else is."""

import pytest

from agent_factory.migrate.catalog import compare, read_catalog
from tests.integration.catalog.change import Change
from tests.integration.catalog.changes import CHANGES
from tests.integration.catalog.databases import Sample, execute


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_and_nothing_else_is(sample: Sample, change: Change) -> None:
    with sample.rolled_back() as connection:
        execute(connection, change.sql)
        changed = read_catalog(connection)
        differences = compare(sample.catalog, changed)

        assert tuple((one.kind, one.name) for one in differences) == change.reported
        assert changed.sha256 != sample.catalog.sha256
        assert all(one.expected != one.found for one in differences)


def test_nothing_is_found_where_nothing_was_changed(sample: Sample) -> None:
    catalog = read_catalog(sample.connection)

    assert compare(sample.catalog, catalog) == ()
    assert catalog == sample.catalog
    assert catalog.sha256 == sample.catalog.sha256


@pytest.mark.parametrize(
    ("sql", "kind", "name", "found"),
    [
        pytest.param(
            "ALTER TABLE app.tickets ADD COLUMN twice integer GENERATED ALWAYS AS (priority * 2) VIRTUAL",
            "column",
            "app.tickets.twice",
            "integer GENERATED ALWAYS AS ((priority * 2)) VIRTUAL",
            id="virtual generated column",
        ),
        pytest.param(
            "ALTER TABLE app.tickets ADD CONSTRAINT ck CHECK (priority > 0) NOT ENFORCED",
            "constraint",
            "app.tickets.ck",
            "CHECK ((priority > 0)) NOT ENFORCED",
            id="check that is not enforced",
        ),
        pytest.param(
            "ALTER TABLE app.users ALTER CONSTRAINT fk_users_tenant NOT ENFORCED",
            "constraint",
            "app.users.fk_users_tenant",
            "FOREIGN KEY (tenant_id) REFERENCES app.tenants(id) ON DELETE CASCADE NOT ENFORCED",
            id="foreign key that is not enforced",
        ),
        pytest.param(
            "ALTER TABLE app.parents ALTER CONSTRAINT parents_id_not_null NO INHERIT",
            "column",
            "app.parents.id",
            "integer NOT NULL NO INHERIT",
            id="not null that is not inherited",
        ),
        pytest.param(
            "ALTER PUBLICATION changes SET (publish_generated_columns = stored)",
            "publication",
            "changes",
            "FOR TABLE app.tenants, app.users (id, name) WHERE ((age > 5)) "
            "WITH (publish = 'insert', publish_generated_columns = stored)",
            id="publication of generated columns",
        ),
    ],
)
def test_what_came_with_postgresql_18(
    newest_sample: Sample, sql: str, kind: str, name: str, found: str
) -> None:
    with newest_sample.rolled_back() as connection:
        execute(connection, sql)
        (difference,) = compare(newest_sample.catalog, read_catalog(connection))

    assert (difference.kind, difference.name, difference.found) == (kind, name, found)
