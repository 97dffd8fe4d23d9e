"""The state of a revision that runs: which may follow which, and what is then known to be committed."""

from collections.abc import Callable

import pytest

from agent_factory.migrate.engine.running_revision import RevisionState as State
from agent_factory.migrate.engine.running_revision import RunningRevision, TransactionEndedError
from tests.unit.migrate.engine.revisions import running


def reach(state: State) -> RunningRevision:
    """A revision in this state, come to it on its shortest path."""
    revision = running()
    if state is State.INSIDE:
        revision.note_statement("CREATE TABLE t ()")
    elif state is State.COMMITTED:
        revision.commits()
    elif state is State.ROLLED_BACK:
        revision.rolls_back()
    elif state in (State.RECORDING, State.RECORDED):
        revision.records()
        if state is State.RECORDED:
            revision.is_now_recorded()
    assert revision.state is state
    return revision


STEPS: dict[str, Callable[[RunningRevision], None]] = {
    "runs a statement": lambda revision: revision.note_statement("SELECT 1"),
    "commits": RunningRevision.commits,
    "rolls back": RunningRevision.rolls_back,
    "begins a block": lambda revision: revision.begins(may_follow=True),
    "sends its version row": RunningRevision.records,
    "is recorded": RunningRevision.is_now_recorded,
}

# For each state, what may happen in it and the state that this leads to; nothing else may.
PATHS = {
    State.OUTSIDE: {
        "runs a statement": State.INSIDE,
        "commits": State.COMMITTED,
        "rolls back": State.ROLLED_BACK,
        "begins a block": State.OUTSIDE,
        "sends its version row": State.RECORDING,
    },
    State.INSIDE: {
        "runs a statement": State.INSIDE,
        "commits": State.COMMITTED,
        "rolls back": State.ROLLED_BACK,
        "begins a block": State.INSIDE,
        "sends its version row": State.RECORDING,
    },
    State.COMMITTED: {
        "runs a statement": State.COMMITTED,
        "rolls back": State.ROLLED_BACK,
        "begins a block": State.OUTSIDE,
    },
    State.ROLLED_BACK: {
        "runs a statement": State.ROLLED_BACK,
        "rolls back": State.ROLLED_BACK,
        "begins a block": State.OUTSIDE,
    },
    State.RECORDING: {
        "runs a statement": State.RECORDING,
        "commits": State.COMMITTED,
        "rolls back": State.ROLLED_BACK,
        "begins a block": State.RECORDING,
        "sends its version row": State.RECORDING,
        "is recorded": State.RECORDED,
    },
    State.RECORDED: {"runs a statement": State.RECORDED, "begins a block": State.RECORDED},
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", State)
def test_what_may_follow(state: State, step: str) -> None:
    revision = reach(state)
    after = PATHS[state].get(step)

    if after is None:
        with pytest.raises((RuntimeError, TransactionEndedError)):
            STEPS[step](revision)
        assert revision.state is state
    else:
        STEPS[step](revision)
        assert revision.state is after


def test_it_begins_outside_of_a_transaction() -> None:
    revision = running()
    assert revision.state is State.OUTSIDE
    assert not revision.has_open_transaction
    assert not revision.is_recorded


@pytest.mark.parametrize(
    ("state", "is_open"),
    [
        (State.OUTSIDE, False),
        (State.INSIDE, True),
        (State.COMMITTED, False),
        (State.ROLLED_BACK, False),
        (State.RECORDING, True),
    ],
)
def test_whether_its_transaction_should_be_open(state: State, is_open: bool) -> None:
    assert reach(state).has_open_transaction is is_open


@pytest.mark.parametrize(("state", "how"), [(State.COMMITTED, "commit"), (State.ROLLED_BACK, "rollback")])
def test_only_an_autocommit_block_follows_a_transaction_that_was_ended(state: State, how: str) -> None:
    revision = reach(state)
    with pytest.raises(
        TransactionEndedError, match=rf"ends its transaction itself \({how}\(\) of SQLAlchemy"
    ):
        revision.begins(may_follow=False)


def test_a_version_row_that_somebody_has_committed_is_not_af_db_s() -> None:
    revision = reach(State.RECORDING)
    revision.commits()
    with pytest.raises(TransactionEndedError, match="commit"):
        revision.is_now_recorded()


def test_a_version_row_that_was_written_unseen_is_a_bug() -> None:
    with pytest.raises(RuntimeError, match="002 cannot be RECORDED after INSIDE"):
        reach(State.INSIDE).is_now_recorded()


def test_what_is_committed_is_told_once_and_what_only_reads_is_not() -> None:
    revision = running()
    revision.note_statement("CREATE TABLE t ()")
    revision.note_statement("SELECT 1")
    assert (revision.statements, revision.committed) == (["CREATE TABLE t ()"], [])

    revision.commits()
    revision.note_commit(has_written=True)
    revision.begins(may_follow=True)
    revision.note_committed("CREATE INDEX CONCURRENTLY ix ON t (a)")
    revision.note_commit(has_written=False)

    assert revision.statements == []
    assert revision.committed == ["CREATE TABLE t ()", "CREATE INDEX CONCURRENTLY ix ON t (a)"]


def test_what_the_server_has_not_written_is_not_committed() -> None:
    revision = running()
    revision.note_statement("DELETE FROM t WHERE false")
    revision.commits()
    revision.note_commit(has_written=False)
    assert (revision.statements, revision.committed) == ([], [])
    assert revision.is_clean


def test_what_was_written_and_not_seen_is_named() -> None:
    revision = running()
    revision.note_statement("SELECT writes()")
    revision.note_commit(has_written=True)
    assert revision.committed == ["(what a function or a cursor of the revision has written)"]


def test_what_cannot_be_asked_is_neither_clean_nor_committed() -> None:
    revision = running()
    revision.note_statement("CREATE TABLE t ()")
    revision.note_uncertain("COMMIT; SELECT 1")
    assert (revision.committed, revision.uncertain) == ([], ["CREATE TABLE t ()", "COMMIT; SELECT 1"])
    assert not revision.is_clean


def test_the_indexes_that_it_builds() -> None:
    revision = running()
    revision.note_build("CREATE INDEX CONCURRENTLY ix ON t (a)")
    revision.note_build("CREATE INDEX plain ON t (a)")
    assert (revision.built, revision.builds_unnamed) == (["ix"], False)

    revision.note_build("REINDEX TABLE CONCURRENTLY t")
    assert (revision.built, revision.builds_unnamed) == (["ix"], True)


def test_the_next_try_starts_over_and_the_clock_goes_on() -> None:
    first = RunningRevision(revision=running().revision, has_written_before=True, began=1.0)
    first.note_build("CREATE INDEX CONCURRENTLY ix ON t (a)")
    first.note_statement("CREATE TABLE t ()")
    first.rolls_back()

    second = first.next_attempt()

    assert (second.attempt, second.began, second.has_written_before) == (2, 1.0, True)
    assert second.state is State.OUTSIDE
    assert (second.statements, second.committed, second.built) == ([], [], [])
