"""Whatever stands in files, settings and arguments: no command calls it a bug, and no canary leaves."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_factory.migrate.cli.main import run as run_command_line
from agent_factory.url import DatabaseURL
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project

CANARY = "C4nary-9Zq'x"
EXAMPLES = int(os.environ.get("AF_DB_TEST_EXAMPLES", "8"))
"""Of each test; what was tried with hundreds is kept up with a few."""

ANY = st.text(
    st.characters(codec=None, exclude_categories=())
    | st.sampled_from("\0\ud800\udcff\u20ac\u202e\x1b'\"\\\n\r%{}:$@/ \ufdd0[]"),
    max_size=20,
)
IN_A_FILE = ANY.map(lambda text: text.encode(errors="replace").decode().replace("\0", ""))
"""What Python and Alembic can read; half of a surrogate pair is in no file."""

COMMANDS = st.sampled_from(
    [
        *(("local", "upgrade"), ("local", "plan"), ("local", "history"), ("local", "downgrade", "-1")),
        *(("current",), ("local", "create", "x", "--empty"), ("local", "plan", "--format", "sql")),
        *(("local", "plan", "--format", "html"), ("local", "plan", "--json")),
        *(("local", "upgrade", "--json", "--progress", "json"), ("local", "history", "--json")),
        *(("local", "plan", "--format", "markdown"), ("local", "history", "--diff")),
        *(("doctor",), ("doctor", "--json"), ("wait", "--at-head", "--timeout", "0s")),
    ]
)
AFTERWARDS = (("local", "upgrade", "--json"), ("local", "history", "--diff"))
ADDRESSES = st.sampled_from(
    [
        *("{}", "sqlite:///{}", "postgresql://u:{}@127.0.0.1:1/d", "postgresql://{}@127.0.0.1:1/d"),
        *("postgresql://127.0.0.1:1/{}", "postgresql://127.0.0.1:1/d?{}=1"),
    ]
)
FILES = st.sampled_from(
    ["alembic.ini", ".env", "pyproject.toml", "alembic/env.py", "alembic/versions/001_step_001.py"]
)
WORDS = ANY | st.sampled_from(["local", "upgrade", "-c", "--json", "prod"])
FORGET = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS af_db CASCADE"
BODIES = st.sampled_from(
    [
        "raise ValueError({text!r} + {canary!r})",
        "raise type({text!r} or 'E', (Exception,), {{'__str__': lambda self: {text!r}}})()",
        "op.execute('CREATE TABLE ' + sa.sql.quoted_name({text!r}, True).replace('\"', '') + 'x (n int)')",
        "op.get_bind().execute(sa.text('INSERT INTO t001 (id) VALUES (:v)'), {{'v': {text!r}}})",
        "op.get_bind().execute(sa.text('SELECT :v'), {{'v': {text!r}}})",
        "op.execute('ALTER ROLE nobody PASSWORD ' + repr({canary!r} + {text!r}))",
        "op.execute({text!r})",
        "print({text!r}, {canary!r} if 0 else '')",
        "import sys; sys.stdout.buffer.write({text!r}.encode(errors='surrogatepass'))",
        "import warnings; warnings.warn({text!r})",
        "import logging; logging.getLogger('a').error({text!r})",
        "password = {canary!r}; raise ValueError(password[:0] + {text!r})",
        "import sys; sys.exit({text!r})",
        "import os; os.environ['X'] = 'y'; os.chdir('/')",
        "op.create_table({text!r}, sa.Column({text!r} or 'c', sa.Integer))",
        "# password: {canary!r}\n    pass",
    ]
)


def judge(code: int, said: str) -> None:
    assert code != 1, said
    assert "this is a bug in af-db" not in said
    said.encode()


def run(command: tuple[str, ...], project: AlembicProject, url: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    streams = (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err))
    with pytest.MonkeyPatch.context() as patch, streams[0], streams[1]:
        patch.chdir(project.root)
        patch.setenv("DATABASE_URL", url)
        patch.setenv("AF_DB_REHEARSAL", "false")
        patch.setattr(sys, "path", list(sys.path))
        code = run_command_line(list(command))
    return code, out.getvalue() + err.getvalue()


@contextlib.contextmanager
def fresh_project() -> Iterator[AlembicProject]:
    root = Path(tempfile.mkdtemp())
    try:
        yield make_project(root / f"p{root.name[-6:]}", tables=1)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def database(server_url: DatabaseURL) -> Iterator[str]:
    with new_database(server_url) as url:
        yield url


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(command=COMMANDS, body=BODIES, text=ANY, message=IN_A_FILE, comment=IN_A_FILE)
def test_revisions(
    database: str, backend: str, command: tuple[str, ...], body: str, text: str, message: str, comment: str
) -> None:
    with fresh_project() as project:
        url = database if backend == "postgresql" else f"sqlite:///{project.root}/x.db"
        if backend == "postgresql":
            with psycopg2.connect(url) as connection, connection.cursor() as cursor:
                cursor.execute(FORGET)
        path = project.add("002", "001", body.format(text=text, canary=CANARY), name="002_x.py")
        source = path.read_text(encoding="utf-8", errors="surrogatepass")
        source = source.replace('"""step 002"""', repr(message)) + f"# {' '.join(comment.split())}\n"
        path.write_text(source, encoding="utf-8")
        for each in (("local", "upgrade", "001"), command, *AFTERWARDS):
            code, said = run(each, project, url)
            judge(code, said)
            assert "password" not in body.lower() or "C4nary" not in said, said
        if backend == "postgresql" and "password" in body.lower():
            with psycopg2.connect(url) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT to_regclass('af_db.journal')")
                if cursor.fetchone() != (None,):
                    cursor.execute("SELECT string_agg(j::text, ' ') FROM af_db.journal j")
                    assert "C4nary" not in str(cursor.fetchone())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(command=COMMANDS, text=ANY, name=FILES)
def test_files(command: tuple[str, ...], text: str, name: str) -> None:
    with fresh_project() as project:
        path = project.root / name
        before = path.read_bytes() if path.exists() else b""
        path.write_bytes(before + b"\n" + text.encode(errors="surrogatepass") + b"\n")

        judge(*run(command, project, f"sqlite:///{project.root}/x.db"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(command=COMMANDS, text=ANY, form=ADDRESSES)
def test_addresses(command: tuple[str, ...], text: str, form: str) -> None:
    url = form.format(text.replace("\0", ""))
    try:
        os.fsencode(url)
    except UnicodeEncodeError:
        return  # no environment has it
    with fresh_project() as project:
        judge(*run(command, project, url))


@settings(max_examples=EXAMPLES, deadline=None)
@given(words=st.lists(WORDS, max_size=4))
def test_command_lines(words: list[str]) -> None:
    with fresh_project() as project:
        arguments = tuple(word.replace("\0", "") for word in words)
        judge(*run(arguments, project, f"sqlite:///{project.root}/x.db"))
