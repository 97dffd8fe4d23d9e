import json

from benchmarks.measure import AF_DB, ALEMBIC, Comparison, chart, compared, in_turns, table

TIMES = Comparison(
    name="wall time",
    unit="s",
    measured={ALEMBIC: [2.0, 1.0, 4.0], AF_DB: [0.5, 1.0, 1.5], "dbmate": [0.04, 0.06, 0.05]},
    at_most=0.8,
    allowance=" plus start-up",
)


def test_compares_medians_with_alembic_and_prints_the_target_beside_ours() -> None:
    assert TIMES.lines == [
        ("wall time, s", "", "", "", ""),
        ("  alembic", "2.00", "1.00 - 4.00", "1.00", ""),
        ("  af-db", "1.00", "0.50 - 1.50", "0.50", "at most 0.8 plus start-up"),
        ("  dbmate", "0.05", "0.04 - 0.06", "0.025", ""),
    ]


def test_the_document_has_every_round() -> None:
    (found,) = json.loads(json.dumps(compared("apply", {"rounds": 3}, [TIMES]).document))["comparisons"]

    assert found["measured"]["dbmate"] == [0.04, 0.06, 0.05]
    assert found["ratio"] == {ALEMBIC: 1.0, AF_DB: 0.5, "dbmate": 0.025}
    assert found["target_ratio_at_most"] == 0.8


def test_all_take_turns_there_and_back_and_the_first_round_is_dropped() -> None:
    asked: list[str] = []

    def measure(tool: str) -> int:
        asked.append(tool)
        return len(asked)

    assert in_turns(("a", "b"), 2, measure) == {"a": [3, 6], "b": [4, 5]}
    assert asked == ["b", "a", "a", "b", "b", "a"]


def test_one_round_is_measured_without_another_before_it() -> None:
    assert in_turns(("a", "b"), 1, str.upper) == {"a": ["A"], "b": ["B"]}


def test_a_chart_has_the_medians_of_each_size() -> None:
    lines = chart("Apply", "revisions", {200: TIMES, 10: TIMES}, limits=["dbmate"]).lines

    assert [(line.name, line.limit) for line in lines] == [
        (ALEMBIC, False),
        (AF_DB, False),
        ("dbmate", True),
    ]
    assert lines[0].points == [(10, 2.0), (200, 2.0)]


def test_sets_cells_in_columns() -> None:
    assert table([("", "median"), ("a long name", "1"), ("b", "")]) == (
        "             median\na long name       1\nb"
    )
