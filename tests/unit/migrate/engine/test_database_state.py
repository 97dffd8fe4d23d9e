"""How revisions ended, and which lost sessions may be ended, from what the database says."""

import pytest

from agent_factory.migrate.engine.database_state import DatabaseState, find_outcome, may_be_ended
from agent_factory.migrate.model.errors import Outcome
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.session import Session

UP, DOWN = Direction.UPGRADE, Direction.DOWNGRADE


def session(pid: int, state: str | None) -> Session:
    return Session(
        pid=pid,
        user="owner",
        host="local socket",
        application="af-db/1/2",
        state=state,
        since=None,
        transaction_age_s=None,
        query=None,
    )


@pytest.mark.parametrize("state", ["idle", "idle in transaction", "idle in transaction (aborted)"])
def test_an_orphan_that_waits_for_its_client_may_be_ended(state: str) -> None:
    orphan = session(1, state)
    assert may_be_ended([orphan]) == (orphan,)


@pytest.mark.parametrize("state", ["active", "fastpath function call", "starting", "disabled", None])
def test_one_that_may_be_in_the_middle_of_its_commit_may_not(state: str | None) -> None:
    assert may_be_ended([session(1, state)]) == ()


def test_each_session_by_itself() -> None:
    sessions = [session(1, "active"), session(2, "idle in transaction")]
    assert [one.pid for one in may_be_ended(sessions)] == [2]


@pytest.mark.parametrize(
    ("applied", "direction", "partly", "outcome"),
    [
        pytest.param(None, UP, None, Outcome.UNKNOWN, id="not known"),
        pytest.param(None, UP, "002", Outcome.UNKNOWN, id="not known, whatever was committed"),
        pytest.param({"001", "002"}, UP, None, Outcome.APPLIED, id="up and there"),
        pytest.param({"001", "002"}, UP, "002", Outcome.APPLIED, id="there, after a commit inside it"),
        pytest.param({"001"}, UP, None, Outcome.NOT_APPLIED, id="up and not there"),
        pytest.param({"001"}, UP, "002", Outcome.PARTLY_COMMITTED, id="a part of it"),
        pytest.param({"001"}, UP, "003", Outcome.NOT_APPLIED, id="a part of another"),
        pytest.param({"001"}, DOWN, None, Outcome.APPLIED, id="down and gone"),
        pytest.param({"001", "002"}, DOWN, None, Outcome.NOT_APPLIED, id="down and there"),
        pytest.param({"001", "002"}, DOWN, "002", Outcome.PARTLY_COMMITTED, id="down, a part of it"),
    ],
)
def test_how_a_revision_ended(
    applied: set[str] | None, direction: Direction, partly: str | None, outcome: Outcome
) -> None:
    known = frozenset(applied) if applied is not None else None
    unfinished = {partly: Outcome.PARTLY_COMMITTED} if partly else {}
    assert find_outcome("002", known, direction, unfinished) is outcome


def test_what_the_server_cannot_tell_is_unknown() -> None:
    unfinished = {"002": Outcome.UNKNOWN}
    assert find_outcome("002", frozenset({"001"}), UP, unfinished) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DatabaseState(current=("001", "002")), "at 001, 002"),
        (DatabaseState(current=()), "at base"),
        (DatabaseState(current=None, why_unknown="it does not answer"), "not known: it does not answer"),
    ],
)
def test_the_words_for_it(state: DatabaseState, words: str) -> None:
    assert state.at == words
