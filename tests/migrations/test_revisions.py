"""The revision files themselves."""

import ast
import re
from pathlib import Path

import pytest

from tests.migrations.runs import ROOT, scripts

FILES = sorted((ROOT / "alembic" / "versions").glob("*.py"))


def test_there_is_one_head_and_it_is_002() -> None:
    assert scripts().get_heads() == ["002"]


def test_there_is_one_line_from_base_to_head() -> None:
    line = [(script.revision, script.down_revision) for script in scripts().walk_revisions()]
    assert line == [("002", "001"), ("001", None)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_named_for_its_revision(file: Path) -> None:
    match = re.fullmatch(r"(\d{3})_[a-z0-9]+(_[a-z0-9]+)*", file.stem)
    assert match is not None
    assert scripts().get_revision(match[1]).path == str(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_revision_does_not_depend_on_the_models(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{name.name}" for name in node.names}
    ours = {name for name in imported if name.startswith("agent_factory")}
    assert ours == {"agent_factory.database.reconcile"}
