"""An env.py that is installed with a package: its settings stand where the command is typed."""

import os
from pathlib import Path

import pytest

from agent_factory.migrate.revisions.config_file import settings_folder
from tests.commands import CommandLine
from tests.projects import AlembicProject, make_project

WRITES = """
import os

assert context.config.attributes["given"] == "by the settings"
"""


@pytest.fixture
def packaged(tmp_path: Path) -> AlembicProject:
    """Its revisions are named and numbered by no rule, and its env.py needs what only settings give."""
    project = make_project(tmp_path / "venv" / "lib" / "site-packages" / "package", tables=2)
    project.add("003", "002", name="2024_third.py")
    project.add("f00ba2", "003", name="odd_one.py")
    code = project.env_py.read_text()
    project.env_py.write_text(code.replace("connection =", f"{WRITES}\nconnection =", 1))
    return project


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the user of the package works, in a folder below that of their settings."""
    folder = tmp_path / "mine" / "below"
    folder.mkdir(parents=True)
    (folder.parent / "pyproject.toml").write_text(
        '[tool.af-db]\nattributes = "settings_of_mine:attributes"\nbaseline = "first.sql"\n'
    )
    (folder.parent / "first.sql").write_text("CREATE TABLE first (id int PRIMARY KEY);")
    return folder


def test_settings_stand_where_the_command_is_typed(
    af_db: CommandLine,
    packaged: AlembicProject,
    place: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (place.parent / "settings_of_mine.py").write_text(
        'def attributes():\n    return {"given": "by the settings"}\n'
    )
    monkeypatch.syspath_prepend(str(place.parent))
    config = ("-c", os.path.relpath(packaged.config, place))

    upgraded = af_db("local", "upgrade", "-c", config[1], "--json", cwd=place, url=database_url)
    current = af_db("current", "-c", config[1], cwd=place, url=database_url)
    without = af_db("local", "current", "-c", str(packaged.config), cwd=packaged.root, url=database_url)

    assert upgraded.code == 0, upgraded.out
    assert "first.sql" in upgraded.out + upgraded.err, "the baseline is seen from there too"
    assert current.out == "f00ba2 (head)\n"
    assert without.code == 2, "the package itself has none"


def test_nobody_is_told_to_rename_what_was_installed(
    af_db: CommandLine, packaged: AlembicProject, place: Path
) -> None:
    (place.parent / "pyproject.toml").write_text("[tool.af-db]\n")
    packaged.env_py.write_text(packaged.env_py.read_text().replace(WRITES, ""))

    found = af_db("check", "-c", str(packaged.config), "--json", cwd=place).document["findings"]

    assert not {item["code"] for item in found} & {"file-name", "odd-revision-id", "revision-order"}
    assert "git mv" not in str(found)


def test_the_projects_own_file_counts_where_it_has_one(tmp_path: Path) -> None:
    mine, package = tmp_path / "mine", tmp_path / "site-packages" / "package"
    for folder in (mine, package):
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text("[tool.af-db]\n")

    assert settings_folder(package, mine) == package
    (package / "pyproject.toml").unlink()
    assert settings_folder(package, mine) == mine
    (mine / "pyproject.toml").write_text("[tool.other]\n")
    assert settings_folder(package, mine) == package


def test_settings_of_one_project_are_for_no_other(tmp_path: Path) -> None:
    mine, other, inside = tmp_path / "mine", tmp_path / "other", tmp_path / "mine" / "config"
    for folder in (inside, other):
        folder.mkdir(parents=True)
    (mine / "pyproject.toml").write_text("[tool.af-db]\n")

    assert settings_folder(inside, inside) == mine
    assert settings_folder(other, mine) == other
