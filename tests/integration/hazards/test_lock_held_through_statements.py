"""lock-held-through-statements: a lock that is held while something else takes long."""

from dataclasses import replace

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import Severity, find_hazards
from tests.integration.hazards.stage import LARGE, Autocommit, Stage, grown


def test_a_lock_is_held_while_something_else_takes_long(stage: Stage) -> None:
    found = stage.hazards(
        [
            "ALTER TABLE users ADD COLUMN folded text",
            "CREATE INDEX orders_total ON orders (total)",
            "UPDATE users SET folded = lower(email) WHERE folded IS NULL",
        ]
    )
    hazard, other = [item for item in found if item.code == "lock-held-through-statements"]
    assert (hazard.severity, hazard.statement) == (Severity.HIGH, 1)
    assert "ACCESS EXCLUSIVE on public.users (20,000,000 rows" in hazard.message
    assert "held through statements 2 and 3: reads and writes wait for about" in hazard.message
    assert "statements 2 and 3 into another revision than statement 1" in hazard.remedy
    assert (other.severity, other.statement) == (Severity.HIGH, 2)
    assert "SHARE on public.orders" in other.message
    assert "held through statement 3: writes wait" in other.message


def test_revisions_of_their_own_hold_no_lock_for_each_other(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN folded text"],
        [Autocommit(sql="CREATE INDEX CONCURRENTLY orders_total ON orders (total)")],
    )
    assert not found


def test_many_short_statements_are_no_hazard(stage: Stage) -> None:
    assert not stage.hazards([f"ALTER TABLE users ADD COLUMN extra_{number} text" for number in range(50)])


def test_a_lock_that_is_held_on_an_empty_table_is_seen_and_no_hazard(stage: Stage) -> None:
    """Nobody waits long for a table without rows; with one row somebody uses it."""
    rehearsed = stage.rehearse(
        ["ALTER TABLE vacant ADD COLUMN folded text", "CREATE INDEX orders_total ON orders (total)"]
    )
    ((_first, second),) = [item.statements for item in rehearsed]
    assert [(held.table, held.lock.sql) for held in second.held] == [("public.vacant", "ACCESS EXCLUSIVE")]

    sizes, counted = stage.measure(rehearsed)
    large = grown(sizes, LARGE)
    used = large | {"public.vacant": replace(large["public.vacant"], rows=1)}
    held_on = {
        rows: [
            hazard.table
            for hazard in find_hazards(rehearsed, Direction.UPGRADE, sizes_then, counted)
            if hazard.code == "lock-held-through-statements"
        ]
        for rows, sizes_then in ((0, large), (1, used))
    }
    assert held_on == {0: [], 1: ["public.vacant"]}
