"""own-connection: revisions that connect by themselves; the whole path is in plan/test_own_connections.py."""

from dataclasses import replace
from pathlib import Path

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.project import OwnConnection
from agent_factory.migrate.review.hazards import Severity, find_hazards
from tests.integration.hazards.stage import Stage

ANSWERED = OwnConnection(
    to="db:5432/shop", file=Path("002_note.py"), line=7, is_program=False, is_refused=False
)


def test_what_a_revision_opens_by_itself_is_a_high_hazard(stage: Stage) -> None:
    (rehearsed,) = stage.rehearse(["CREATE TABLE noted (n int)"])
    refused = replace(ANSWERED, to="psql", line=8, is_program=True, is_refused=True)
    plan = [replace(rehearsed, connections=(ANSWERED, refused))]
    sizes, counted = stage.measure(plan)

    one, other = find_hazards(plan, Direction.UPGRADE, sizes, counted)

    assert {one.code, other.code} == {"own-connection"}
    assert {one.severity, other.severity} == {Severity.HIGH}
    assert (
        "opens its own connection to db:5432/shop (002_note.py, line 7): at the rehearsal it got"
        in one.message
    )
    assert "starts psql (002_note.py, line 8): it was refused at the rehearsal" in other.message
    assert not find_hazards([rehearsed], Direction.UPGRADE, sizes, counted)
