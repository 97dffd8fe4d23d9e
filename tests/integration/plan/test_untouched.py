"""What only reads leaves the database as it was, whatever env.py does with its connection."""

import contextlib
from collections.abc import Iterator

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

READING = [
    ("current",),
    ("prod", "current"),
    ("local", "history"),
    ("prod", "history"),
    ("prod", "check"),
    ("prod", "plan"),
    ("local", "plan"),
    ("prod", "upgrade"),  # nobody answers its question
]
WRITING = {
    "AUTOCOMMIT": """
connection = connection.execution_options(isolation_level="AUTOCOMMIT")
connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS by_env_py (a int)")
""",
    "READ WRITE": """
connection.exec_driver_sql("SET TRANSACTION READ WRITE")
connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS by_env_py (a int)")
connection.commit()
""",
    "COMMIT": """
cursor = connection.connection.cursor()
cursor.execute("COMMIT; CREATE TABLE IF NOT EXISTS by_env_py (a int)")
""",
}


@pytest.fixture
def database(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> Iterator[str]:
    """A database that is at 001, and in which nothing was made when the test ends."""
    af_db("local", "upgrade", "001", cwd=project.root, url=postgresql_url)
    before = tables(postgresql_url)
    yield postgresql_url
    assert tables(postgresql_url) == before


def tables(url: str) -> list[tuple[str, ...]]:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|info)'")
        return sorted(cursor.fetchall())


def put_before_configure(project: AlembicProject, code: str) -> None:
    whole = project.env_py.read_text().replace("context.configure(", f"{code}context.configure(", 1)
    project.env_py.write_text(whole)


@pytest.mark.parametrize("door", WRITING)
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_an_env_py_that_writes_where_af_db_only_reads_is_told_and_does_not(
    af_db: CommandLine, project: AlembicProject, database: str, command: tuple[str, ...], door: str
) -> None:
    put_before_configure(project, WRITING[door])

    outcome = af_db(*command, "--json", cwd=project.root, url=database)

    assert (outcome.code, outcome.error["code"]) == (2, "broken-env-py")
    assert "env.py writes to the database at line " in outcome.error["message"]
    assert outcome.error["state"] == "not touched"


def test_an_env_py_that_asks_for_autocommit_and_reads_runs_as_with_alembic(
    af_db: CommandLine, project: AlembicProject, database: str
) -> None:
    autocommit = 'connection = connection.execution_options(isolation_level="AUTOCOMMIT")\n'
    put_before_configure(project, f'{autocommit}connection.exec_driver_sql("SELECT 1")\n')

    for command in READING[:-1]:
        outcome = af_db(*command, cwd=project.root, url=database)
        assert outcome.code == (3 if "check" in command else 0), outcome.err
