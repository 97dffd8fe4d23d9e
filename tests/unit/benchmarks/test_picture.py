import re

from benchmarks.picture import Chart, Line, draw


def drawn(*lines: Line) -> str:
    return draw(Chart(title="Time & <size>", x_label="revisions", y_label="s", lines=lines))


def test_says_what_is_drawn() -> None:
    svg = drawn(
        Line(name="a & b", points=[(2, 0.3), (5_000, 5.5)]),
        Line(name="floor", points=[(2, 0.02), (5_000, 0.02)], limit=True),
    )

    texts = {text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)}
    assert {"Time &amp; &lt;size&gt;", "revisions", "s", "a &amp; b", "floor", "2", "5,000"} <= texts
    assert "stroke-dasharray" in svg


def test_the_same_chart_is_the_same_picture() -> None:
    line = Line(name="a", points=[(10, 1.0)])

    assert drawn(line) == drawn(line)
