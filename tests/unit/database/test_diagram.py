"""The page of the data model is drawn from the models and is kept so."""

from pathlib import Path

import pytest

from agent_factory.database import diagram
from agent_factory.database.models import Base

STALE = f"# Prose\n\n{diagram.BEGIN}\nwhat was drawn before\n{diagram.END}\n\nMore prose.\n"


def test_the_page_is_up_to_date() -> None:
    page = diagram.PAGE.read_text(encoding="utf-8")
    assert page == diagram.redraw(page), "run python -m agent_factory.database.diagram"


def test_drawing_keeps_the_prose_and_is_stable() -> None:
    drawn = diagram.redraw(STALE)
    assert drawn.startswith("# Prose\n\n")
    assert drawn.endswith(f"{diagram.END}\n\nMore prose.\n")
    assert "what was drawn before" not in drawn
    assert diagram.redraw(drawn) == drawn


def test_every_table_and_column_is_on_the_page() -> None:
    drawn = diagram.redraw(STALE)
    for table in Base.metadata.tables.values():
        section = drawn.partition(f"### {table.name}\n")[2].partition("### ")[0]
        for column in table.columns:
            assert f"| {column.name} | " in section
    assert 'users |o--o{ agents : "created_by"' in drawn
    assert 'tenants ||--o{ agents : "tenant_id"' in drawn
    assert "`uq_users_email_lower UNIQUE (lower(email))`" in drawn


def test_check_tells_and_does_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(STALE, encoding="utf-8")
    monkeypatch.setattr(diagram, "PAGE", page)
    assert diagram.main(["--check"]) == 1
    assert page.read_text(encoding="utf-8") == STALE
    assert "page.md is stale" in capsys.readouterr().err
    assert diagram.main([]) == 0
    assert diagram.main(["--check"]) == 0


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        diagram.redraw("# Prose\n")
