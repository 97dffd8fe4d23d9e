"""Projects of Alembic's template multidb: one database at a time, chosen by -n."""

from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.integration.tables import tables_made
from tests.projects.kinds import OF_SEVERAL_DATABASES


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A project with databases of its own, engine1 and engine2; of these 001 makes another table in each."""
    *_older, newest = OF_SEVERAL_DATABASES.values()
    root = newest.copy(tmp_path / "two")
    config = root / "alembic.ini"
    for name, placeholder in (("2", "dbname2"), ("1", "dbname")):
        text = config.read_text()
        config.write_text(
            text.replace(f"driver://user:pass@localhost/{placeholder}", f"sqlite:///own{name}.db")
        )
    return root


def test_only_the_one_that_is_named_is_made(af_db: CommandLine, two: Path, database_url: str) -> None:
    assert af_db("local", "upgrade", "-n", "engine2", cwd=two, url=database_url).code == 0

    assert tables_made(database_url) == {"client", "purchase"}
    assert not list(two.glob("*.db"))
    assert af_db("local", "upgrade", "-n", "engine1", cwd=two).code == 0
    assert tables_made(f"sqlite:///{two / 'own1.db'}") == {"customer", "purchase"}  # by its own URL
    assert not (two / "own2.db").exists()


def test_without_a_choice_all_are_named(af_db: CommandLine, two: Path, database_url: str) -> None:
    for words in (("current",), ("local", "plan"), ("local", "upgrade"), ("local", "history")):
        refused = af_db(*words, "--json", cwd=two, url=database_url)

        assert (refused.code, refused.error["code"]) == (2, "several-databases")
        assert [
            "-n engine1" in refused.error["next_steps"][0],
            "-n engine2" in refused.error["next_steps"][1],
        ] == [True] * 2
    assert tables_made(database_url) == set()


def test_a_new_revision_is_for_all(af_db: CommandLine, two: Path, sqlite_url: str) -> None:
    refused = af_db("local", "create", "more", cwd=two, url=sqlite_url)
    created = af_db("local", "create", "--empty", "more", cwd=two, url=sqlite_url)

    assert refused.code == 2
    assert "create --empty" in refused.err
    assert created.code == 0, created.err
    (file,) = (two / "alembic" / "versions").glob("*more*")
    assert "def upgrade_engine1()" in file.read_text()
    assert "def upgrade_engine2()" in file.read_text()
