"""What env.py has around it: the context of a Flask application, and attributes that a program sets."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.commands import CommandLine, run_process
from tests.integration.tables import tables_made
from tests.projects import AlembicProject

FLASK_TEMPLATES = Path(str((find_spec("flask_migrate") or pytest.fail("no Flask-Migrate")).origin)).with_name(
    "templates"
)

APP = """
import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"].replace(
        "postgresql:", "postgresql+psycopg2:"
    )
    db.init_app(app)
    Migrate(app, db)
    return app
"""


@pytest.fixture
def flask_project(project: AlembicProject) -> Path:
    """A project of Flask-Migrate's layout, as ``flask db init`` makes it, with three revisions."""
    migrations = project.root / "migrations"
    shutil.copytree(FLASK_TEMPLATES / "flask", migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "alembic.ini.mako").rename(migrations / "alembic.ini")
    shutil.copytree(project.versions, migrations / "versions", ignore=shutil.ignore_patterns("__pycache__"))
    project.config.unlink()
    shutil.rmtree(project.root / "alembic")
    return project.root


def runs(root: Path, url: str, *, environment: dict[str, str] | None = None) -> None:
    for words in (
        ("local", "plan"),
        ("local", "upgrade"),
        ("current", "--check-heads"),
        ("local", "downgrade", "-1", "--yes"),
        ("local", "upgrade"),
        ("local", "check"),
    ):
        outcome = run_process(*words, cwd=root, url=url, environment=environment)
        assert outcome.code == 0, outcome.err
    assert tables_made(url) == {"t001", "t002", "t003"}


@pytest.mark.parametrize("by", ["app.py", "FLASK_APP", ".flaskenv", "flask-app"])
def test_the_application_by_its_name(flask_project: Path, sqlite_url: str, by: str) -> None:
    (flask_project / ("app.py" if by == "app.py" else "shop.py")).write_text(APP)
    environment = None
    if by == "FLASK_APP":
        environment = {"FLASK_APP": "shop:create_app"}
    elif by == ".flaskenv":
        (flask_project / ".flaskenv").write_text("FLASK_APP=shop\n")
    elif by == "flask-app":
        (flask_project / "pyproject.toml").write_text('[tool.af-db]\nflask-app = "shop:create_app()"\n')

    runs(flask_project, sqlite_url, environment=environment)


def test_no_application_is_said_with_the_setting(flask_project: Path, sqlite_url: str) -> None:
    refused = run_process("local", "plan", cwd=flask_project, url=sqlite_url)

    assert refused.code == 2
    assert "flask-app in [tool.af-db]" in refused.err
    assert "bug" not in refused.err


def test_an_application_that_migrates_when_it_is_made_is_refused_by_name(
    flask_project: Path, database_url: str
) -> None:
    itself = (
        "    Migrate(app, db)\n    from flask_migrate import upgrade\n"
        "    with app.app_context():\n        upgrade()\n"
    )
    (flask_project / "app.py").write_text(APP.replace("    Migrate(app, db)\n", itself))

    for words in (("current",), ("local", "plan"), ("local", "upgrade")):
        refused = run_process(*words, cwd=flask_project, url=database_url)

        assert refused.code == 2, refused.err
        assert "runs migrations itself" in refused.err
    assert not tables_made(database_url)


def test_the_database_of_the_application_is_the_one_of_the_command(
    flask_project: Path, sqlite_url: str, tmp_path: Path
) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    (flask_project / "app.py").write_text(APP.replace('os.environ["DATABASE_URL"]', repr(other)))

    refused = run_process("local", "upgrade", cwd=flask_project, url=sqlite_url)

    assert refused.code == 2, refused.err
    assert not (tmp_path / "other.db").exists()


ATTRIBUTES = """
import contextlib


def a_dict():
    return {"tenant": "a", "connection": "not this one"}


@contextlib.contextmanager
def a_context():
    print("entered")
    yield {"tenant": "a"}
    print("left")


def nothing_of_use():
    return ["tenant"]


def broken():
    raise RuntimeError("no configuration")
"""


def with_attributes(project: AlembicProject, function: str) -> None:
    (project.root / "ours.py").write_text(ATTRIBUTES)
    (project.root / "pyproject.toml").write_text(f'[tool.af-db]\nattributes = "ours:{function}"\n')
    text = project.env_py.read_text()
    project.env_py.write_text(f'{text}\nassert context.config.attributes["tenant"] == "a"\n')


@pytest.mark.parametrize("function", ["a_dict", "a_context"])
def test_env_py_finds_the_attributes_in_every_command(
    af_db: CommandLine, project: AlembicProject, database_url: str, function: str
) -> None:
    with_attributes(project, function)

    runs(project.root, database_url)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("nothing_of_use", "returns list"),
        ("broken", "no configuration"),
        ("not_there", "has no function not_there"),
    ],
)
def test_attributes_that_cannot_be_had_are_named(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, function: str, why: str
) -> None:
    with_attributes(project, function)

    for words in (("current",), ("local", "plan"), ("local", "upgrade")):
        refused = af_db(*words, cwd=project.root, url=sqlite_url)

        assert refused.code == 2
        assert "attributes in [tool.af-db]" in refused.err
        assert why in refused.err
    assert not os.path.exists(sqlite_url.removeprefix("sqlite:///"))  # noqa: PTH110


@pytest.mark.parametrize("databases", ['["postgresql", "sqlite"]', '["postgresql"]', '["sqlite"]'])
def test_the_project_is_checked_on_each_kind_of_database_that_it_is_for(
    flask_project: Path, database_url: str, databases: str
) -> None:
    (flask_project / "app.py").write_text(APP)
    (flask_project / "pyproject.toml").write_text(f"[tool.af-db]\ndatabases = {databases}\n")

    checked = run_process("check", cwd=flask_project, url=database_url)

    assert checked.code == 0, checked.out + checked.err
    assert "every revision up, down and up again" in checked.out
