"""A secret that env.py has, or gets by -x, reaches no stream, no file and no journal, whatever is asked."""

from pathlib import Path

import psycopg2
import pytest

from tests.commands import Outcome, run_process
from tests.projects import AlembicProject

CANARY = "Can4ry pass@word?9Zq/"
ENCODED = "Can4ry%20pass%40word%3F9Zq%2F"

COMMANDS = (
    "current",
    "prod current --json",
    "prod plan",
    "prod plan --json",
    "prod plan --format markdown",
    "prod plan --format html",
    "prod plan --out plan.json",
    "prod upgrade",
    "prod upgrade --yes --plan plan.json",
    "prod upgrade --yes --json --progress json",
    "prod upgrade --yes",
    "prod history --json",
    "prod check",
    "prod check --json",
    "prod downgrade",
    "prod downgrade -1 --yes --json",
    "prod upgrade nope",
    "check --json",
    "local create more",
)
"""Each command that runs env.py, in an order in which each has something to do."""

TYPED = {
    "a URL": f"url=postgresql://u:{CANARY}@h/d",
    "a URL as it should be written": f"url=postgresql://u:{ENCODED}@h/d",
    "a URL alone": f"postgresql://u:{CANARY}@h:5432/d?sslmode=require",
    "a URL's query": f"url=postgresql://h/d?user=u&password={ENCODED}",
    "a connection string": f"dsn=host=h password='{CANARY}' user=u",
    "JSON": f'login={{"user": "u", "password": "{CANARY}"}}',
    "a key of the list": f"api-token={CANARY}",
}

PRINTS = """
import shlex
import sys
from urllib.parse import unquote

from alembic import context

for argument in context.get_x_argument():
    print("typed:", argument, repr(argument), shlex.quote(argument))
    print("decoded:", unquote(argument), file=sys.stderr)
secret = unquote("{encoded}")
print("secret:", secret, [secret], secret.encode())
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""

WRITES = """
import os

import psycopg2.extras
import sqlalchemy as sa
from alembic import context
from psycopg2 import sql

secret = "{secret}"
engine = sa.create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:"))
with engine.connect() as connection:
    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (who text, what text)"))
    connection.execute(sa.text("INSERT INTO notes VALUES (:who, :what)"), {{"who": "me", "what": secret}})
    connection.execute(sa.insert(sa.table("notes", sa.column("what"))).values(what=secret))
    connection.exec_driver_sql(f"INSERT INTO notes VALUES ('me', '{{secret}}')")
    connection.exec_driver_sql(f"INSERT INTO notes VALUES ('me', $a${{secret}}$a$) -- {{secret}}")
    connection.exec_driver_sql(f"DO $$ BEGIN INSERT INTO notes VALUES ('me', '{{secret}}'); END $$")
    cursor = connection.connection.cursor()
    cursor.execute("INSERT INTO notes VALUES (%s, %s)", ("me", secret))
    cursor.executemany("INSERT INTO notes VALUES (%s, %s)", [("me", secret)])
    psycopg2.extras.execute_values(cursor, "INSERT INTO notes VALUES %s", [("me", secret)])
    cursor.execute(sql.SQL("INSERT INTO notes VALUES ({{}})").format(sql.Literal(secret)))
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""

OPTIONS = """
import os

import sqlalchemy as sa
from alembic import context

url = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")
with sa.create_engine(url, connect_args={{"options": {options!r}}}).connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


def has_canary(text: str) -> bool:
    return any(part in text for part in ("Can4ry", "9Zq", "pass@word", "pass%40word"))


def walk(project: AlembicProject, url: str, *typed: str) -> dict[str, Outcome]:
    """Run every command, and look for the canary in all that is said, written and kept."""
    ended = {}
    for command in COMMANDS:
        before = set(project.root.rglob("*"))
        outcome = run_process(*command.split(), *typed, cwd=project.root, url=url)
        assert not has_canary(outcome.out + outcome.err), (command, outcome.out, outcome.err)
        for path in set(project.root.rglob("*")) - before:
            assert not has_canary(text_of_file(path)), (command, path)
        assert outcome.code != 1, (command, outcome.out, outcome.err)
        ended[command] = outcome
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('af_db.journal') IS NOT NULL")
        if cursor.fetchone() == (True,):
            cursor.execute("SELECT string_agg(j::text, ' ') FROM af_db.journal j")
            assert not has_canary(str(cursor.fetchone()))
    return ended


def text_of_file(path: Path) -> str:
    return path.read_bytes().decode(errors="replace") if path.is_file() else ""


@pytest.mark.parametrize("how", TYPED)
def test_what_is_typed_for_env_py(project: AlembicProject, postgresql_url: str, how: str) -> None:
    project.env_py.write_text(PRINTS.format(encoded=ENCODED))

    ended = walk(project, postgresql_url, "-x", TYPED[how])

    assert "typed: " in ended["prod plan"].err
    assert "secret: " in ended["prod plan"].err
    assert ended["prod upgrade --yes --plan plan.json"].code == 0
    assert "-x " in ended["prod downgrade"].err  # a command that is advised
    assert "***" in (project.root / "plan.json").read_text()


def test_what_env_py_would_write_where_nothing_is_written(
    project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(WRITES.format(secret=CANARY))

    ended = walk(project, postgresql_url)

    notes = [line for line in ended["prod current --json"].err.splitlines() if "not done here" in line]
    assert len(notes) == 10, notes
    assert notes[0].endswith("CREATE TABLE IF NOT EXISTS notes (who text, what text)")
    assert notes[1].endswith("INSERT INTO notes VALUES (%(who)s, %(what)s)")


@pytest.mark.parametrize(
    "options",
    [
        f"-d {CANARY}",
        f"-c app.api_key={CANARY.replace(' ', '')} -x",
        f"-c app.api_key='{CANARY}",
        f"-c app.api_key='{CANARY}' -c",
        f"{CANARY}\\",
    ],
)
def test_options_that_are_refused(project: AlembicProject, postgresql_url: str, options: str) -> None:
    project.env_py.write_text(OPTIONS.format(options=options))

    ended = walk(project, postgresql_url)

    for command in ("current", "prod plan", "prod upgrade --yes"):
        assert ended[command].code == 2, ended[command].err
        assert "connect_args or the URL has `options` with" in ended[command].err
