"""Every error that a person can meet: its code, its exit code, its next step, and no secret in it.

The password of each URL here is the canary. Each error is shown as text and as JSON, and neither may hold
it in any spelling.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.commands import CommandLine, Outcome, run_installed
from tests.postgres import administering
from tests.projects import AlembicProject

CANARY = "C4n@ry/%pä:ss"
SPELLINGS = {CANARY, quote(CANARY, safe=""), quote(CANARY), quote_plus(CANARY), repr(CANARY)[1:-1]}
SPELLINGS |= {spelling.replace("%", "%%") for spelling in SPELLINGS} | {"C4n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database of its own, and a role that logs in with the canary and may do everything there."""

    project: AlembicProject
    server: DatabaseURL
    user: str
    database: str

    def url(
        self,
        *,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        database: str | None = None,
        password: str = CANARY,
        options: str = "",
    ) -> str:
        where = f"{host or self.server.host}:{port or self.server.port or 5432}"
        return f"postgresql://{user or self.user}:{password}@{where}/{database or self.database}{options}"

    def execute(self, *statements: str) -> None:
        with administering(
            parse_url(self.url(user=self.server.user, password=self.server.password or ""))
        ) as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture
def place(server_url: DatabaseURL, postgresql_url: str, project: AlembicProject) -> Iterator[Place]:
    user = f"canary_{uuid.uuid4().hex[:12]}"
    place = Place(project=project, server=server_url, user=user, database=parse_url(postgresql_url).database)
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE ROLE {user} LOGIN PASSWORD %s", [CANARY])
    place.execute(f"GRANT ALL ON SCHEMA public TO {user}")
    yield place
    place.execute(f"DROP OWNED BY {user} CASCADE")
    with administering(server_url) as cursor:
        cursor.execute(f"DROP ROLE {user}")


def told_without_the_canary(
    af_db: CommandLine, place: Place, arguments: tuple[str, ...], url: str
) -> Outcome:
    """Run as text, then as JSON; look for the canary in both and in every file; return the JSON."""
    text = af_db(*arguments, cwd=place.project.root, url=url)
    document = af_db(*arguments, "--json", cwd=place.project.root, url=url)
    written = "".join(
        path.read_bytes().decode(errors="replace")
        for path in place.project.root.rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".py"}
    )
    for said in (text.out, text.err, document.out, document.err, written):
        assert not [spelling for spelling in SPELLINGS if spelling in said]
    assert text.code == document.code
    assert "error: " in text.err
    assert document.error["state"], "an error says in which state the database is"
    assert document.error["next_steps"], "an error says what to do next"
    assert document.error["next_steps"][0] in " ".join(text.err.split()) or "\n" in str(
        document.error["next_steps"][0]
    )
    return document


@pytest.mark.parametrize("command", [("prod", "current"), ("local", "upgrade"), ("current",)])
@pytest.mark.parametrize(
    ("make_url", "code", "says"),
    [
        pytest.param(lambda p: p.url(port=1), "connection-refused", "no server answers", id="refused"),
        pytest.param(lambda p: p.url(host="h" * 70), "unknown-host", "cannot be resolved", id="host"),
        pytest.param(lambda p: p.url(password=f"{CANARY}x"), "wrong-password", "password", id="password"),
        pytest.param(lambda p: p.url(user="nobody_x"), "wrong-password", "nobody_x", id="no such role"),
        pytest.param(lambda p: p.url(database="nope_db"), "no-such-database", "nope_db", id="database"),
        pytest.param(lambda p: p.url(options="?sslmode=require"), "tls", "encrypted", id="TLS"),
        pytest.param(lambda p: p.url(options="?sslmode=x"), "tls", "sslmode", id="sslmode"),
        pytest.param(lambda p: p.url(options="?pgbouncer=true"), "unknown-url-option", "option", id="option"),
    ],
)
def test_connection_errors(
    af_db: CommandLine,
    place: Place,
    command: tuple[str, ...],
    make_url: Callable[[Place], str],
    code: str,
    says: str,
) -> None:
    outcome = told_without_the_canary(af_db, place, command, make_url(place))

    assert (outcome.code, outcome.error["code"]) == (5, code)
    assert says in outcome.error["message"]
    assert outcome.error["state"] == "not touched"


def test_no_such_role_over_a_trusted_socket(
    af_db: CommandLine, place: Place, server_url: DatabaseURL
) -> None:
    """Where no password is asked for, PostgreSQL says itself that the role is missing."""
    with administering(server_url) as cursor:
        cursor.execute("SHOW unix_socket_directories")
        (folder,) = cursor.fetchone() or ("",)
    url = f"postgresql://nobody_x:{CANARY}@/{place.database}?host={folder}&port={server_url.port or 5432}"

    outcome = told_without_the_canary(af_db, place, ("prod", "current"), url)

    assert (outcome.code, outcome.error["code"]) == (5, "no-such-role")


