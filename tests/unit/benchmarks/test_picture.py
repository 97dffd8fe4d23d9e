import itertools
from xml.etree import ElementTree

import pytest

from benchmarks.picture import BOTTOM, HEIGHT, LINE_HEIGHT, WIDTH, Chart, Line, apart, draw, ticks

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*lines: Line) -> ElementTree.Element:
    chart = Chart(title="Time & <size>", x_label="revisions", y_label="s", lines=lines)
    return ElementTree.fromstring(draw(chart))  # noqa: S314 - our own text


def test_says_what_is_drawn() -> None:
    svg = drawn(
        Line(name="a & b", points=[(2, 0.3), (5_000, 5.5)]),
        Line(name="floor", points=[(2, 0.02)], limit=True),
    )

    texts = [element.text for element in svg.iter(f"{SVG}text")]
    assert {"Time & <size>", "revisions", "s", "a & b", "floor", "2", "5,000", "0.02", "10"} <= {*texts}
    assert [path.get("class") for path in svg.iter(f"{SVG}path")] == ["tool", "limit"]


def test_keeps_every_point_inside_with_more_time_further_up() -> None:
    svg = drawn(Line(name="a", points=[(2, 0.003), (1_000, 40), (5_000, 700)]))

    points = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in svg.iter(f"{SVG}circle")]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)
    assert sorted(points) == points
    assert sorted((y for _, y in points), reverse=True) == [y for _, y in points]


def test_draws_a_single_size() -> None:
    assert len([*drawn(Line(name="a", points=[(10, 1.0)])).iter(f"{SVG}circle")]) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([0.3, 4], [0.2, 0.5, 1, 2, 5], id="one, two, five"),
        pytest.param([1, 10], [1, 2, 5, 10], id="round already"),
        pytest.param([20, 90_000], [10, 100, 1_000, 10_000, 100_000], id="many decades"),
        pytest.param([3], [2, 5], id="one value"),
        pytest.param([10], [10], id="one round value"),
    ],
)
def test_marks_round_numbers_around_the_values(values: list[float], expected: list[float]) -> None:
    assert ticks(values) == pytest.approx(expected)


def test_names_do_not_cover_each_other() -> None:
    moved = apart([BOTTOM, 100.0, BOTTOM - 1, 104.0])

    assert min(after - before for before, after in itertools.pairwise(sorted(moved))) >= LINE_HEIGHT
    assert max(moved) <= BOTTOM
    assert sorted(range(4), key=moved.__getitem__) == [1, 3, 2, 0]
