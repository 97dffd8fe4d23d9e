"""Projects of Alembic's template multidb: one database at a time, chosen by -n."""

import shutil
from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.env_py_files import LOGGING, TEMPLATES
from tests.integration.tables import tables_made
from tests.projects import AlembicProject

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None


def upgrade(engine_name):
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name):
    globals()[f"downgrade_{engine_name}"]()


def upgrade_one():
    op.create_table("of_one", sa.Column("id", sa.Integer, primary_key=True))


def downgrade_one():
    op.drop_table("of_one")


def upgrade_two():
    op.create_table("of_two", sa.Column("id", sa.Integer, primary_key=True))


def downgrade_two():
    op.drop_table("of_two")
"""


@pytest.fixture
def two(project: AlembicProject) -> Path:
    shutil.copy(TEMPLATES / "multidb" / "env.py", project.env_py)
    shutil.copy(TEMPLATES / "multidb" / "script.py.mako", project.env_py.parent)
    for file in project.versions.glob("*.py"):
        file.unlink()
    (project.versions / "001_both.py").write_text(REVISION)
    sections = "".join(f"\n[{name}]\nsqlalchemy.url = sqlite:///{name}.db\n" for name in ("one", "two"))
    project.config.write_text(f"{project.config.read_text()}databases = one, two\n{sections}{LOGGING}")
    return project.root


def test_each_is_named_planned_and_run_by_itself(af_db: CommandLine, two: Path, database_url: str) -> None:
    for words in (("plan",), ("upgrade",), ("check",), ("downgrade", "-1", "--yes"), ("upgrade",)):
        outcome = af_db("local", *words, "-n", "two", cwd=two, url=database_url)
        assert outcome.code == 0, outcome.err

    assert tables_made(database_url) == {"of_two"}
    assert not list(two.glob("*.db"))
    assert af_db("local", "upgrade", "-n", "one", cwd=two).code == 0
    assert tables_made(f"sqlite:///{two / 'one.db'}") == {"of_one"}  # its own URL, where none is given
    assert not (two / "two.db").exists()


def test_it_is_rehearsed(af_db: CommandLine, two: Path, postgresql_url: str) -> None:
    ran = af_db("prod", "upgrade", "--yes", "-n", "one", cwd=two, url=postgresql_url)

    assert ran.code == 0, ran.err
    assert tables_made(postgresql_url) == {"of_one"}


def test_without_a_choice_all_are_named(af_db: CommandLine, two: Path, database_url: str) -> None:
    for words in (("current",), ("local", "plan"), ("local", "upgrade"), ("local", "history")):
        refused = af_db(*words, "--json", cwd=two, url=database_url)

        assert (refused.code, refused.error["code"]) == (2, "several-databases")
        assert ["-n one" in refused.error["next_steps"][0], "-n two" in refused.error["next_steps"][1]] == [
            True
        ] * 2
    assert tables_made(database_url) == set()


def test_a_new_revision_is_for_all(af_db: CommandLine, two: Path, sqlite_url: str) -> None:
    refused = af_db("local", "create", "more", cwd=two, url=sqlite_url)
    created = af_db("local", "create", "--empty", "more", cwd=two, url=sqlite_url)

    assert refused.code == 2
    assert "create --empty" in refused.err
    assert created.code == 0, created.err
    (file,) = (two / "alembic" / "versions").glob("*more*")
    assert "def upgrade_one()" in file.read_text()
    assert "def upgrade_two()" in file.read_text()
