"""How long the name of a version table may be: Alembic adds four letters for the name of its primary key."""

import contextlib

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.integration.tables import tables
from tests.projects import AlembicProject


def named(project: AlembicProject, length: int, *, has_key: bool = True) -> None:
    """Have env.py name a version table of so many letters."""
    env_py = project.env_py.read_text().splitlines(keepends=True)
    options = f"version_table={'v' * length!r}, version_table_pk={has_key}, "
    line = next(number for number, line in enumerate(env_py) if line.startswith("context.configure("))
    env_py[line] = f"context.configure({options}connection=connection, target_metadata=None)\n"
    project.env_py.write_text("".join(env_py))


@pytest.mark.parametrize("length", [60, 61, 62, 63])
def test_a_name_that_leaves_no_room_for_that_of_the_key_is_refused(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, length: int
) -> None:
    """SQLAlchemy refuses it, once the first revision has run."""
    named(project, length)

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (refused.code, refused.error["code"]) == (2, "bad-configuration"), refused.out
    assert tables(postgresql_url) == set()


def test_the_longest_name_runs(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    named(project, 59)

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert af_db("local", "current", cwd=project.root, url=postgresql_url).out == "003 (head)\n"


def test_a_longer_one_runs_where_it_is_there_already(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    named(project, 59)
    assert af_db("local", "upgrade", "001", cwd=project.root, url=postgresql_url).code == 0
    with contextlib.closing(psycopg2.connect(postgresql_url)) as connection, connection:
        connection.cursor().execute(f"ALTER TABLE {'v' * 59} RENAME TO {'v' * 63}")
    named(project, 63)

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0


def test_a_longer_one_runs_without_a_key(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    named(project, 63, has_key=False)

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
