"""A chart of lines over two logarithmic axes, as an SVG that reads well on a light and on a dark page."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

GREY = "#8b949e"
STYLE: Any = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "grid.alpha": 0.3,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "af-db",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


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
    """Return the chart as an SVG document, the same for the same chart."""
    document = io.StringIO()
    with rc_context(STYLE):
        figure = Figure(figsize=(8, 4.5))
        axes = figure.add_subplot(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
        axes.set(xscale="log", yscale="log")
        for line in chart.lines:
            style: dict[str, Any] = {"color": GREY, "linestyle": "--"} if line.limit else {}
            axes.plot(*zip(*line.points, strict=True), marker="o", markersize=4, label=line.name, **style)
        axes.set_xticks(sorted({x for line in chart.lines for x, _ in line.points}))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.grid()
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        figure.savefig(document, format="svg", bbox_inches="tight", metadata={"Date": None})
    return document.getvalue()
