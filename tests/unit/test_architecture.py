"""The house has floors, and the page that draws it is up to date."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.images import draw_rooms as rooms

ROOT = Path(__file__).parents[2]


def lint_imports(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(place / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the source, to build in."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_module_without_a_room_fails_the_lint(house: Path) -> None:
    (house / "src/agent_factory/migrate/stray.py").write_text('"""In no room."""\n')

    finished = lint_imports(house)

    assert finished.returncode == 1
    assert "agent_factory.migrate.stray" in finished.stdout


def test_an_import_upwards_fails_the_lint(house: Path) -> None:
    (house / "src/agent_factory/migrate/model/upwards.py").write_text(
        '"""Looks up."""\n\nfrom agent_factory.migrate import engine\n\n__all__ = ["engine"]\n'
    )

    finished = lint_imports(house)

    assert finished.returncode == 1
    assert "agent_factory.migrate.model.upwards -> agent_factory.migrate.engine" in finished.stdout


def test_the_drawing_of_the_rooms_is_up_to_date() -> None:
    page = rooms.PAGE.read_text(encoding="utf-8")

    assert page == rooms.redraw(page), "run python -m docs.images.draw_rooms"


def test_every_room_is_on_the_page() -> None:
    page = rooms.PAGE.read_text(encoding="utf-8")
    missing = [room for floor in rooms.read_floors() for room in floor if f"\n{room}" not in page]

    assert missing == []


DOCUMENTED = {"os._exit"}


def private_names(tree: ast.AST) -> Iterator[str]:
    """Names with a leading underscore that are read or set on another object than self, or imported."""
    for node in ast.walk(tree):
        names: tuple[str, ...] = ()
        if isinstance(node, ast.Attribute):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            names = () if is_own or ast.unparse(node) in DOCUMENTED else (node.attr,)
        elif isinstance(node, ast.ImportFrom):
            names = (*(node.module or "").split("."), *(alias.name for alias in node.names))
        yield from (name for name in names if name.startswith("_") and not name.startswith("__"))


def test_only_the_modules_for_it_use_private_names_of_a_library() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / "src").rglob("*.py")
        if not path.stem.endswith("_internals")
        and (names := sorted(set(private_names(ast.parse(path.read_text(encoding="utf-8"))))))
    }

    assert found == {}, "they belong into the library's *_internals.py, each with a test"
