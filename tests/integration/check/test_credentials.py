"""Passwords and keys in the project's files: found, told by their place, and never shown."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject, make_project

HUSH = "Hush9Canary"
"""What no output may hold. The sources below are written with HUSH in its place."""
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJlLW9mLUh1c2g5"


OF_FILES = {"credentials", "local-credentials", "broken-revision-file"}


@pytest.fixture
def project(tmp_path: Path) -> AlembicProject:
    """One revision: it runs whenever the files are looked at."""
    return make_project(tmp_path / "project", tables=1)


def findings(af_db: CommandLine, project: AlembicProject) -> list[dict[str, Any]]:
    """What is found in the files; neither the text nor the JSON shows the secret."""
    text = af_db("check", cwd=project.root)
    document = af_db("check", "--json", cwd=project.root)
    for said in (text.out, text.err, document.out, document.err):
        assert HUSH not in said
        assert "Canary" not in said
        assert TOKEN not in said
    found: list[dict[str, Any]] = document.document["findings"]
    bad = [item for item in found if item["level"] != "note"]
    assert text.code == document.code == (3 if bad else 0)
    return [item for item in found if item["code"] in OF_FILES]


def add_option(project: AlembicProject, line: str) -> tuple[Path, str]:
    project.config.write_text(f"{project.config.read_text()}{line}\n")
    return project.config, line


def add_to_env_py(project: AlembicProject, source: str) -> tuple[Path, str]:
    project.env_py.write_text(f"import os\n\n{source}\n{project.env_py.read_text()}")
    return project.env_py, source


def add_to_revision(project: AlembicProject, source: str) -> tuple[Path, str]:
    path = project.add("002", "001", source)
    return path, source.splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("sqlalchemy.url = postgresql://app:HUSH@db.acme.io/app", "app at db.acme.io"),
        ("sqlalchemy.url = postgresql+psycopg2://app:HUSH%%40x@db.acme.io:6543/app", "app at db.acme.io"),
        ("sqlalchemy.url = postgresql://app:x@HUSH@db.acme.io/app", "app at db.acme.io"),
        ("sqlalchemy.url = postgresql://app:x/HUSH@db.acme.io/app?sslmode=require", "app at db.acme.io"),
        ("sqlalchemy.url = postgresql://app:HUSH@localhost:5433/app", "app at localhost"),
        ("sqlalchemy.url = postgresql://postgres:postgres@db.acme.io/app", "postgres at db.acme.io"),
        ("# sqlalchemy.url = postgresql://app:HUSH@[2001:db8::1]:5432/app", "app at [2001:db8::1]"),
        ("cache = redis://:HUSH@cache.acme.io:6379/0", "somebody at cache.acme.io"),
        ("sqlalchemy.url = host=db.acme.io user=app password=HUSH dbname=app", ""),
        ("db_password = HUSH", ""),
        ("supabase_key = sb_secret_Hush9Canary0", "a secret key of Supabase"),
    ],
)
def test_a_password_in_the_configuration(
    af_db: CommandLine, project: AlembicProject, line: str, who: str
) -> None:
    path, written = add_option(project, line.replace("HUSH", HUSH))

    (found,) = findings(af_db, project)

    assert (found["code"], found["level"]) == ("credentials", "error")
    assert found["file"] == str(path)
    assert path.read_text().splitlines()[found["line"] - 1] == written
    assert re.search(r"[\w.]+", line.lstrip("# "))[0] in found["message"]  # type: ignore[index]
    assert who in found["message"]


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ('URL = "postgresql://app:HUSH@db.acme.io/app"', "app at db.acme.io"),
        ('HOST = "db"\nURL = f"postgresql://app:HUSH@{HOST}/app"', "app at a server"),
        ('URL = os.environ.get("DATABASE_URL", "postgresql://app:HUSH@db.acme.io/app")', "DATABASE_URL"),
        ('PASSWORD = os.getenv("PASSWORD", "HUSH")', "PASSWORD"),
        ('os.environ["PGPASSWORD"] = "HUSH"', "PGPASSWORD"),
        ('LOGIN = dict(user="app", password="HUSH")', "password"),
        ('LOGIN = {"user": "app", "password": "HUSH"}', "password"),
        ('DSN = "host=db.acme.io user=app password=HUSH"', ""),
        ("# was: postgresql://app:HUSH@db.acme.io/app", "a comment"),
        (f'KEY = "{TOKEN}"', "a JSON Web Token"),
        ('URL = "postgresql://app:" + "HUSH" + "@db.acme.io/app"', "app at db.acme.io"),
        ('HOST = "db"\nURL = "postgresql://app:" + "HUSH" + "@" + HOST + "/app"', "app at a server"),
        ('PASSWORD = "x" + "HUSH"', "PASSWORD"),
        (
            'import sqlalchemy as sa\nURL = sa.URL.create("postgresql", "app", "HUSH", "db.acme.io")',
            "password",
        ),
        (
            'from sqlalchemy import URL\nWHERE = URL.create("postgresql", username="app", password="HUSH")',
            "password",
        ),
        # In two parts: whoever scans this repository looks for the same prefixes.
        ('STRIPE = "sk_' + 'live_51HUSHabcdefGHIJ"', "a key of Stripe"),
        ('GITHUB = "ghp' + '_HUSHabcdefghijklmnopqrstuvwxyz0123456789"', "a token of GitHub"),
        ('KEYS = {"api_key": "HUSHf8c7d6e5b4a39281706f"}', "api_key"),
        ('SECRET_KEY = "HUSH!k(7)x-of-this-site"', "SECRET_KEY"),
        ('os.environ["APP_TOKEN"] = "HUSH0f8c7d6e5b4"', "APP_TOKEN"),
    ],
)
def test_a_password_in_env_py(af_db: CommandLine, project: AlembicProject, source: str, who: str) -> None:
    path, written = add_to_env_py(project, source.replace("HUSH", HUSH))

    (found,) = findings(af_db, project)

    assert (found["code"], found["file"]) == ("credentials", str(path))
    assert path.read_text().splitlines()[found["line"] - 1] == written.splitlines()[-1]
    assert who in found["message"]


@pytest.mark.parametrize(
    "source",
    [
        """op.execute("CREATE ROLE reporting LOGIN PASSWORD 'HUSH'")""",
        """op.execute("ALTER USER app WITH ENCRYPTED PASSWORD 'HUSH'")""",
        """op.execute("UPDATE users SET password = 'HUSH' WHERE id = 1")""",
        '''op.execute("""
        CREATE USER MAPPING FOR app SERVER other OPTIONS (user 'app', password 'HUSH')""")''',
        """op.execute("SELECT dblink_connect('c', 'host=db.acme.io password=HUSH')")""",
        """op.bulk_insert(sa.table("users"), [{"name": "admin", "password": "HUSH"}])""",
        """KEY = '''x
        -----BEGIN RSA PRIVATE KEY-----'''""",
    ],
)
def test_a_password_in_a_revision(af_db: CommandLine, project: AlembicProject, source: str) -> None:
    path, last = add_to_revision(project, source.replace("HUSH", HUSH))

    (found,) = findings(af_db, project)

    assert (found["code"], found["file"]) == ("credentials", str(path))
    assert path.read_text().splitlines()[found["line"] - 1].strip() == last.strip()


def test_a_password_in_a_file_that_is_no_python(af_db: CommandLine, project: AlembicProject) -> None:
    path = project.versions / "002_x.py"
    path.write_text(f'revision = "002"\n<<<<<<< HEAD\nURL = "postgresql://app:{HUSH}@db.acme.io/app"\n')

    found = {item["code"]: item["line"] for item in findings(af_db, project)}

    assert found == {"broken-revision-file": 2, "credentials": 3}


def test_a_password_in_pyproject(af_db: CommandLine, project: AlembicProject) -> None:
    """Only Alembic's table is read: what other tools keep there is for them to look after."""
    (project.root / "pyproject.toml").write_text(
        f'[tool.other]\nurl = "postgresql://app:{HUSH}@db.acme.io/app"\n'
        f'[tool.alembic]\nurl = "postgresql://app:{HUSH}@db.acme.io/app"\n'
    )

    (found,) = findings(af_db, project)

    assert (found["code"], Path(found["file"]).name, found["line"]) == ("credentials", "pyproject.toml", 4)


