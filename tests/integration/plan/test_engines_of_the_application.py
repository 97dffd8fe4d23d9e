"""A revision that writes with the application's own engine: rehearsed on the copy, run once on production."""

import sys
from pathlib import Path

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

APPLICATION = """
import os
import sqlalchemy as sa
from sqlalchemy.orm import sessionmaker

engine = sa.create_engine({url}.replace("postgresql://", "postgresql+psycopg2://"))
Session = sessionmaker(engine)
"""
WRITES = """
from {module} import Session
with Session() as session:
    session.execute(sa.text("UPDATE users SET email = email || '!'"))
    session.commit()
"""


def emails(url: str) -> list[str]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT email FROM users")
        found = [row[0] for row in cursor.fetchall()]
    connection.close()
    return found


@pytest.mark.parametrize("where", ["os.environ['DATABASE_URL']", "a literal"])
@pytest.mark.parametrize("importer", ["the revision", "env.py"])
def test_it_writes_once_and_in_the_run_alone(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    scratch_server: str,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    importer: str,
) -> None:
    """The engine keeps its pool, and the module its engine, from the rehearsal to the run."""
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)
    module = f"application_{project.root.name}"
    source = APPLICATION.format(url=repr(postgresql_url) if where == "a literal" else where)
    Path(project.root, f"{module}.py").write_text(source)
    if importer == "env.py":
        project.env_py.write_text(f"import {module}\n{project.env_py.read_text()}")
    project.add("004", "003", "op.execute('CREATE TABLE users (email text)')", "op.drop_table('users')")
    assert af_db("local", "upgrade", "004", cwd=project.root, url=postgresql_url).code == 0
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO users VALUES ('ann@example.org')")
    connection.close()
    project.add("005", "004", WRITES.format(module=module))

    for command in (("prod", "plan"), ("check",), ("prod", "upgrade"), ("local", "plan")):
        sys.modules.pop(module, None)  # each command is a process of its own
        af_db(*command, cwd=project.root, url=postgresql_url)
        assert emails(postgresql_url) == ["ann@example.org"], command
    sys.modules.pop(module, None)
    refused = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=postgresql_url)
    assert refused.code == 4
    assert "own-connection" in refused.error["message"]
    sys.modules.pop(module, None)
    ran = af_db("prod", "upgrade", "--yes", "--allow", "own-connection", cwd=project.root, url=postgresql_url)

    assert ran.code == 0, ran.err
    assert "opens its own connection" in ran.err
    assert emails(postgresql_url) == ["ann@example.org!"]
