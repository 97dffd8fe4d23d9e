"""What a reader sees of one plan that has everything, in every form; the files are reviewed like code."""

import pytest

from agent_factory.migrate.report.html import render_html
from agent_factory.migrate.report.json import render_plan
from agent_factory.migrate.report.markdown import render_markdown
from agent_factory.migrate.report.sql import render_sql
from tests.golden_files import GoldenFiles
from tests.unit.migrate.report import samples
from tests.unit.migrate.report.screens import shown_plain, shown_plan, shown_question


@pytest.fixture(autouse=True)
def _no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("columns", [80, 120])
def test_text_on_a_terminal(columns: int, golden: GoldenFiles) -> None:
    golden(f"plan/text_{columns}.txt", shown_plan(samples.rich(), columns))


def test_all_of_the_text_on_a_terminal(golden: GoldenFiles) -> None:
    golden("plan/text_full_80.txt", shown_plan(samples.rich(), 80, full=True))


def test_text_off_a_terminal(golden: GoldenFiles) -> None:
    golden("plan/text_plain.txt", shown_plain(samples.rich()))


def test_text_before_the_question(golden: GoldenFiles) -> None:
    golden("plan/question_80.txt", shown_question(samples.rich(), 80, ["this database is shared"]))


def test_text_before_the_question_of_a_long_chain(golden: GoldenFiles) -> None:
    golden("plan/question_300.txt", shown_question(samples.long(), 100))


def test_markdown(golden: GoldenFiles) -> None:
    golden("plan/plan.md", render_markdown(samples.rich()))


def test_html(golden: GoldenFiles) -> None:
    golden("plan/plan.html", render_html(samples.rich()))


def test_sql(golden: GoldenFiles) -> None:
    golden("plan/plan.sql", render_sql(samples.rich()))


def test_json(golden: GoldenFiles) -> None:
    golden("plan/plan.json", f"{render_plan('prod plan', samples.rich())}\n")
