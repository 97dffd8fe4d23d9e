"""``history`` on terminals of several widths: no word of it is broken into a column of syllables."""

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject
from tests.unit.migrate.report.screens import without_styles

MESSAGE = "master schema: complete consolidation"


@pytest.fixture
def history(af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch) -> AlembicProject:
    project.add("004", "003", message=MESSAGE, name="004_master.py")
    monkeypatch.setenv("FORCE_COLOR", "1")
    return project


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("group", ["local", "prod"])
def test_no_line_is_too_long_and_no_word_broken(
    af_db: CommandLine,
    history: AlembicProject,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    columns: int,
) -> None:
    af_db("prod", "upgrade", "--yes", cwd=history.root, url=postgresql_url)
    monkeypatch.setenv("COLUMNS", str(columns))

    shown = without_styles(af_db(group, "history", cwd=history.root, url=postgresql_url).out)

    assert max(map(len, shown.splitlines())) <= columns
    words = shown.split()
    for word in ("consolidation", "applied,", "current,", "head"):
        assert word in words, shown
    assert shown.count("step") == 3


@pytest.mark.parametrize(("columns", "is_block"), [(60, True), (80, False), (120, False)])
def test_without_a_journal_a_table_has_room_at_80_columns(
    af_db: CommandLine,
    history: AlembicProject,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    is_block: bool,
) -> None:
    af_db("local", "upgrade", cwd=history.root, url=sqlite_url)
    monkeypatch.setenv("COLUMNS", str(columns))

    shown = without_styles(af_db("local", "history", cwd=history.root, url=sqlite_url).out)

    if is_block:
        assert shown.startswith(
            f"-> 004  {MESSAGE}\n   follows 003; applied, current, head\n   003  step 003\n"
        )
    else:
        assert shown.splitlines()[0].split() == ["revision", "follows", "message", "state"]
