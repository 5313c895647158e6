"""Draw the curves of a result as SVG that takes its colours and type from the page around it.

matplotlib draws with stand-in colours, which are then replaced by CSS variables: one picture is legible on a light
page, on a dark one and on paper. Names of series are not in the picture but in a key beside it, which the page sets.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.evaluate.extras import need
from odqa.evaluate.report.terms import COUNTS
from odqa.evaluate.result import Figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, RULE = "#010203", "#010204"
_SERIES = tuple(f"#0101{number:02x}" for number in range(16, 22))
_VARIABLES = {INK: "var(--soft)", RULE: "var(--rule)"} | {
    color: f"var(--s{number})" for number, color in enumerate(_SERIES)
}
_DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)), "-", (0, (5, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P")

_SIZE = (4.5, 2.8)  # inches: as wide as a phone, so that the type keeps its size there
_MARKED = 40  # points up to which each is marked
_DRAWN = 400  # points drawn at most; a curve over thousands of questions looks the same with these

_XS = (
    *("k", "compression", "false_positive_rate", "fpr", "coverage", "confidence", "predicted", "probability"),
    *("cosine", "support", "score", "threshold", "depth", "rank", "words", "budget"),
)


@dataclass(frozen=True, slots=True)
class Style:
    """How a curve that is known by name is drawn.

    Attributes:
        title: heading of the chart.
        x_label: name of the horizontal axis; "" takes the name of the figure.
        y_label: name of the vertical axis; "" takes that of the only series.
        about: how to read it, in a line.
        log: the horizontal axis counts doublings.
        diagonal: chance, or perfect calibration, is the diagonal of the unit square.
        level: a horizontal line that means something.
        unit: the vertical axis goes from 0 to 1.
    """

    title: str
    x_label: str = ""
    y_label: str = ""
    about: str = ""
    log: bool = False
    diagonal: bool = False
    level: float | None = None
    unit: bool = False


_CALIBRATION = Style(
    "Calibration",
    "stated",
    "found",
    "On the diagonal, what is stated as 70 % sure is right in 70 % of cases; below it, too much is promised.",
    diagonal=True,
    unit=True,
)
_RISK = Style(
    "Risk and coverage", "share answered", "risk", "Errors among what is answered, the surest first.", unit=True
)
_STYLES = {
    "recall": Style(
        "Recall by depth", "results read (k)", "", "Of what answers a question, the share found.", unit=True
    ),
    "pooling": Style(
        "Recall kept by pooling",
        "memory saved, times",
        "recall kept",
        "1.0 is what searching every passage finds.",
        log=True,
        level=1.0,
    ),
    "calibration": _CALIBRATION,
    "reliability": _CALIBRATION,
    "risk_coverage": _RISK,
    "coverage": _RISK,
    "threshold": Style("Rates by threshold", "threshold", "", "What would be had at any other threshold.", unit=True),
    "roc": Style(
        "ROC",
        "false positive rate",
        "true positive rate",
        "The diagonal is chance; the area under the curve is ROC-AUC.",
        diagonal=True,
        unit=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn curve.

    Attributes:
        name: the curve's name in the result.
        title: heading.
        about: how to read it; "" where nothing is known of it.
        x: name of the figure on the horizontal axis.
        series: names of the lines, in the order of their colours.
        svg: the picture, safe to put into a page: every text in it is escaped.
    """

    name: str
    title: str
    about: str
    x: str
    series: tuple[str, ...]
    svg: str


def draw_curve(name: str, points: Sequence[Figures]) -> Chart | None:
    """Draw a curve, whatever its name; None if it has no two figures to set against each other.

    Args:
        name: the curve's name in the result.
        points: figures by name; one is the horizontal axis, every other a line.

    Raises:
        UsageError: matplotlib is not installed.
    """
    columns = list(dict.fromkeys(key for point in points for key in point))
    x = next((key for key in _XS if key in columns), columns[0] if columns else "")
    lines = [key for key in columns if key != x and key not in COUNTS]
    lines = [key for key in lines if key not in _XS] or lines
    if not lines:
        return None
    style = style_of(name)
    svg = _draw(name, style, x, lines, points)
    return Chart(name, style.title, style.about, x, tuple(lines), svg)


def style_of(name: str) -> Style:
    """Return how the curve of that name is drawn: as the known curve that it begins with, or plainly."""
    folded = re.sub(r"[^a-z]+", "_", name.lower()).strip("_")
    if folded in _STYLES:
        return _STYLES[folded]
    for known, style in _STYLES.items():
        if re.search(rf"(^|_){known}(_|$)", folded):
            title = f"{style.title} ({name})"
            return Style(
                title, style.x_label, style.y_label, style.about, style.log, style.diagonal, style.level, style.unit
            )
    return Style(name.replace("_", " ").capitalize())


