"""A chart of lines over two logarithmic axes, as an SVG that reads well on a light and on a dark page."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 780, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 540, 50, 360
NAMES_AT = RIGHT + 24
LINE_HEIGHT = 18
COLOURS = ("#1f78d1", "#d1570b", "#2f9e44", "#9c5fc4", "#b8860b", "#d6336c")
GREY = "#8b949e"
MOST_TICKS = 9

STYLE = f"""
text {{ font: 13px system-ui, sans-serif; fill: #57606a }}
.title {{ font-size: 16px; font-weight: 600 }}
.grid {{ stroke: {GREY}; stroke-opacity: 0.3 }}
.to-name {{ stroke-opacity: 0.5 }}
path {{ fill: none; stroke-width: 2; stroke-linejoin: round }}
path.limit {{ stroke-dasharray: 5 4 }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #c9d1d9 }} }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The points of one tool, from left to right, above 0. A limit is drawn in grey dashes."""

    name: str
    points: Sequence[tuple[float, float]]
    limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines that share their axes."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]


def draw(chart: Chart) -> str:
    """Return the chart as an SVG document."""
    xs = sorted({x for line in chart.lines for x, _ in line.points})
    ys = ticks([y for line in chart.lines for _, y in line.points])
    across, up = _axis(xs, LEFT, RIGHT), _axis(ys, BOTTOM, TOP)
    parts = [
        _text(LEFT, 26, chart.title, "start", "title"),
        _text((LEFT + RIGHT) / 2, HEIGHT - 12, chart.x_label),
        f'<g transform="translate(18 {(TOP + BOTTOM) / 2}) rotate(-90)">{_text(0, 0, chart.y_label)}</g>',
    ]
    for value in xs:
        x = across(value)
        parts += [_line(x, TOP, x, BOTTOM, "grid"), _text(x, BOTTOM + 20, _number(value))]
    for value in ys:
        y = up(value)
        parts += [_line(LEFT, y, RIGHT, y, "grid"), _text(LEFT - 8, y + 4, _number(value), "end")]

    colours = itertools.cycle(COLOURS)
    name_ys = apart([up(line.points[-1][1]) for line in chart.lines])
    for line, name_y in zip(chart.lines, name_ys, strict=True):
        colour = GREY if line.limit else next(colours)
        points = [(across(x), up(y)) for x, y in line.points]
        way = " L ".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts += [
            f'<path class="{"limit" if line.limit else "tool"}" stroke="{colour}" d="M {way}"/>',
            *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points),
            _line(*points[-1], NAMES_AT - 4, name_y, "to-name", colour),
            _text(NAMES_AT, name_y + 4, line.name, "start"),
        ]
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>{escape(chart.title)}</title>\n<style>{STYLE}</style>\n{inside}\n</svg>\n"
    )


def ticks(values: Sequence[float]) -> list[float]:
    """Round numbers from below the least value to above the greatest: 1, 2, 5, 10, or 1, 10, 100 if many."""
    decades = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    for steps in ((1, 2, 5), (1,)):
        every = [step * 10.0**decade for decade in decades for step in steps]
        below = max((tick for tick in every if tick <= min(values)), default=every[0])
        above = min((tick for tick in every if tick >= max(values)), default=every[-1])
        chosen = [tick for tick in every if below <= tick <= above]
        if len(chosen) <= MOST_TICKS:
            break
    return chosen


def apart(places: Sequence[float]) -> list[float]:
    """Move places down until a line of text fits between any two, and all of them up again if too far."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = list(places)
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + LINE_HEIGHT)
    too_far = max(0.0, max(moved) - BOTTOM)
    return [place - too_far for place in moved]


def _axis(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Return where a value stands between start and end; a single one stands at the start."""
    low, high = math.log(values[0]), math.log(values[-1])
    return lambda value: start + (end - start) * (math.log(value) - low) / ((high - low) or 1)


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, colour: str | None = None) -> str:
    stroke = f' stroke="{colour}"' if colour else ""
    return f'<line class="{kind}"{stroke} x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str | None = None) -> str:
    as_kind = f' class="{kind}"' if kind else ""
    return f'<text{as_kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