def test_too_many_connections(af_db: CommandLine, place: Place) -> None:
    place.execute(f"ALTER ROLE {place.user} CONNECTION LIMIT 0")

    outcome = told_without_the_canary(af_db, place, ("prod", "current"), place.url())

    assert (outcome.code, outcome.error["code"]) == (5, "too-many-connections")


@pytest.mark.parametrize(
    ("url", "exit_code", "code"),
    [
        pytest.param(f"mysql://u:{CANARY}@h/db", 2, "malformed-database-url", id="another database"),
        pytest.param(f"postgresql://u:{CANARY}@h:x/db", 2, "malformed-database-url", id="port"),
        pytest.param(f"postgresql://u:{CANARY}@h", 2, "malformed-database-url", id="no database"),
        pytest.param(CANARY, 2, "malformed-database-url", id="not a URL"),
        pytest.param("sqlite:///./x.db", 4, "sqlite-in-production", id="SQLite"),
    ],
)
def test_urls_that_production_cannot_use(
    af_db: CommandLine, place: Place, url: str, exit_code: int, code: str
) -> None:
    outcome = told_without_the_canary(af_db, place, ("prod", "upgrade", "--yes"), url)

    assert (outcome.code, outcome.error["code"]) == (exit_code, code)


@pytest.mark.parametrize(
    ("before", "failing", "code"),
    [
        pytest.param(
            "CREATE TABLE a (id int)",
            'op.add_column("a", sa.Column("id", sa.Integer))',
            "column-exists",
            id="column already exists",
        ),
        pytest.param(
            "CREATE TABLE a (id int)", 'op.create_table("a")', "object-exists", id="table already exists"
        ),
        pytest.param("SELECT 1", 'op.drop_column("a", "b")', "no-such-table", id="table does not exist"),
        pytest.param(
            "CREATE TABLE a (id int)",
            'op.drop_column("a", "b")',
            "no-such-column",
            id="column does not exist",
        ),
        pytest.param(
            "CREATE TABLE a (id int); INSERT INTO a VALUES (NULL)",
            'op.alter_column("a", "id", nullable=False)',
            "data-violates-not-null",
            id="rows violate NOT NULL",
        ),
        pytest.param(
            "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1)",
            'op.create_unique_constraint("u", "a", ["id"])',
            "data-violates-unique",
            id="rows violate UNIQUE",
        ),
        pytest.param(
            "CREATE TABLE a (id int); INSERT INTO a VALUES (1)",
            'op.create_check_constraint("c", "a", "id > 5")',
            "data-violates-check",
            id="rows violate CHECK",
        ),
        pytest.param(
            "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE a (id int); INSERT INTO a VALUES (1)",
            'op.create_foreign_key("f", "a", "p", ["id"], ["id"])',
            "data-violates-foreign-key",
            id="rows violate FOREIGN KEY",
        ),
        pytest.param(
            "CREATE TABLE a (id int); CREATE VIEW v AS SELECT id FROM a",
            'op.drop_column("a", "id")',
            "has-dependents",
            id="a view depends on it",
        ),
        pytest.param(
            "CREATE TABLE a (id text)",
            'op.alter_column("a", "id", type_=sa.Integer())',
            "cannot-convert",
            id="type cannot be converted",
        ),
        pytest.param(
            "CREATE TABLE a (id int)",
            'op.execute("CREATE INDEX CONCURRENTLY i ON a (id)")',
            "needs-autocommit",
            id="not in a transaction",
        ),
        pytest.param(
            "SELECT 1",
            'import os\nop.execute("ALTER ROLE x PASSWORD \'" + os.environ["SECRET"] + "\' nonsense")',
            "statement-failed",
            id="a password in the SQL",
        ),
        pytest.param(
            "SELECT 1",
            'raise RuntimeError(__import__("os").environ["DATABASE_URL"])',
            "revision-failed",
            id="Python that shows the URL",
        ),
    ],
)
def test_revisions_that_fail(
    af_db: CommandLine,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    failing: str,
    code: str,
) -> None:
    monkeypatch.setenv("SECRET", "unregistered C4n")
    af_db("prod", "upgrade", "--yes", cwd=place.project.root, url=place.url())
    place.execute(before, f"GRANT {place.server.user} TO {place.user}")
    place.project.add("004", "003", f'op.execute("SET ROLE {place.server.user}")\n{failing}')

    outcome = told_without_the_canary(af_db, place, ("prod", "upgrade", "--yes"), place.url())

    assert (outcome.code, outcome.error["code"]) == (7, code)
    assert outcome.error["state"] == "rolled back; at 003"
    assert "004_step_004.py, line" in outcome.error["message"]
    assert af_db("prod", "current", cwd=place.project.root, url=place.url()).out == "003\n"


