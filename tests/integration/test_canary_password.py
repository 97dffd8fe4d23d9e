"""A password that is known to the process reaches no stream, file, argument, environment or journal."""

import contextlib
import os
import stat
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.commands import run_installed
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
