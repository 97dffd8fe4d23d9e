"""A password that is known to the process reaches no stream, file, argument, environment or journal."""

import contextlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.commands import run_installed, run_process
from tests.postgres import administering
from tests.projects import AlembicProject
from tests.terminal import run_on_terminal

CANARY = "Can4ry+'\"Zq/9!xyz"

PRINTS = """
import base64, json, logging, shlex, subprocess, urllib.parse, warnings
secret = op.get_bind().connection.dbapi_connection.info.password
print(secret)
print("url:", urllib.parse.quote(secret, safe=""), repr(secret))
print(json.dumps({"p": secret}), shlex.quote(secret))
print(base64.b64encode(b"u:" + secret.encode()).decode())
print("SQL: '" + secret.replace("'", "''") + "'")
sys.stderr.write("two writes: " + secret[:7]); sys.stderr.write(secret[7:] + "\\n")
sys.stdout.write("flushed: " + secret[:7]); sys.stdout.flush(); sys.stdout.write(secret[7:] + "\\n")
print("cut: " + secret[:14])
print("divided: " + secret[:7] + "\\n" + secret[7:])
logging.getLogger("a").warning("logged: %s", secret)
warnings.warn("warned: " + secret)
subprocess.run(["/bin/echo", "by a program: " + secret], check=True)
os.write(1, ("below: " + secret + "\\n").encode())
sys.stdout.buffer.write(("bytes: " + secret + "\\n").encode())
sys.stderr.buffer.write(("bytes: " + secret + "\\n").encode())
print("no line's end: " + secret, end="")
"""


WORDS = (
    *("env.py says", "url:", "SQL:", "two writes", "flushed", "logged", "warned", "by a program", "below"),
    *("bytes", "end"),
)


@pytest.fixture
def login(server_url: DatabaseURL, postgresql_url: str) -> DatabaseURL:
    """The database, as a role with the canary for its password."""
    url = parse_url(postgresql_url)
    with administering(server_url) as cursor:
        cursor.execute("DROP ROLE IF EXISTS canary_user")
        cursor.execute("CREATE ROLE canary_user LOGIN SUPERUSER PASSWORD %s", [CANARY])
    return DatabaseURL(
        backend="postgresql", database=url.database, user="canary_user", host=url.host, port=url.port
    )


def noisy(project: AlembicProject) -> None:
    project.add("002", "001", f"import os, sys\n{PRINTS}\nraise ValueError(secret)", name="002_step_002.py")
    project.env_py.write_text(
        "import logging\nlogging.basicConfig()\nlogging.getLogger('env').warning('env.py says')\n"
        + project.env_py.read_text()
    )


def has_canary(text: str) -> bool:
    return any(part in text for part in ("Can4ry", "Zq/9", "Zq%2F9", "9!xyz", "OkNhbjRye", "Q2FuNHJ5"))


