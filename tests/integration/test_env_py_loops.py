"""An env.py that runs migrations more than once in a command: refused, whatever is asked, before it runs."""

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

LOOP = """
import os

import sqlalchemy as sa
from alembic import context

connection = context.config.attributes["connection"]
for schema in ("s1", "s2"):
    connection.execute(sa.text(f"SET search_path TO {schema}"))
    connection.commit()
    context.configure(connection=connection, target_metadata=sa.MetaData(), version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()
"""

TABLES = """
import sqlalchemy as sa
from alembic import context

connection = context.config.attributes["connection"]
for name in ("versions_a", "versions_b"):
    context.configure(connection=connection, target_metadata=sa.MetaData(), version_table=name)
    with context.begin_transaction():
        context.run_migrations()
"""

COMMANDS = (
    ("current",),
    ("local", "current"),
    ("local", "history"),
    ("local", "plan"),
    ("local", "upgrade"),
    ("local", "downgrade", "base", "--yes"),
    ("local", "check"),
    ("local", "create", "more"),
)


def execute(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_loop_over_schemas(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, command: tuple[str, ...]
) -> None:
    """The first one is at the head, so it alone would be "nothing to do"."""
    at_head = "CREATE TABLE s1.alembic_version AS SELECT '003'::varchar AS version_num"
    execute(postgresql_url, "CREATE SCHEMA s1", "CREATE SCHEMA s2", at_head)
    project.env_py.write_text(LOOP)

    refused = af_db(*command, "--json", cwd=project.root, url=postgresql_url)

    assert (refused.code, refused.error["code"]) == (2, "env-py-contract"), refused.out
    assert "runs migrations 2 times (s1.alembic_version, s2.alembic_version)" in refused.error["message"]
    assert "MIGRATE_SCHEMA=NAME af-db" in " ".join(refused.error["next_steps"])


def test_a_loop_over_version_tables(af_db: CommandLine, project: AlembicProject, database_url: str) -> None:
    project.env_py.write_text(TABLES)

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert (refused.code, refused.error["code"]) == (2, "env-py-contract")
    assert "versions_a" in refused.error["message"]
    assert "versions_b" in refused.error["message"]


def test_what_is_proposed_works(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(postgresql_url, "CREATE SCHEMA s1", "CREATE SCHEMA s2")
    project.env_py.write_text(
        LOOP.replace('for schema in ("s1", "s2"):', 'if schema := os.environ["MIGRATE_SCHEMA"]:')
    )
    for schema in ("s1", "s2"):
        monkeypatch.setenv("MIGRATE_SCHEMA", schema)
        assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
        current = af_db("local", "current", cwd=project.root, url=postgresql_url)
        assert current.out == "003 (head)\n"


ONLY_IN_A_RUN = """
import os

import sqlalchemy as sa
from alembic import context

connection = context.config.attributes["connection"]
writes = not connection.get_execution_options().get("postgresql_readonly")
for name in ("versions_a", "versions_b") if writes else ("versions_a",):
    context.configure(connection=connection, target_metadata=sa.MetaData(), version_table=name)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_one_that_loops_in_the_run_alone(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """What was planned was one of them."""
    project.env_py.write_text(ONLY_IN_A_RUN)

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (refused.code, refused.error["code"]) == (2, "env-py-contract")
