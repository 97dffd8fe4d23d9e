"""What a revision sends, beside what it is expected to send."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_factory.migrate.db.sent_statements import (
    ExpectedStatements,
    SentStatement,
    in_one_order,
    sha256_of,
    with_salt,
)
from agent_factory.migrate.engine.statement_comparison import StatementComparison
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.model.results import OtherStatements


def expecting(*texts: str, is_binding: bool = False) -> StatementComparison:
    statements = tuple(SentStatement(sql=text, sha256=sha256_of(text, None)) for text in texts)
    expected = ExpectedStatements(
        statements=with_salt(statements, "salt"), salt="salt", is_binding=is_binding
    )
    comparison = StatementComparison(expected={"002": expected})
    comparison.begin("002")
    return comparison


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(("a", "b"), None, id="the same"),
        pytest.param(("a",), OtherStatements(sent=1, rehearsed=2), id="fewer"),
        pytest.param(("a", "b", "c"), OtherStatements(sent=3, rehearsed=2), id="more"),
        pytest.param(("b", "a"), OtherStatements(sent=2, rehearsed=2), id="another order"),
    ],
)
def test_what_is_not_bound_runs_to_its_end_and_says_so(
    texts: tuple[str, ...], expected: OtherStatements | None
) -> None:
    comparison = expecting("a", "b")
    for text in texts:
        comparison.note(text)

    assert comparison.end() == expected
    assert comparison.end() is None


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        pytest.param(("a", "x"), ("statement 2 of revision 002", "in the plan: b", "now: x"), id="another"),
        pytest.param(("a", "b", "c"), ("statement 3", "in the plan: no more", "now: c"), id="one too many"),
        pytest.param(("a",), ("002 ends without statement 2", "in the plan: b"), id="one too few"),
    ],
)
def test_what_is_bound_is_stopped_at_the_first_difference(
    texts: tuple[str, ...], said: tuple[str, ...]
) -> None:
    comparison = expecting("a", "b", is_binding=True)

    def send_all() -> None:
        for text in texts:
            comparison.note(text)
        comparison.end()

    with pytest.raises(RefusedError) as caught:
        send_all()

    assert all(part in caught.value.message for part in said)
    with pytest.raises(RefusedError):  # whatever the revision makes of the error
        comparison.note("b")
    with pytest.raises(RefusedError):
        comparison.end()


def test_a_second_try_begins_again() -> None:
    comparison = expecting("a", "b", is_binding=True)
    comparison.note("a")
    comparison.begin("002")
    comparison.note("a")
    comparison.note("b")

    assert comparison.end() is None


def test_what_was_not_rehearsed_is_not_compared() -> None:
    comparison = expecting("a", is_binding=True)
    comparison.begin("003")
    comparison.note("anything")

    assert comparison.end() is None


@pytest.mark.parametrize(
    "text",
    [
        "SAVEPOINT sa_savepoint_{}",
        "RELEASE SAVEPOINT sa_savepoint_{}",
        "ROLLBACK TO SAVEPOINT sa_savepoint_{}",
    ],
)
def test_the_number_of_a_savepoint_of_sqlalchemys_is_no_text(text: str) -> None:
    assert sha256_of(text.format(1), None) == sha256_of(text.format(12), None)
    assert sha256_of(f"x {text.format(1)}", None) != sha256_of(f"x {text.format(2)}", None)


def test_the_number_of_rows_counts_and_so_does_the_salt() -> None:
    assert len({sha256_of("a", None), sha256_of("a", 1), sha256_of("a", 2), sha256_of("a", 2, "s")}) == 4


def test_queries_that_follow_each_other_may_come_in_any_order() -> None:
    texts = ("SELECT 1", "SELECT 2", "SELECT 2", "x", "SELECT 3")
    for order in ((1, 0, 2, 3, 4), (2, 1, 0, 3, 4)):
        comparison = expecting(*texts, is_binding=True)
        for number in order:
            comparison.note(texts[number])
        assert comparison.end() is None


@pytest.mark.parametrize(
    "sent",
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1", "x"),
        ("SELECT 1", "SELECT 3"),
        ("x",),
        ("SELECT 1", "SELECT 2", "SELECT 3"),
    ],
)
def test_but_nothing_else_and_none_of_them_twice(sent: tuple[str, ...]) -> None:
    comparison = expecting("SELECT 1", "SELECT 2", "x", "SELECT 3", is_binding=True)
    for text in sent[:-1]:
        comparison.note(text)

    with pytest.raises(RefusedError):
        comparison.note(sent[-1])


TEXTS = st.lists(st.sampled_from(("SELECT 1", "SELECT 2", "SHOW x", "x", "y", "INSERT")), max_size=8)


@given(planned=TEXTS, data=st.data())
def test_it_ends_well_for_what_is_planned_and_is_stopped_for_everything_else(
    planned: list[str], data: st.DataObject
) -> None:
    sent = data.draw(st.permutations(planned) | TEXTS, label="sent")
    comparison = expecting(*planned, is_binding=True)
    allowed: list[str] = []
    try:
        for text in sent:
            comparison.note(text)
            allowed.append(text)
        comparison.end()
    except RefusedError:
        stopped = True
    else:
        stopped = False

    assert stopped == (of_one_order(sent) != of_one_order(planned))
    # What was sent up to there is how the plan begins, but for queries that come before others.
    acts = [text for text in allowed if not text.startswith("S")]
    assert [text for text in planned if not text.startswith("S")][: len(acts)] == acts


def of_one_order(texts: list[str]) -> list[str]:
    statements = [SentStatement(sql=text, sha256=sha256_of(text, None)) for text in texts]
    return [each.sql for each in in_one_order(statements)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_queries_beside_each_other_come_in_any_order(order: tuple[int, ...]) -> None:
    queries = [f"SELECT {number}" for number in range(4)]
    comparison = expecting(*queries, "DROP TABLE t", is_binding=True)

    for number in order:
        comparison.note(queries[number])
    comparison.note("DROP TABLE t")

    assert comparison.end() is None
