"""``-x`` at the rehearsal and in the run: both are of the same tenant."""

import psycopg2

from tests.commands import CommandLine
from tests.projects import AlembicProject

TENANTS = """
from alembic import context

tenant = context.get_x_argument(as_dictionary=True)["tenant"]
connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table=f"version_{tenant}", target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""
MAKES_ITS_TABLE = """
from alembic import context
op.execute("CREATE TABLE {tenant} ()".format(**context.get_x_argument(as_dictionary=True)))
"""


def test_a_rehearsed_run_is_of_the_tenant_that_was_named(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(TENANTS)
    project.add("004", "003", MAKES_ITS_TABLE)

    outcome = af_db(
        *("prod", "upgrade", "--yes", "--json", "-x", "tenant=acme"), cwd=project.root, url=postgresql_url
    )

    assert outcome.code == 0, outcome.err
    assert outcome.document["plan"]["arguments"] == [["-x", "tenant=acme"]]
    assert "with          -x tenant=acme" in outcome.err
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('acme'), (SELECT version_num FROM version_acme)")
        assert cursor.fetchone() == ("acme", "004")