@pytest.mark.parametrize(
    "line",
    [
        "sqlalchemy.url = postgresql://postgres:postgres@localhost/app",
        "sqlalchemy.url = postgresql://postgres:postgres@localhost:5432/postgres",
        "sqlalchemy.url = postgresql://user:pass@127.0.0.1/dbname",
        "sqlalchemy.url = postgresql://app:app@db:5432/app",
        "sqlalchemy.url = host=localhost user=postgres password=postgres",
    ],
)
def test_customary_logins_of_a_developers_machine_are_only_noted(
    af_db: CommandLine, project: AlembicProject, line: str
) -> None:
    add_option(project, line)

    (found,) = findings(af_db, project)

    assert (found["code"], found["level"]) == ("local-credentials", "note")


@pytest.mark.parametrize(
    "line",
    [
        "sqlalchemy.url = driver://user:pass@localhost/dbname",
        "sqlalchemy.url = postgresql://app@db.acme.io/app",
        "sqlalchemy.url = postgresql://app:%(password)s@db.acme.io/app",
        "sqlalchemy.url = postgresql://app:%%(password)s@db.acme.io/app",
        "sqlalchemy.url = postgresql://app:${DB_PASSWORD}@db.acme.io/app",
        "sqlalchemy.url = postgresql://postgres:[YOUR-PASSWORD]@db.acme.io/app",
        "sqlalchemy.url = postgresql://app:***@db.acme.io/app",
        "# sqlalchemy.url = postgresql://user:password@host:5432/database",
        "# see https://alembic.sqlalchemy.org/en/latest/tutorial.html",
        "sqlalchemy.url = sqlite:///./app.db",
        "password =",
    ],
)
def test_examples_and_what_is_filled_in_later_are_none(
    af_db: CommandLine, project: AlembicProject, line: str
) -> None:
    add_option(project, line)

    assert findings(af_db, project) == []


