"""Drift where a schema is made by no migration: tenants' schemas, and the version table's own."""

import pytest

from tests.integration.check_database.conftest import USERS, Checked

BY_SEARCH_PATH = """
import sqlalchemy as sa
from alembic import context

connection = context.config.attributes["connection"]
tenant = context.get_x_argument(as_dictionary=True)["tenant"]
connection.execute(sa.text("SET search_path TO " + tenant))
connection.commit()
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""
WITH_SHARED_TABLES = BY_SEARCH_PATH.replace('" + tenant', '" + tenant + ", public"')
IN_A_SCHEMA_OF_ITS_OWN = """
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, version_table_schema="Its own")
with context.begin_transaction():
    context.run_migrations()
"""
ONE_TABLE_FOR_EACH = BY_SEARCH_PATH.replace(
    "target_metadata=None",
    'target_metadata=None, version_table="of_" + tenant, version_table_schema="public"',
)


BEGIN_AGAIN = ("DROP TABLE orders, users, alembic_version", "DROP SCHEMA IF EXISTS af_db CASCADE")


def migrate_each(prod: Checked, env_py: str, *tenants: str) -> None:
    """Have the database begin again, with each of these schemas migrated by the project."""
    prod.execute(*BEGIN_AGAIN)
    prod.project.env_py.write_text(env_py)
    for tenant in tenants:
        prod.execute(f"CREATE SCHEMA {tenant}")
        ran = prod.run("upgrade", "--yes", "--no-rehearsal", "-x", f"tenant={tenant}")
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("env_py", [BY_SEARCH_PATH, WITH_SHARED_TABLES], ids=["alone", "before public"])
def test_each_tenant_is_compared_with_what_the_migrations_make(prod: Checked, env_py: str) -> None:
    migrate_each(prod, env_py, "a", "b")
    prod.execute("ALTER TABLE b.users ADD by_hand int")

    of_a, of_b = (prod.check("-x", f"tenant={tenant}") for tenant in ("a", "b"))

    assert any(text.startswith("drift: ") for text in of_a["looked_at"]), of_a
    assert [item for item in of_a["findings"] if item["code"] in ("drift", "not-checked")] == []
    assert [item["object"] for item in of_b["findings"] if item["code"] == "drift"] == ["b.users.by_hand"]
    (told,) = (text for text in of_a["skipped"] if "other histories" in text)
    assert "b.alembic_version" in told


def test_a_tenant_whose_version_table_is_elsewhere(prod: Checked) -> None:
    migrate_each(prod, ONE_TABLE_FOR_EACH, "a")
    prod.execute("ALTER TABLE a.users ADD by_hand int")

    document = prod.check("-x", "tenant=a")

    assert [item["object"] for item in document["findings"] if item["code"] == "drift"] == ["a.users.by_hand"]


def test_the_version_table_may_have_a_schema_that_no_migration_makes(prod: Checked) -> None:
    prod.execute('CREATE SCHEMA "Its own"')
    migrate_each(prod, IN_A_SCHEMA_OF_ITS_OWN)
    ran = prod.run("upgrade", "--yes", "--no-rehearsal")
    assert ran.code == 0, ran.err

    document = prod.check()

    assert [item for item in document["findings"] if item["code"] in ("drift", "not-checked")] == []
    assert any(text.startswith("drift: ") for text in document["looked_at"])


def test_a_schema_that_a_migration_makes_is_left_to_it(prod: Checked) -> None:
    """Also where search_path names it, as a role's setting does."""
    prod.execute(*BEGIN_AGAIN)
    prod.project.add("001", None, f'op.execute("CREATE SCHEMA app"){USERS}', name="001_step_001.py")
    prod.project.env_py.write_text(
        BY_SEARCH_PATH.replace(
            "target_metadata=None", 'target_metadata=None, version_table_schema="public"'
        ).replace('" + tenant', 'app, public"')
    )
    ran = prod.run("upgrade", "--yes", "--no-rehearsal", "-x", "tenant=x")
    assert ran.code == 0, ran.err

    document = prod.check("-x", "tenant=x")

    assert any(text.startswith("drift: ") for text in document["looked_at"]), document
    assert [item for item in document["findings"] if item["code"] == "drift"] == []


def test_drift_of_a_tenant_holds_up_its_upgrade(prod: Checked) -> None:
    migrate_each(prod, BY_SEARCH_PATH, "a", "b")
    prod.execute("ALTER TABLE a.users ADD by_hand int", "ALTER TABLE b.users ADD by_hand int")
    prod.project.add("003", "002", 'op.execute("ALTER TABLE users ADD more int")')

    held_up = prod.run("upgrade", "--yes", "--json", "-x", "tenant=a")
    allowed = prod.run("upgrade", "--yes", "--json", "--allow", "drift", "-x", "tenant=a")

    assert (held_up.code, held_up.error["code"]) == (4, "drift")
    assert "a.users.by_hand" in held_up.error["message"]
    assert "b.users" not in held_up.error["message"]
    assert allowed.code == 0, allowed.out


def test_what_the_migrations_need_besides_is_named_with_what_to_do(prod: Checked) -> None:
    """Tables of another history cannot be made: then nothing is compared, and it says so."""
    prod.execute("CREATE TABLE public.theirs (id int PRIMARY KEY)")
    prod.project.add("003", "002", 'op.execute("ALTER TABLE theirs ADD more int")')
    ran = prod.run("upgrade", "--yes", "--no-rehearsal", "--allow", "drift")
    assert ran.code == 0, ran.err

    found = prod.findings()["not-checked"]

    assert 'relation "theirs" does not exist' in found["message"]
    assert found["remedy"].startswith("see where they stop: af-db check")
