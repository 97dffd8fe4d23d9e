"""An env.py that does more than it should, or breaks: a finding with its line, and the other checks go on."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands import CommandLine
from tests.env_py_files import CONNECTS, HEAD
from tests.projects import AlembicProject

SQL_BEFORE = "connection.exec_driver_sql(\"SET lock_timeout = '4s'\")\ncontext.configure("
SCHEMA_BEFORE = 'connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS app")\ncontext.configure('
STOCK = """
import sqlalchemy as sa
from alembic import context

metadata = sa.MetaData()
connectable = sa.engine_from_config({{"sqlalchemy.url": "{url}"}}, prefix="sqlalchemy.")

with connectable.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def _on_the_tests_server(monkeypatch: pytest.MonkeyPatch, postgresql_url: str) -> None:
    monkeypatch.delenv("AF_DB_REHEARSAL")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", postgresql_url)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Somebody else's server: nobody may knock at it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def put_before_configure(project: AlembicProject, code: str) -> None:
    project.env_py.write_text(project.env_py.read_text().replace("context.configure(", code))


def findings(
    af_db: CommandLine, project: AlembicProject, url: str | None = None
) -> dict[str, dict[str, Any]]:
    document = af_db("check", "--json", cwd=project.root, url=url).document
    found = document["findings"]
    assert len({item["code"] for item in found}) == len(found), "each is told once"
    return {item["code"]: item for item in found}


