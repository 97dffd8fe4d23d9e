"""A table in the place of the version table that Alembic did not make: refused by name, whatever is asked."""

import sqlite3
from contextlib import closing

import psycopg2
import pytest

from agent_factory.url import parse_url
from tests.commands import CommandLine
from tests.projects import AlembicProject

COMMANDS = (
    ("current",),
    ("local", "current"),
    ("local", "history"),
    ("local", "plan"),
    ("local", "check"),
    ("local", "upgrade"),
    ("local", "downgrade", "base", "--yes"),
)
FOREIGN = {
    "no such column": (("CREATE TABLE alembic_version (v integer)",), "it has no column version_num"),
    "a number": (
        ("CREATE TABLE alembic_version (version_num integer)", "INSERT INTO alembic_version VALUES (1)"),
        "version_num is 1, which|is of the type integer",
    ),
    "bytes": (
        ("CREATE TABLE alembic_version (version_num {bytes})", "INSERT INTO alembic_version VALUES ({some})"),
        "version_num is b'|is of the type bytea",
    ),
    "NULL": (
        (
            "CREATE TABLE alembic_version (version_num varchar(32))",
            "INSERT INTO alembic_version VALUES (NULL), ('001')",
        ),
        "version_num is NULL, which",
    ),
    "an empty text": (
        ("CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('')"),
        "version_num is '', which",
    ),
}


def execute(url: str, *statements: str) -> None:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(parse_url(url).database)) as file, file:
            for statement in statements:
                file.execute(statement.format(bytes="blob", some="x'00ff'"))
        return
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(bytes="bytea", some="'\\x00ff'"))


@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_no_version_table_is_refused_by_name(
    af_db: CommandLine, project: AlembicProject, database_url: str, foreign: str
) -> None:
    made, why = FOREIGN[foreign]
    execute(database_url, *made)

    for command in COMMANDS:
        refused = af_db(*command, "--json", cwd=project.root, url=database_url)

        assert (refused.code, refused.error["code"]) == (4, "foreign-version-table"), refused.out
        assert any(part in refused.error["message"] for part in why.split("|")), refused.out
        assert "alembic_version is no version table of Alembic's" in refused.error["message"]
        assert any("version_table=" in step for step in refused.error["next_steps"])


def test_a_version_table_may_have_more_columns(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    """Alembic makes some for those who ask it to, and reads none of them."""
    more = "CREATE TABLE alembic_version (version_num text, at timestamp DEFAULT CURRENT_TIMESTAMP)"
    execute(database_url, more)

    assert af_db("local", "upgrade", cwd=project.root, url=database_url).code == 0
    assert af_db("current", cwd=project.root, url=database_url).out == "003 (head)\n"


@pytest.mark.parametrize("option", ["version_table", "version_table_schema"])
def test_a_name_that_postgresql_would_cut_off_is_refused_before_anything_runs(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, option: str
) -> None:
    name = "é" * 32
    text = project.env_py.read_text()
    project.env_py.write_text(text.replace("target_metadata", f"{option}={name!r}, target_metadata"))

    for words in (*COMMANDS, ("prod", "upgrade", "--yes"), ("prod", "check")):
        outcome = af_db(*words, "--json", cwd=project.root, url=postgresql_url)

        assert (outcome.code, outcome.error["code"]) == (2, "bad-configuration"), (words, outcome.out)
        assert "has 64 bytes, and PostgreSQL takes 63" in outcome.error["message"]
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert cursor.fetchall() == [(0,)]


def test_a_name_that_is_not_cut_off_is_taken(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    text = project.env_py.read_text()
    name = "é" * 31
    project.env_py.write_text(text.replace("target_metadata", f"version_table={name!r}, target_metadata"))

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert af_db("local", "current", cwd=project.root, url=postgresql_url).out == "003 (head)\n"
