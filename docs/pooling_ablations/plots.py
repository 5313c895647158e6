"""The pictures of the page: SVG with text as text, legible on a light ground and on a dark one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.evaluate.extras import need
from pooling_ablations import dense, hybrid
from pooling_ablations.collection import DEPTH, Measured, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAIN = f"R@{DEPTH}"

_GREY = "#808080"  # as far from white as from black
_COLORS = ("#3b82c4", "#d9822b", "#2f9e78", "#c2569b", "#8a75d6", "#a8872c", "#d05a4e")
_MARKERS = "osD^vPX"
_GREYED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
_LEAST = 0.1  # of recall that the height of a panel covers
_PANEL = (3.3, 2.9)  # inches


@dataclass(frozen=True, slots=True)
class _Picture:
    """How an ablation is drawn.

    Attributes:
        x: name of the horizontal axis.
        panel: draws one set, given its rows; lines of one label have one colour in all panels.
        doubling: the horizontal axis counts doublings.
    """

    x: str
    panel: Callable[[Axes, Sequence[Row]], None]
    doubling: bool = False


def draw(measured: Sequence[Measured], folder: Path) -> None:
    """Write the picture of every ablation to `folder`, a panel for each set."""
    matplotlib = need("matplotlib")
    module = need("matplotlib.figure")
    folder.mkdir(exist_ok=True)
    for name, picture in _PICTURES.items():
        style = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9, "font.family": "sans-serif"}
        style |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _GREY)
        with matplotlib.rc_context(style):
            figure = module.Figure(figsize=(_PANEL[0] * len(measured), _PANEL[1]), layout="constrained")
            panels = figure.subplots(1, len(measured), squeeze=False, sharey=name == "words")[0]
            for axes, one in zip(panels, measured, strict=True):
                picture.panel(axes, one.rows[name])
                _finish(axes, one.name, picture)
            if name != "words":
                panels[0].set_ylabel(MAIN)
            key: dict[str, Any] = {}
            for axes in panels:
                key |= {line.get_label(): line for line in axes.get_legend_handles_labels()[0]}
            figure.legend(key.values(), key.keys(), loc="outside lower center", ncols=4, frameon=False)
            path = folder / f"{name}.svg"
            figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})


def _finish(axes: Axes, title: str, picture: _Picture) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(picture.x)
    axes.grid(color=_GREY, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    low, high = axes.get_ylim()
    if high - low < _LEAST:  # A hair's breadth should not look like a gulf.
        axes.set_ylim((low + high - _LEAST) / 2, (low + high + _LEAST) / 2)
    if picture.doubling:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")


def _line(axes: Axes, number: int, label: str, points: Sequence[tuple[float, float]]) -> None:
    if points:
        across, up = zip(*sorted(points), strict=True)
        color, marker = _COLORS[number % len(_COLORS)], _MARKERS[number % len(_MARKERS)]
        axes.plot(across, up, color=color, marker=marker, markersize=4, linewidth=1.5, label=label)


def _level(axes: Axes, value: float, label: str, dash: str = "--") -> None:
    axes.axhline(value, color=_GREY, linewidth=1, linestyle=dash, label=label)


def _lines(axes: Axes, rows: Sequence[Row], variants: Sequence[str], x: Callable[[Row], float]) -> None:
    for number, variant in enumerate(variants):
        _line(axes, number, variant, [(x(row), row.figures[MAIN]) for row in rows if row.variant == variant])


def _first(rows: Sequence[Row], variant: str) -> float:
    return next(row.figures[MAIN] for row in rows if row.variant == variant)


def _memory(axes: Axes, rows: Sequence[Row]) -> None:
    _level(axes, _first(rows, dense.ALL), dense.ALL)
    shown = (dense.WARD[1], dense.WARD[2], dense.PQ, dense.K_MEANS, dense.MEANS, dense.KEYWORDS, dense.SENTENCES)
    _lines(axes, rows, shown, lambda row: row.figures["compression"])


def _rereading(axes: Axes, rows: Sequence[Row]) -> None:
    _level(axes, _first(rows, dense.ALL), dense.ALL)
    _lines(axes, rows, list(dict.fromkeys(row.variant for row in rows if row.variant != dense.ALL)), lambda row: row.at)


def _summary_vector(axes: Axes, rows: Sequence[Row]) -> None:
    _level(axes, _first(rows, dense.SUMMARY_ALONE), dense.SUMMARY_ALONE)
    _lines(axes, rows, (dense.ALL, dense.NEAREST), lambda row: row.at)


def _words(axes: Axes, rows: Sequence[Row]) -> None:
    places = range(len(rows))[::-1]
    for number, (figure, label) in enumerate(
        (("R@1", "R@1, words alone"), ("hybrid R@1", "R@1, hybrid"),
         (MAIN, f"{MAIN}, words alone"), (f"hybrid {MAIN}", f"{MAIN}, hybrid"))
    ):  # fmt: skip
        values = [row.figures[figure] for row in rows]
        color = _COLORS[number // 2]
        face = color if number % 2 else "none"
        axes.plot(values, places, linestyle="", marker="o", markersize=5, color=color, mfc=face, label=label)
    axes.set_yticks(places, [row.variant for row in rows])


def _reading(axes: Axes, rows: Sequence[Row]) -> None:
    _level(axes, _first(rows, hybrid.EXHAUSTIVE), hybrid.EXHAUSTIVE)
    _level(axes, _first(rows, hybrid.WITHOUT), hybrid.WITHOUT, ":")
    _lines(axes, rows, (hybrid.FIXED, hybrid.ALONE, hybrid.SHARE), lambda row: row.figures["scored"])


_PICTURES = {
    "memory": _Picture("times less memory", _memory, doubling=True),
    "rereading": _Picture("rows read again", _rereading),
    "summary-vector": _Picture("weight of the summary", _summary_vector),
    "words": _Picture("recall", _words),
    "reading": _Picture("passages scored for a question", _reading, doubling=True),
}