def swatch(number: int) -> str:
    """Return a short piece of a line as SVG, for the key of a chart."""
    dash = _DASHES[number % len(_DASHES)]
    dashes = "" if isinstance(dash, str) else f' stroke-dasharray="{" ".join(str(length * 2) for length in dash[1])}"'
    color = f"var(--s{number % len(_SERIES)})"
    return (
        f'<svg class="swatch" viewBox="0 0 28 8" width="28" height="8" aria-hidden="true">'
        f'<path d="M0 4H28" style="stroke:{color};stroke-width:2.5;fill:none"{dashes}/></svg>'
    )


def _draw(name: str, style: Style, x: str, lines: Sequence[str], points: Sequence[Figures]) -> str:
    matplotlib = need("matplotlib")
    figure_module = need("matplotlib.figure")
    # The salt makes the ids of this picture its own, so that several can stand in one page, and the same every time.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9}):
        figure = figure_module.Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        values = _draw_lines(axes, x, lines, points)
        _set_axes(axes, style, x, lines, values)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _adapt(buffer.getvalue(), name, style.title)


def _draw_lines(axes: Axes, x: str, lines: Sequence[str], points: Sequence[Figures]) -> tuple[list[float], list[float]]:
    """Draw every series, and return all horizontal and all vertical values."""
    xs: list[float] = []
    ys: list[float] = []
    for number, line in enumerate(lines):
        known = [(float(p[x]), float(p[line])) for p in points if _finite(p.get(x)) and _finite(p.get(line))]
        step = max(1, math.ceil(len(known) / _DRAWN))
        known = known[::step] + (known[-1:] if (len(known) - 1) % step else [])
        across, up = [a for a, _ in known], [b for _, b in known]
        axes.plot(
            across,
            up,
            color=_SERIES[number % len(_SERIES)],
            linestyle=_DASHES[number % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)] if len(known) <= _MARKED else "",
            markersize=3.5,
            linewidth=2.0 if number == 0 else 1.5,
            zorder=3 - number / 100,
            clip_on=False,
        )
        xs += across
        ys += up
    return xs, ys


def _set_axes(
    axes: Axes, style: Style, x: str, lines: Sequence[str], values: tuple[Sequence[float], Sequence[float]]
) -> None:
    xs, ys = values
    text: dict[str, Any] = {"color": INK, "parse_math": False}
    axes.set_xlabel(style.x_label or x.replace("_", " "), **text)
    axes.set_ylabel(style.y_label or (lines[0].replace("_", " ") if len(lines) == 1 else ""), **text)
    axes.tick_params(colors=INK, which="both", length=3, width=0.6)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(INK)
        spine.set_linewidth(0.6)
    if style.log and xs and min(xs) > 0:
        ticks = sorted(set(xs))
        axes.set_xscale("log", base=2)
        shown = ticks if len(ticks) <= 9 else ticks[:: math.ceil(len(ticks) / 9)]
        axes.set_xticks(shown, [f"{tick:.3g}" for tick in shown])
        axes.minorticks_off()
    if style.unit and ys and min(ys) >= -0.001 and max(ys) <= 1.001:
        axes.set_ylim(0, 1)
    if style.diagonal:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
        axes.set_xlim(0, 1)
    if style.level is not None:
        axes.axhline(style.level, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _adapt(svg: str, name: str, title: str) -> str:
    """Make a picture of matplotlib's part of a page: no prologue, ids of its own, colours and type from the page."""
    from html import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Ids are unique to the page, and style sheets apply to all of it: the one of matplotlib says only what we say.
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    prefix = "c" + re.sub(r"\W+", "-", name) + "-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = svg.replace('xlink:href="#', f'href="#{prefix}').replace("url(#", f"url(#{prefix}")
    svg = re.sub(r"font-family: [^;\"]*; ?", "", svg)
    head = re.match(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', svg)
    if head is not None:
        label = escape(title, quote=True)
        svg = f'<svg class="plot" viewBox="{head[1]}" role="img" aria-label="{label}">' + svg[head.end() :]
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    return svg


def points_table(chart: Chart, points: Sequence[Mapping[str, float]]) -> tuple[list[str], list[list[float | None]]]:
    """Return header and rows of the figures behind a chart, counts included."""
    others = [key for key in dict.fromkeys(key for point in points for key in point) if key != chart.x]
    header = [chart.x, *others]
    return header, [[point.get(key) for key in header] for point in points]
