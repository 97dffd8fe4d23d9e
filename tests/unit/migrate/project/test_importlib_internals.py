"""The names of Python's import system that af-db replaces: each test fails by its name when one changes."""

import importlib
import importlib.util
import os
import py_compile
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from alembic import util

from agent_factory.migrate.project import importlib_internals as internals
from agent_factory.migrate.project.loader import ProjectCode, execute_from_bytes
from agent_factory.migrate.project.own_folders import OwnFolders

NAME = "module_of_importlib_internals"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A module whose source says "text" and whose valid bytecode says "code"; nothing of it is imported."""
    path = tmp_path / f"{NAME}.py"
    for said in ("code", "text"):
        path.write_text(f"SAID = {said!r}\n")
        os.utime(path, (1, 1))
        if said == "code":
            py_compile.compile(str(path), doraise=True)
    yield path
    sys.modules.pop(NAME, None)
    internals.load_by(ProjectCode(OwnFolders(tmp_path / "nowhere", ()), is_sourceless=False))


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_python_alone_takes_the_bytecode(file: Path) -> None:
    assert load(file).SAID == "code", "the other tests here show nothing"


def test_get_code_of_source_file_loader_is_what_executes_a_module(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute_from_bytes(OwnFolders(file.parent, ()), is_sourceless=False)
    monkeypatch.syspath_prepend(str(file.parent))

    assert load(file).SAID == "text", "SourceFileLoader.get_code is not called for a file loaded by its path"
    assert importlib.import_module(NAME).SAID == "text", "SourceFileLoader.get_code is not called by import"


def test_get_data_of_source_file_loader_is_what_get_source_reads(file: Path) -> None:
    execute_from_bytes(OwnFolders(file.parent, ()), is_sourceless=False)
    load(file)
    file.write_text("SAID = 'more'\n")

    source = SourceFileLoader(NAME, str(file)).get_source(NAME)

    assert source == "SAID = 'text'\n", "SourceFileLoader.get_source does not call get_data"


def test_get_data_of_sourceless_file_loader_is_what_it_executes(file: Path) -> None:
    compiled = Path(py_compile.compile(str(file), cfile=str(file.with_name("only.pyc"))) or "")
    execute_from_bytes(OwnFolders(file.parent, ()), is_sourceless=False)
    assert load(compiled).SAID == "text"
    compiled.write_bytes(b"no bytecode")

    code = SourcelessFileLoader(NAME, str(compiled)).get_code(NAME)

    assert code is not None, "SourcelessFileLoader.get_code does not call get_data"


def test_load_python_file_of_alembic_goes_through_these_loaders(file: Path) -> None:
    execute_from_bytes(OwnFolders(file.parent, ()), is_sourceless=False)

    module = util.load_python_file(str(file.parent), file.name)

    assert module.SAID == "text", "alembic.util.load_python_file executes a file past Python's own loaders"
    assert module.__name__ == f"{NAME}_py"


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("models.py", True),
        ("app/deep/models.py", True),
        ("app/only.pyc", True),
        ("data.sql", False),
        ("compiled.so", False),
        (".venv/lib/python3.11/site-packages/sqlalchemy/engine.py", False),
        ("usr/lib/python3/dist-packages/psycopg2/__init__.py", False),
        ("../beside.py", False),
        (".venv/lib/python3.11/site-packages/app/migrations/env.py", True),
        (".venv/lib/python3.11/site-packages/app/migrations/versions/001.py", True),
        (".venv/lib/python3.11/site-packages/app/models.py", False),
    ],
)
def test_what_is_a_projects_own(path: str, is_own: bool, tmp_path: Path) -> None:
    root = tmp_path / "project"
    folder = root / ".venv/lib/python3.11/site-packages/app/migrations"

    code = ProjectCode(OwnFolders(root, (str(folder),)), is_sourceless=False)

    assert code.owns(os.path.normpath(root / path)) is is_own


def test_pythons_library_and_af_db_are_never_a_projects_own() -> None:
    code = ProjectCode(OwnFolders(Path("/"), ()), is_sourceless=False)

    assert not code.owns(os.__file__)
    assert not code.owns(str(internals.__file__))


def test_a_project_behind_a_link_is_recognised_by_both_paths(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    for root in ("real", "link"):
        code = ProjectCode(OwnFolders(tmp_path / root, ()), is_sourceless=False)
        assert [code.owns(str(tmp_path / name / "models.py")) for name in ("real", "link")] == [True, True]
