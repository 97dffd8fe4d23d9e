"""The one list of hazards."""

import importlib
import uuid
from pathlib import Path

import pytest

from agent_factory.migrate.review.consents import OF_PLANS
from agent_factory.migrate.review.hazards import RULES, WORST_FIRST
from agent_factory.migrate.review.hazards.registry import read_rules

# Names that people have written into continuous integration. New ones may come, between these too.
LISTED = [
    *("blocks-reads", "blocks-writes", "rewrites-table", "scans-table", "deletes-data"),
    *("breaks-running-code", "fails-on-data", "needs-autocommit", "invalid-index-left", "irreversible"),
    *("lock-held-through-statements", "own-connection"),
]
RANKED = [
    *("deletes-data", "fails-on-data", "own-connection", "breaks-running-code", "blocks-reads"),
    "rewrites-table",
    *("blocks-writes", "lock-held-through-statements", "needs-autocommit", "invalid-index-left"),
    *("irreversible", "scans-table"),
]

RULE = """
from agent_factory.migrate.review.hazards.rule import HazardRule

{name} = HazardRule(
    code="{code}", number={number}, rank={rank}, text="what it is", high="{high}", remedy="what to do"{finder}
)
"""
FINDS = ", in_statement=lambda statement, evidence: iter(())"


def write_rule(
    folder: Path,
    module: str = "eats_disk",
    name: str = "EATS_DISK",
    code: str = "eats-disk",
    number: int = 1,
    rank: int = 1,
    high: str = "always",
    finder: str = FINDS,
) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{module}.py").write_text(
        RULE.format(name=name, code=code, number=number, rank=rank, high=high, finder=finder)
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a package of rules is made, under a name that no other test has."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / f"rules_{uuid.uuid4().hex}"


def test_the_names_and_their_order_never_change() -> None:
    assert [code for code in RULES if code in LISTED] == LISTED
    assert [code for code in WORST_FIRST if code in RANKED] == RANKED
    assert [*OF_PLANS] == [*RULES, "drift", "baseline"]


@pytest.mark.parametrize("code", RULES)
def test_every_hazard_has_a_test_of_its_own(code: str) -> None:
    tests = Path(__file__).parents[4] / "integration" / "hazards"

    assert (tests / f"test_{code.replace('-', '_')}.py").exists()


def test_a_module_is_a_rule(folder: Path) -> None:
    write_rule(folder, module="late", name="LATE", code="late", number=2, rank=1)
    write_rule(folder, number=1, rank=2)

    assert list(read_rules(importlib.import_module(folder.name))) == ["eats-disk", "late"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "EATS_DISC"}, "has to define EATS_DISK, the rule eats-disk"),
        ({"code": "eats-disc"}, "has to define EATS_DISK, the rule eats-disk"),
        ({"high": ""}, "eats-disk: high is empty, or ends in a full stop or a space"),
        ({"high": "always."}, "eats-disk: high is empty, or ends in a full stop or a space"),
        ({"finder": ""}, "eats-disk: nothing finds it"),
        ({"number": 2}, "have one number"),
        ({"rank": 2}, "have one rank"),
    ],
    ids=["misspelt name", "misspelt code", "no text", "full stop", "no finder", "number", "rank"],
)
def test_a_rule_that_is_wrong_is_an_error_at_import(
    folder: Path, wrong: dict[str, str], message: str
) -> None:
    write_rule(folder, module="late", name="LATE", code="late", number=2, rank=2)
    write_rule(folder, **wrong)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=message):
        read_rules(importlib.import_module(folder.name))