@pytest.fixture
def modelled(project: AlembicProject) -> AlembicProject:
    """The project with models that are what its revisions make."""
    project.write_models(
        "metadata = sa.MetaData()\n"
        'for number in ("001", "002", "003"):\n'
        '    sa.Table(f"t{number}", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    return project


@pytest.mark.usefixtures("_on_the_tests_server")
@pytest.mark.parametrize("code", [SQL_BEFORE, SCHEMA_BEFORE], ids=["a setting", "a schema"])
def test_sql_of_postgresql_in_env_py(af_db: CommandLine, modelled: AlembicProject, code: str) -> None:
    put_before_configure(modelled, code)

    (note,) = findings(af_db, modelled).values()

    assert (note["code"], note["level"], note["file"]) == ("not-for-sqlite", "note", str(modelled.env_py))
    assert "exec_driver_sql" in modelled.env_py.read_text().splitlines()[note["line"] - 1]


def test_sql_of_postgresql_in_the_env_py_of_a_project_for_sqlite(
    af_db: CommandLine, modelled: AlembicProject, sqlite_url: str
) -> None:
    put_before_configure(modelled, SQL_BEFORE)

    found = findings(af_db, modelled, sqlite_url)["broken-env-py"]

    assert (found["level"], found["file"], found["line"]) == ("error", str(modelled.env_py), 7)
    assert 'near "SET": syntax error' in found["message"]
    assert "sqlalche.me" not in found["message"]


@pytest.mark.usefixtures("_on_the_tests_server")
@pytest.mark.parametrize("form", ["json", "github", "sarif", "text"])
def test_an_env_py_that_breaks_leaves_the_other_findings(
    af_db: CommandLine, project: AlembicProject, form: str
) -> None:
    project.env_py.write_text('import os\n\nos.environ["APP_REGION_OF_NOBODY"]\n')
    project.add_table("004", None)

    outcome = af_db("check", "--format", form, cwd=project.root)

    assert outcome.code == 3
    assert "multiple-bases" in outcome.out
    assert "KeyError" in outcome.out
    if form == "github":
        assert "::error file=alembic/env.py,line=3,title=broken-env-py::" in outcome.out
    if form == "sarif":
        results = json.loads(outcome.out)["runs"][0]["results"]
        assert {item["ruleId"] for item in results} >= {"multiple-bases", "broken-env-py"}
    if form == "json":
        codes = [item["code"] for item in outcome.document["findings"]]
        assert codes.count("broken-env-py") == 1, "though two checks run it"
        assert any(line.startswith("up and down: ") for line in outcome.document["skipped"])


@pytest.mark.parametrize("options", [(), ("--no-rehearsal",)], ids=["rehearsing", "without a server"])
@pytest.mark.usefixtures("_on_the_tests_server")
def test_an_env_py_that_connects_by_itself_does_not_get_to(
    af_db: CommandLine, project: AlembicProject, listening: socket.socket, options: tuple[str, ...]
) -> None:
    port = listening.getsockname()[1]
    project.env_py.write_text(STOCK.format(url=f"postgresql+psycopg2://nobody@127.0.0.1:{port}/production"))

    document = af_db("check", "--json", *options, cwd=project.root).document

    (found,) = document["findings"]
    assert (found["code"], found["file"], found["line"]) == ("env-py-contract", str(project.env_py), 8)
    assert 'attributes.get("connection")' in "\n".join(found["details"])
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_an_env_py_that_writes_is_told_where_nothing_may_be_written(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    put_before_configure(project, SCHEMA_BEFORE)

    for command in (("prod", "check"), ("prod", "upgrade", "--yes"), ("local", "create", "x")):
        outcome = af_db(*command, "--json", cwd=project.root, url=postgresql_url)

        assert (outcome.code, outcome.error["code"]) == (2, "broken-env-py")
        assert "env.py writes to the database at line 7" in outcome.error["message"]
        assert "revision" in outcome.error["next_steps"][0]


@pytest.mark.usefixtures("_on_the_tests_server")
def test_what_is_done_about_an_env_py_that_writes_helps(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    put_before_configure(project, SCHEMA_BEFORE)
    told = af_db("prod", "check", "--json", cwd=project.root, url=postgresql_url).error["next_steps"][1]
    condition = told.partition(": ")[2]
    project.env_py.write_text(
        project.env_py.read_text().replace(
            'connection.exec_driver_sql("CREATE', f'{condition}\n    connection.exec_driver_sql("CREATE'
        )
    )

    assert af_db("prod", "upgrade", "--yes", "--no-rehearsal", cwd=project.root, url=postgresql_url).code == 0
    assert af_db("current", cwd=project.root, url=postgresql_url).out == "003 (head)\n"


def test_what_env_py_has_begun_is_not_taken_for_the_transaction_of_the_run(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    """Alembic would commit nothing then."""
    put_before_configure(project, SQL_BEFORE)

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0
    assert af_db("current", cwd=project.root, url=postgresql_url).out == "003 (head)\n"


@pytest.mark.parametrize(("variable", "level"), [("DATABASE_URL", None), ("APP_DB", "note")])
def test_an_engine_for_postgresql_is_no_fault_of_a_check_on_sqlite(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    level: str | None,
) -> None:
    """Under DATABASE_URL env.py finds the SQLite file, under another name still PostgreSQL."""
    monkeypatch.setenv(variable, postgresql_url)
    project.env_py.write_text((HEAD + CONNECTS).replace("DATABASE_URL", variable))

    told = findings(af_db, project, postgresql_url)

    assert "env-py-contract" not in told
    assert told.get("not-for-sqlite", {}).get("level") == level


@pytest.mark.parametrize(
    ("asks", "kind", "wanted"),
    [
        ("import os\n\nos.environ['OF_NOBODY']\n", "KeyError", "OF_NOBODY"),
        (
            "from pydantic import BaseModel\n\n\nclass Settings(BaseModel):\n    password: str\n"
            "    secret_key: str\n\n\nSettings(password='very secret')\n",
            "ValidationError",
            "secret_key",
        ),
    ],
    ids=["environment", "pydantic"],
)
def test_a_setting_that_is_missing_is_named_and_no_other_value(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, asks: str, kind: str, wanted: str
) -> None:
    project.env_py.write_text(asks)

    outcome = af_db("current", cwd=project.root, url=sqlite_url)

    line = len(asks.splitlines())
    assert outcome.code == 2
    assert f"alembic/env.py, line {line}: {kind}: not set: {wanted}\n" in outcome.err
    assert "very secret" not in outcome.err
    assert "plain Alembic" not in outcome.err


def test_a_relative_script_location_has_a_line_too(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.config.write_text(project.config.read_text().replace("%(here)s/alembic", "alembic"))
    project.env_py.write_text("\nraise ValueError('as it is')\n")

    outcome = af_db("current", cwd=project.root, url=sqlite_url)

    assert "alembic/env.py, line 2: ValueError: as it is\n" in outcome.err
    found = findings(af_db, project, sqlite_url)["broken-env-py"]
    assert (found["file"], found["line"]) == (str(project.env_py), 2)
