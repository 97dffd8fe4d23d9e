"""What holds for every hazard of locks: high on large tables, none on others, a rewrite that works."""

import re
from collections.abc import Sequence

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import RULES, Hazard, Severity, find_hazards
from tests.integration.hazards.stage import LARGE, Stage, grown, of_code, rewrite_in, run_traced

LOCKS = tuple(
    RULES[code]
    for code in (
        "blocks-reads",
        "blocks-writes",
        "rewrites-table",
        "scans-table",
        "lock-held-through-statements",
    )
)


def of_locks(hazards: Sequence[Hazard]) -> list[Hazard]:
    """Return those of these hazards that are about locks."""
    codes = {rule.code for rule in LOCKS}
    return [hazard for hazard in hazards if hazard.code in codes]


def assert_high_on_large_tables(
    stage: Stage, code: str, statement: str, message: Sequence[str], remedy: Sequence[str]
) -> None:
    """The statement is this hazard on tables of 40,000,000 rows, with these words; of 1,000 it is none."""
    rehearsed = stage.rehearse([statement])
    sizes, counted = stage.measure(rehearsed)
    found = find_hazards(rehearsed, Direction.UPGRADE, grown(sizes, 2 * LARGE), counted)
    (hazard,) = of_code(found, code)
    assert hazard.severity is Severity.HIGH
    assert (hazard.revision, hazard.statement) == ("1", 1)
    for words in ("statement 1 ", *message):
        assert words in hazard.message
    for words in remedy:
        assert words in hazard.remedy
    assert not of_locks(find_hazards(rehearsed, Direction.UPGRADE, sizes, counted))


def assert_none_on_empty_tables(stage: Stage, statements: Sequence[str]) -> None:
    """On the tables that have no rows, the statements are no hazard; a view has no such table."""
    empty = [on_empty(statement) for statement in statements if not statement.startswith("REFRESH")]
    assert not set(empty) & set(statements)
    assert not of_locks(stage.hazards(*([statement] for statement in empty)))


def assert_none_on_new_tables(stage: Stage, statements: Sequence[str]) -> None:
    """On a table that the plan makes itself, the statements are no hazard."""
    on_new = [re.sub(r"\b(TABLE|ON) users\b", r"\1 new_users", statement) for statement in statements]
    new = [statement for statement in on_new if "new_users" in statement]
    assert new
    found = stage.hazards(
        ["CREATE TABLE new_users AS SELECT * FROM users"], *([statement] for statement in new)
    )
    assert not of_locks(found)


def assert_rewrite_works(stage: Stage, own_stage: Stage, statement: str) -> None:
    """The code of the remedy is run as it stands: rehearsed, and then on tables that have rows."""
    hazard = max(of_locks(stage.hazards([statement])), key=lambda hazard: len(hazard.remedy))
    rewrite = rewrite_in(hazard.remedy)
    assert rewrite
    assert not own_stage.hazards(*rewrite)
    run_traced(own_stage.production_url, *rewrite)


def on_empty(statement: str) -> str:
    """Return the same statement on the tables that have no rows."""
    return re.sub(
        r"\b(TABLE|ON|UPDATE) (users|orders|ledger)\b",
        lambda match: f"{match[1]} {'vacant' if match[2] == 'users' else f'vacant_{match[2]}'}",
        statement,
    )
