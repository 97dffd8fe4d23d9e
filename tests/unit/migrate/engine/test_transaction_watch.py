"""From what the server says of a transaction to what is committed."""

import pytest

from agent_factory.migrate.db.transactions import Status, Transaction
from agent_factory.migrate.engine.transaction_watch import Verdict, judge


def transaction(number: int, xid: str | None = None, next_xid: str = "9", process: int = 4) -> Transaction:
    return Transaction(virtual=f"{process}/{number}", xid=xid, next_xid=next_xid, is_marked=True)


@pytest.mark.parametrize(
    ("xid", "now", "status", "begins_with_end", "verdict"),
    [
        pytest.param("7", 1, "in progress", False, Verdict.GOES_ON, id="it is the same"),
        pytest.param(None, 1, None, True, Verdict.GOES_ON, id="it is the same and has written nothing"),
        pytest.param("7", 2, "committed", False, Verdict.COMMITTED, id="committed"),
        pytest.param("7", 2, "aborted", False, Verdict.NOTHING_COMMITTED, id="rolled back"),
        pytest.param("7", 2, "in progress", False, Verdict.UNCERTAIN, id="prepared"),
        pytest.param("7", 2, None, False, Verdict.UNCERTAIN, id="too old to be known"),
        pytest.param(None, 2, None, True, Verdict.NOTHING_COMMITTED, id="nothing was written before its end"),
        pytest.param(None, 2, None, False, Verdict.UNCERTAIN, id="the text may have written first"),
        pytest.param("7", 3, "aborted", False, Verdict.UNCERTAIN, id="another one ended after it"),
        pytest.param("7", 3, "committed", False, Verdict.COMMITTED, id="another one after what is committed"),
        pytest.param(None, 3, None, True, Verdict.UNCERTAIN, id="another one ended after nothing"),
    ],
)
def test_what_became_of_a_transaction(
    xid: str | None, now: int, status: Status | None, begins_with_end: bool, verdict: Verdict
) -> None:
    later = transaction(now, next_xid="11")
    assert judge(transaction(1, xid), later, status, begins_with_end=begins_with_end) is verdict


def test_where_nobody_has_written_nothing_is_committed() -> None:
    assert judge(transaction(1), transaction(5), None, begins_with_end=False) is Verdict.NOTHING_COMMITTED


def test_the_one_that_failed_is_rolled_back() -> None:
    before, later = transaction(1, "7"), transaction(2, next_xid="11")
    verdict = judge(before, later, "aborted", begins_with_end=False, has_failed=True)
    assert verdict is Verdict.GOES_ON


def test_another_process_cannot_count() -> None:
    later = transaction(2, next_xid="11", process=5)
    assert judge(transaction(1, "7"), later, "aborted", begins_with_end=True) is Verdict.UNCERTAIN
    assert judge(transaction(1, "7"), later, "committed", begins_with_end=True) is Verdict.COMMITTED
    assert transaction(1).ended_until(later) is None


def test_transactions_of_one_session_are_counted() -> None:
    assert transaction(17).ended_until(transaction(17)) == 0
    assert transaction(17).ended_until(transaction(19)) == 2