def test_a_statement_that_takes_too_long(af_db: CommandLine, place: Place) -> None:
    place.project.add("004", "003", 'op.execute("SELECT pg_sleep(30)")')

    outcome = told_without_the_canary(
        af_db, place, ("prod", "upgrade", "--yes", "--statement-timeout", "300ms"), place.url()
    )

    assert (outcome.code, outcome.error["code"]) == (7, "statement-timeout")
    assert "--statement-timeout" in outcome.error["next_steps"][0]


def test_permission_denied(af_db: CommandLine, place: Place) -> None:
    place.execute(f"REVOKE ALL ON SCHEMA public FROM {place.user}")
    place.execute(f"GRANT USAGE ON SCHEMA public TO {place.user}")

    outcome = told_without_the_canary(af_db, place, ("prod", "upgrade", "--yes"), place.url())

    assert (outcome.code, outcome.error["code"]) == (7, "permission-denied")
    assert f"TO {place.user}" in outcome.error["next_steps"][0]
    assert outcome.error["state"] == "rolled back; at base"


def test_what_to_type_has_the_names_as_sql_writes_them(af_db: CommandLine, place: Place) -> None:
    odd = f"{place.user}-Odd"
    place.execute(
        f"CREATE ROLE \"{odd}\" LOGIN PASSWORD '{CANARY}'",
        f'GRANT ALL ON SCHEMA public TO "{odd}"',
        'CREATE SCHEMA "Closed"',
    )
    place.project.add("004", "003", """op.execute('CREATE TABLE "Closed".t (id int)')""")
    try:
        ended = af_db("local", "upgrade", "--json", cwd=place.project.root, url=place.url(user=odd))
    finally:
        place.execute(f'DROP OWNED BY "{odd}" CASCADE', f'DROP ROLE "{odd}"')

    assert (ended.code, ended.error["code"]) == (7, "permission-denied")
    grant = f'GRANT USAGE, CREATE ON SCHEMA "Closed" TO "{odd}"'
    assert ended.error["next_steps"][0].endswith(grant), ended.error


@pytest.mark.parametrize("command", [("local", "upgrade", "nope"), ("local", "downgrade", "zzz")])
def test_an_unknown_revision(af_db: CommandLine, place: Place, command: tuple[str, ...]) -> None:
    outcome = told_without_the_canary(af_db, place, command, place.url())

    assert (outcome.code, outcome.error["code"]) == (2, "unknown-revision")
    assert command[-1] in outcome.error["message"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(("upgrade", "+9"), "no-such-step", id="too far up"),
        pytest.param(("downgrade", "-9"), "no-such-step", id="too far down"),
        pytest.param(("downgrade", "003"), "not-on-the-way", id="down to a newer one"),
    ],
)
def test_revisions_that_lead_nowhere(
    af_db: CommandLine, place: Place, command: tuple[str, ...], code: str
) -> None:
    af_db("local", "upgrade", "002", cwd=place.project.root, url=place.url())

    outcome = told_without_the_canary(af_db, place, ("local", *command), place.url())

    assert (outcome.code, outcome.error["code"]) == (2, code)
    assert "002" in outcome.error["message"]


def break_by_duplicate(project: AlembicProject) -> tuple[str, ...]:
    project.add("003", "002", name="003_other.py")
    return ("003_other.py", "003_step_003.py")


def break_by_missing_parent(project: AlembicProject) -> tuple[str, ...]:
    (project.versions / "002_step_002.py").unlink()
    return ("002", "003")


def break_by_cycle(project: AlembicProject) -> tuple[str, ...]:
    project.add("001", "003", name="001_step_001.py")
    return ("001", "002", "003")


def break_by_syntax(project: AlembicProject) -> tuple[str, ...]:
    (project.versions / "004_x.py").write_text("revision = '004'\nthis is no Python\n")
    return ("004_x.py",)


def break_by_no_id(project: AlembicProject) -> tuple[str, ...]:
    (project.versions / "004_x.py").write_text("x = 1\n")
    return ("004_x.py",)


def break_by_env_py(project: AlembicProject) -> tuple[str, ...]:
    project.env_py.write_text("import nothing_of_that_name\n")
    return ("env.py", "nothing_of_that_name")


def break_by_env_py_that_ends(project: AlembicProject) -> tuple[str, ...]:
    project.env_py.write_text("import sys\n\nsys.exit('no DATABASE_URL')\n")
    return ("env.py, line 3", "no DATABASE_URL")