@pytest.mark.parametrize("where", ["url", "PGPASSWORD", ".pgpass"])
@pytest.mark.parametrize("form", [(), ("--json", "--progress", "json")])
def test_what_project_code_prints_has_no_password(
    project: AlembicProject, login: DatabaseURL, tmp_path: Path, where: str, form: tuple[str, ...]
) -> None:
    noisy(project)
    environment: dict[str, str] = {}
    url = f"postgresql://canary_user@{login.host}:{login.port}/{login.database}"
    if where == "url":
        url = url.replace("@", f":{CANARY}@", 1).replace(CANARY, "Can4ry%2B%27%22Zq%2F9%21xyz")
    elif where == "PGPASSWORD":
        environment = {"PGPASSWORD": CANARY}
    else:
        passwords = tmp_path / "passwords"
        passwords.write_text(f"*:*:*:canary_user:{CANARY}\n")
        passwords.chmod(stat.S_IRUSR | stat.S_IWUSR)
        environment = {"PGPASSFILE": str(passwords)}

    command = ("prod", "upgrade", "--yes", *form)
    outcome = run_installed(*command, cwd=project.root, url=url, environment=environment)

    said = outcome.out + outcome.err
    assert outcome.code == 7, said
    assert not has_canary(said), said
    for word in WORDS:
        assert f"{word}" in said, word
    connection = psycopg2.connect(
        host=login.host, port=login.port, dbname=login.database, user=login.user, password=CANARY
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(j::text, ' ') FROM af_db.journal j")
        assert not has_canary(str(cursor.fetchone()))


def test_what_project_code_prints_at_its_rehearsal_has_no_password(
    project: AlembicProject, login: DatabaseURL
) -> None:
    noisy(project)
    project.env_py.write_text(
        f"import os\nprint('here: ', os.environ.get('SPARE'))\n{project.env_py.read_text()}"
    )
    url = f"postgresql://canary_user@{login.host}:{login.port}/{login.database}"

    outcome = run_installed(
        *("prod", "plan"),
        cwd=project.root,
        url=url,
        environment={"PGPASSWORD": CANARY, "SPARE": CANARY, "AF_DB_REHEARSAL": "true"},
    )

    assert "here: " in outcome.err
    assert not has_canary(outcome.out + outcome.err), outcome.err


def test_what_is_printed_on_a_terminal_has_no_password(project: AlembicProject, login: DatabaseURL) -> None:
    noisy(project)
    url = f"postgresql://canary_user@{login.host}:{login.port}/{login.database}"

    outcome = run_on_terminal(
        *("prod", "upgrade"),
        cwd=project.root,
        url=url,
        environment={"PGPASSWORD": CANARY},
        answers={"[y/n]": "y\r"},
    )

    assert outcome.code == 7, outcome.out
    assert "logged: " in outcome.out
    assert not has_canary(outcome.out), outcome.out


@pytest.mark.slow
def test_programs_that_are_started_get_no_password(
    project: AlembicProject, login: DatabaseURL, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("git", "initdb"):
        program = folder / name
        program.write_text(
            f"#!/bin/sh\n{{ tr '\\0' '\\n' < /proc/$$/environ; echo \"$0 $@\"; }} > {seen}/{name}.$$\n"
            "exit 1\n"
        )
        program.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "AF_DB_REHEARSAL": "true",
        "PGPASSWORD": CANARY,
        "SUPABASE_SERVICE_ROLE_KEY": "Can4ry-key",
        "MINE": f"postgresql://u:{CANARY}@h/d",
    }
    url = f"postgresql://canary_user:Can4ry%2B%27%22Zq%2F9%21xyz@{login.host}:{login.port}/{login.database}"

    for command in ("prod plan", "prod upgrade --yes", "check --against HEAD", "check"):
        run_installed(*command.split(), cwd=project.root, url=url, environment=environment)

    written = {path.name.partition(".")[0]: path.read_text() for path in seen.iterdir()}
    assert {"git", "initdb"} <= written.keys()
    for name, text in written.items():
        assert not has_canary(text), (name, text)
        assert "DATABASE_URL=" not in text, name
        assert "PATH=" in text


ARGUMENTS = {
    "a URL": "url=postgresql://u:{canary}@h/d",
    "a URL that is encoded": "url=mysql://u:{encoded}@h/d?sslmode=require",
    "a URL without a key": "postgresql://u:{encoded}@h/d?sslmode=require",
    "a URL with an address in it": "url=postgresql://u:{encoded}@h/d?mail=a@b",
    "a connection string": "dsn=host=h password={canary} user=u",
    "a quoted connection string": "dsn=host=h password='{canary}' user=u",
    "JSON": 'login={{"user": "u", "password": "Can4ry-in-JSON-Zq/9!"}}',
    "ODBC": "odbc=Server=h;Uid=u;Pwd={canary};Port=1",
    "parameters": "at=https://h/?user=u&token={encoded}",
    "the key": "api-token={canary}",
    "what is known": "spare={canary}",
}
SHOWS_ARGUMENTS = """
import json, urllib.parse
for argument in context.get_x_argument():
    print("whole:", argument, repr(argument), json.dumps(argument))
    print("part:", [urllib.parse.unquote(part) for part in argument.split()])
raise ValueError(context.get_x_argument())
"""


@pytest.mark.parametrize("form", ARGUMENTS)
def test_a_password_among_the_arguments_for_env_py_is_shown_nowhere(
    project: AlembicProject, login: DatabaseURL, tmp_path: Path, form: str
) -> None:
    """In the plan, its JSON, its file, commands that are advised, and what env.py says."""
    encoded = "Can4ry%2B%27%22Zq%2F9%21xyz"
    argument = ARGUMENTS[form].format(canary=CANARY, encoded=encoded)
    url = f"postgresql://canary_user@{login.host}:{login.port}/{login.database}"
    file = tmp_path / "plan.json"
    said = []
    for words in (
        ("prod", "plan", "--no-rehearsal"),
        ("prod", "plan", "--no-rehearsal", "--json", "--out", str(file)),
        ("prod", "upgrade", "999"),
    ):
        outcome = run_process(
            *words, "-x", argument, cwd=project.root, url=url, environment={"PGPASSWORD": CANARY}
        )
        said += [outcome.out, outcome.err]
    project.env_py.write_text(f"from alembic import context\n{SHOWS_ARGUMENTS}")
    outcome = run_process(
        *("prod", "plan", "-x", argument), cwd=project.root, url=url, environment={"PGPASSWORD": CANARY}
    )
    said += [outcome.out, outcome.err]

    assert "whole:" in outcome.err
    assert file.exists()
    assert not has_canary("".join((*said, file.read_text()))), [text for text in said if has_canary(text)]


OPTIONS = ("-c app.key={canary} nothing", "-c app.key='{canary}", "{canary}")


@pytest.mark.parametrize("options", OPTIONS)
def test_options_of_an_engine_that_cannot_be_lent_are_not_shown(
    project: AlembicProject, login: DatabaseURL, options: str
) -> None:
    """They are refused by what they are, not by what they say."""
    text = options.format(canary="Can4ry-not-registered")
    project.env_py.write_text(
        "import os\nimport sqlalchemy as sa\nfrom alembic import context\n"
        "url = os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg2:')\n"
        f"engine = sa.create_engine(url, connect_args={{'options': {text!r}}})\n"
        f"with engine.connect() as connection:\n    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    url = f"postgresql://canary_user@{login.host}:{login.port}/{login.database}"

    outcome = run_process(*("prod", "plan"), cwd=project.root, url=url, environment={"PGPASSWORD": CANARY})

    assert outcome.code == 2, outcome.err
    assert "`options`" in outcome.err
    assert not has_canary(outcome.out + outcome.err), outcome.err


KNOWN = "'\" + os.environ['PGPASSWORD'].replace(\"'\", \"''\") + \"'"
WRITES = {
    "a known secret": f"INSERT INTO spare VALUES ({KNOWN})",
    "a password": "ALTER ROLE canary_user PASSWORD 'Can4ry-not-registered'",
    "an option": "INSERT INTO spare SELECT set_config('app.api_key', 'Can4ry-not-registered', false)",
    "in JSON": """INSERT INTO spare VALUES ('{\\"password\\": \\"Can4ry-not-registered\\"}')""",
    "at the end of a long one": "INSERT INTO spare VALUES " + "('x'), " * 500 + f"({KNOWN})",
}


@pytest.mark.parametrize("write", WRITES)
def test_what_env_py_would_write_is_named_without_its_secrets(
    project: AlembicProject, login: DatabaseURL, server_url: DatabaseURL, write: str
) -> None:
    with administering(replace(server_url, database=login.database)) as cursor:
        cursor.execute("CREATE TABLE spare (a text)")
    project.env_py.write_text(
        "import os\nimport sqlalchemy as sa\nfrom alembic import context\n"
        "url = os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg2:')\n"
        "engine = sa.create_engine(url)\n"
        f'with engine.connect() as connection:\n    connection.exec_driver_sql("{WRITES[write]}")\n'
        "    connection.commit()\n    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    url = f"postgresql://canary_user@{login.host}:{login.port}/{login.database}"

    for words in (("prod", "plan", "--no-rehearsal"), ("current", "--json")):
        outcome = run_process(*words, cwd=project.root, url=url, environment={"PGPASSWORD": CANARY})
        said = outcome.out + outcome.err
        assert "not done here, where af-db only reads" in said, said
        assert not has_canary(said), said