@pytest.mark.parametrize(
    "source",
    [
        'op.add_column("users", sa.Column("password", sa.String(60)))',
        'op.add_column("users", sa.Column("password_hash", sa.String(60), nullable=False))',
        'op.alter_column("users", "password", new_column_name="secret")',
        """op.execute("UPDATE users SET password = crypt(password, gen_salt('bf'))")""",
        """op.execute("UPDATE users SET password = NULL WHERE password = ''")""",
        'op.execute(sa.text("UPDATE users SET password = :password").bindparams(password=None))',
        'op.bulk_insert(sa.table("users"), [{"name": "a", "password": "$2b$12$abcdefghijklmnopqrstuv"}])',
        """op.create_check_constraint("ck", "users", "password <> 'x'")""",
        'url = "postgresql://%s:%s@%s/%s" % ("a", "b", "c", "d")',
        'name = "a"\nurl = f"postgresql://{name}:{name}@{name}/app"',
        'password = "Enter the password, please"',
        'renames = {"password": "password_hash", "old_password": "hashed_password"}',
        'field_password = "Password"',
        'name = "a"\nurl = "postgresql://app:" + name + "@db.acme.io/app"',
        'names = {"api_key": "api_key_sha256", "token": "token", "secret_key": "a_key_of_the_user"}',
        """defaults = {"token": "md5(random()::text)", "api_key": "gen_random_uuid()::text"}""",
        'secret_key = "/run/secrets/app_key_2026"',
        'token = "https://acme.io/oauth2/token"',
    ],
)
def test_columns_parameters_and_hashes_are_none(
    af_db: CommandLine, project: AlembicProject, source: str
) -> None:
    add_to_revision(project, source)

    assert findings(af_db, project) == []