@pytest.mark.parametrize(
    ("break_project", "code"),
    [
        (break_by_duplicate, "duplicate-revision"),
        (break_by_missing_parent, "missing-parent"),
        (break_by_cycle, "revision-cycle"),
        (break_by_syntax, "broken-revision-file"),
        (break_by_no_id, "no-revision-id"),
        (break_by_env_py, "broken-env-py"),
        (break_by_env_py_that_ends, "broken-env-py"),
    ],
)
def test_broken_projects(
    af_db: CommandLine,
    place: Place,
    break_project: Callable[[AlembicProject], tuple[str, ...]],
    code: str,
) -> None:
    named = break_project(place.project)

    outcome = told_without_the_canary(af_db, place, ("local", "upgrade"), place.url())

    assert (outcome.code, outcome.error["code"]) == (2, code)
    for name in named:
        assert name in outcome.error["message"]


def test_no_project(af_db: CommandLine, tmp_path: Path) -> None:
    nothing = af_db("local", "upgrade", "--json", cwd=tmp_path)
    assert (nothing.code, nothing.error["code"]) == (2, "no-project")

    named = af_db("-c", "other.ini", "local", "upgrade", "--json", cwd=tmp_path)
    assert (named.code, named.error["code"]) == (2, "no-project")
    assert "other.ini" in named.error["message"]


@pytest.mark.parametrize(
    ("content", "code"),
    [pytest.param("no database\n" * 100, "not-a-database", id="another file")],
)
def test_a_file_that_is_no_database(
    af_db: CommandLine, project: AlembicProject, content: str, code: str
) -> None:
    (project.root / "agent_factory.db").write_text(content)

    outcome = af_db("local", "upgrade", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (5, code)


def test_a_folder_that_is_not_there(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url="sqlite:///./no/such/folder.db")

    assert (outcome.code, outcome.error["code"]) == (5, "cannot-open-file")


def test_an_environment_file_that_is_no_text(af_db: CommandLine, project: AlembicProject) -> None:
    (project.root / ".env").write_bytes(b"\xff\xfe\x00DATABASE_URL")

    outcome = af_db("local", "upgrade", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "unreadable-env-file")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(f"DATABASE_URL='postgresql://u:{CANARY}@h/db", id="a quote that is not closed"),
        pytest.param(f'DATABASE_URL="postgresql://u:{CANARY}@h/db', id="a double quote"),
        pytest.param(f"export DATABASE_URL='postgresql://u:{CANARY}@h/db' and more", id="more than a value"),
    ],
)
def test_a_line_of_the_environment_file_that_cannot_be_read(
    af_db: CommandLine, project: AlembicProject, line: str
) -> None:
    """It would be left out, and the command would work on another database."""
    (project.root / ".env").write_text(f"# the database\nOTHER=1\n{line}\nLAST=2\n")

    text = af_db("local", "upgrade", cwd=project.root)
    document = af_db("local", "upgrade", "--json", cwd=project.root)

    assert (document.code, document.error["code"]) == (2, "malformed-env-file")
    assert ".env, line 3" in document.error["message"]
    assert document.error["state"] == "not touched"
    assert "C4n" not in text.out + text.err + document.out + document.err
    assert not (project.root / "agent_factory.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("local", "upgrad"),
        ("local", "downgrade"),
        ("local", "upgrade", "--nope"),
        ("local", "upgrade", "a", "b"),
    ],
)
def test_usage_errors(af_db: CommandLine, project: AlembicProject, arguments: tuple[str, ...]) -> None:
    text = af_db(*arguments, cwd=project.root)
    document = af_db(*arguments, "--json", cwd=project.root)

    assert (text.code, document.code, document.error["code"]) == (2, 2, "usage")
    assert "--help" in text.err
    assert text.out == ""


def test_a_bug_looks_like_a_bug_without_the_secret(place: Place) -> None:
    """A revision file is no bug; one in af-db's own code is shown with its traceback, redacted."""
    (place.project.root / "sitecustomize.py").write_text(
        "import os\n"
        "from agent_factory.migrate.workflows import status\n"
        "def broken(*_arguments, **_options):\n"
        "    raise AssertionError(f'broken with {os.environ[\"DATABASE_URL\"]}')\n"
        "status.history = broken\n"
    )

    outcome = run_installed(
        *("prod", "history", "--diff", "--json"),  # of the plain one there is a quick answer
        cwd=place.project.root,
        url=place.url(),
        environment={"PYTHONPATH": str(place.project.root)},
    )

    assert (outcome.code, outcome.error["code"]) == (1, "bug")
    assert "Traceback" in outcome.err
    assert re.search(r"versions  af-db .*Alembic \d.*psycopg2 \d", outcome.err)
    assert "report it" in outcome.err.splitlines()[-1]
    assert not [spelling for spelling in SPELLINGS if spelling in outcome.out + outcome.err]
