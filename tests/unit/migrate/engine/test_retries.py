"""Which failures are tried again, and how patient each try is."""

import pytest

from agent_factory.migrate.engine import retries
from agent_factory.migrate.engine.running_revision import RunningRevision
from agent_factory.migrate.model.options import RunOptions
from tests.unit.migrate.engine.revisions import running

OPTIONS = RunOptions(lock_timeout_s=0.2, lock_timeout_max_s=1.0, retry_for_s=300.0)


def may_retry(
    revision: RunningRevision,
    code: str = "lock-timeout",
    *,
    leaves_index: bool = False,
    stopped: bool = False,
) -> bool:
    return retries.may_retry(revision, code, OPTIONS, leaves_index=leaves_index, is_stopped=stopped)


@pytest.mark.parametrize("code", ["lock-timeout", "deadlock"])
def test_what_others_cause_passes(code: str) -> None:
    assert may_retry(running(), code)


@pytest.mark.parametrize("code", ["data-violates-unique", "statement-timeout", "revision-failed", "stopped"])
def test_what_the_revision_causes_does_not(code: str) -> None:
    assert not may_retry(running(), code)


def test_what_is_committed_would_run_twice() -> None:
    revision = running()
    revision.note_committed("CREATE INDEX CONCURRENTLY ix ON t (a)")
    assert not may_retry(revision)


def test_what_is_only_in_its_transaction_was_rolled_back() -> None:
    revision = running()
    revision.note_statement("CREATE TABLE t ()")
    assert may_retry(revision)


def test_an_index_that_is_still_there_would_be_there_twice() -> None:
    assert not may_retry(running(), leaves_index=True)


def test_a_signal_ends_it() -> None:
    assert not may_retry(running(), stopped=True)


def test_the_time_for_all_tries_is_used_up() -> None:
    revision = running()
    revision.began -= OPTIONS.retry_for_s
    assert not may_retry(revision)


@pytest.mark.parametrize("attempt", range(1, 11))
def test_the_first_ten_tries_are_all_short(attempt: int) -> None:
    """The application queues behind each of them."""
    assert retries.lock_timeout_s(OPTIONS, attempt) == OPTIONS.lock_timeout_s


def test_later_tries_wait_longer_up_to_the_limit() -> None:
    timeouts = [retries.lock_timeout_s(OPTIONS, attempt) for attempt in range(10, 30)]
    assert timeouts[:3] == pytest.approx([0.2, 0.25, 0.3125])
    assert timeouts == sorted(timeouts)
    assert timeouts[-1] == OPTIONS.lock_timeout_max_s


def test_a_first_try_that_is_longer_than_the_limit_stays_as_it_was_asked_for() -> None:
    options = RunOptions(lock_timeout_s=10.0, lock_timeout_max_s=1.0)
    assert {retries.lock_timeout_s(options, attempt) for attempt in (1, 10, 11, 100)} == {10.0}


def test_pauses_grow_up_to_two_seconds() -> None:
    pauses = [retries.pause_s(attempt) for attempt in range(1, 40)]
    assert 0.05 <= pauses[0] <= 0.1
    assert all(pause <= 2.0 for pause in pauses)
    assert pauses[-1] >= 1.0
