"""What the documentation says is so."""

import re
from pathlib import Path

import pytest
import typer.main

from agent_factory.migrate.catalog.kind import Field
from agent_factory.migrate.catalog.postgresql.registry import KINDS
from agent_factory.migrate.cli.main import app
from agent_factory.migrate.model import findings
from agent_factory.migrate.model.errors import MEANINGS
from agent_factory.migrate.review.hazards import RULES
from tests.projects import kinds

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name} links to {target}"


def test_the_readme_has_the_table_of_exit_codes() -> None:
    rows = dict(re.findall(r"^\| (\d) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))

    assert rows == {str(code.value): meaning for code, meaning in MEANINGS.items()}


def test_the_page_on_plans_has_the_table_of_hazards() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", (ROOT / "docs/plans.md").read_text(), re.MULTILINE
    )

    assert rows == [(str(code), rule.text, rule.high) for code, rule in RULES.items()]


def test_the_page_on_checks_has_the_table_of_findings() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\w+) \| (.+) \| (.+) \|$", (ROOT / "docs/checks.md").read_text(), re.MULTILINE
    )

    expected = [(rule.code, str(rule.level), rule.text, rule.help) for rule in findings.RULES.values()]
    assert rows == expected


def test_the_page_on_checks_has_all_that_is_compared() -> None:
    kinds: dict[tuple[Field, ...], list[str]] = {}
    for kind in KINDS.values():
        kinds.setdefault(kind.fields, []).append(kind.name)
    expected = [
        f"| {', '.join(names)} | {field.name} | {'yes' if field.is_setting else ''} | {field.same} |"
        for fields, names in kinds.items()
        for field in fields
    ]
    page = (ROOT / "docs/checks.md").read_text()

    assert page.partition("## What is compared")[2].partition("|---|---|---|---|\n")[2].splitlines()[
        : len(expected) + 1
    ] == [*expected, ""]


def test_the_readme_has_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    described = set(re.findall(r"^\| `af-db ([a-z ]+?)(?: [-\[A-Z][^`]*)?` \|", readme, re.MULTILINE))
    groups = typer.main.get_command(app)
    commands = set()
    for name, command in groups.commands.items():  # type: ignore[attr-defined]
        commands |= {f"{name} {sub}" for sub in getattr(command, "commands", {})} or {name}

    assert described == commands


def test_the_runbook_has_every_error_code() -> None:
    runbook = (ROOT / "docs/migrations-workflow.md").read_text()
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    raised = re.findall(
        r'(?:Usage|Refused|CannotConnect|AlreadyRunning|PartiallyApplied)Error\(\s*"([a-z-]+)"', source
    )
    codes = {*raised, *re.findall(r'\bcode\s*=\s*"([a-z-]+)",\s*what', source)}

    assert len(codes) > 50
    assert sorted(code for code in codes if f"`{code}`" not in runbook) == []


def test_error_codes_in_the_runbook_exist() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| ([^|]+) \| \d \|", (ROOT / "docs/migrations-workflow.md").read_text(), re.MULTILINE
    )
    named = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))

    assert len(named) > 15
    assert {code for code in named if f'"{code}"' not in source} == set()


def test_the_page_on_other_projects_has_every_kind_that_is_tried() -> None:
    rows = re.findall(
        r"^\| (.+) \| (yes|no|refused) \| (yes|no|) \|$",
        (ROOT / "docs/compatibility.md").read_text(),
        re.MULTILINE,
    )

    expected = [
        (name, *("yes" if database in kind.drivers else "no" for database in ("postgresql", "sqlite")))
        for name, kind in {**kinds.KINDS, **kinds.OF_SEVERAL_DATABASES}.items()
    ]
    assert rows == [*expected, *((name, "refused", "") for name in kinds.REFUSED)]
