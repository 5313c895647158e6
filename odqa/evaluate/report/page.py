"""A result, or the comparison of two, as one HTML page with plots that needs nothing else to be read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from odqa import __version__
from odqa.evaluate.bootstrap import interval
from odqa.evaluate.report.comparison import write_comparison
from odqa.evaluate.report.parts import (
    Html,
    bounds,
    chart_figure,
    element,
    groups_table,
    pairs,
    remarks,
    section,
    systems_table,
    table,
    tile,
    tiles,
    write_page,
)
from odqa.evaluate.report.plots import draw_curve
from odqa.evaluate.report.questions import worst_questions
from odqa.evaluate.report.terms import BOUNDS, duration, figure, headlines, is_detail, words
from odqa.evaluate.result import Figures, Result

__all__ = ["write_comparison", "write_report"]

_SAMPLES = 2_000
_ROUNDED = 1e-4  # The mean of saved figures is as near to a saved mean as their rounding lets it.
_NAMES = {"diagnose": "Diagnosis"}
_COUNTED = {"grounding": "claims", "summaries": "documents"}
_BESIDE = "The engine as it stands, and other systems on the same questions."


def write_report(result: Result, path: Path) -> None:
    """Write a result as one HTML page that loads nothing from elsewhere.

    Args:
        result: what was found.
        path: the file.

    Raises:
        UsageError: there are curves to draw and matplotlib is not installed.
        LoadError: the file cannot be written.
    """
    shared = {name for figures in result.baselines.values() for name in figures}
    names = headlines(result.task, result.metrics)
    rest = {name: value for name, value in result.metrics.items() if name not in shared}
    beside = {"engine": {name: value for name, value in result.metrics.items() if name in shared}, **result.baselines}
    facts = [
        f"{result.n:,} {_COUNTED.get(result.task, 'questions')}",
        f"split {result.split}" if result.split else "all splits",
        f"odqa {__version__}",
    ]
    sections = [
        remarks(result.notes),
        tiles(tile(name, result.metrics[name], _how_sure(result, name)) for name in names),
        section("Beside other systems", *_beside(beside, names), about=_BESIDE) if shared else Html(),
        section("Further figures of the engine" if shared else "Figures", _further(rest)),
        _curves(result),
        *(section(f"By {words(name)}", groups_table(kinds, names)) for name, kinds in result.groups.items()),
        worst_questions(result),
        section("Corpus", _corpus(result.corpus)),
        section("Time", _seconds(result.seconds)),
        section("Settings", pairs(result.settings)),
    ]
    title = f"{_NAMES.get(result.task, words(result.task).capitalize())} on {result.dataset}"
    write_page(path, title, "odqa evaluation", facts, sections)


def _beside(systems: Mapping[str, Figures], order: Sequence[str]) -> Iterator[Html]:
    """Yield the table of what a reader looks for first, and the rest folded up."""
    for detail in (False, True):
        chosen = {
            system: {name: value for name, value in figures.items() if is_detail(name) is detail}
            for system, figures in systems.items()
        }
        count = len({name for figures in chosen.values() for name in figures})
        if count:
            yield _folded(count, systems_table(chosen, order)) if detail else systems_table(chosen, order)


def _folded(count: int, content: Html) -> Html:
    return element("details", element("summary", f"{count} further figures"), content)


def _further(figures: Figures) -> Html:
    """Return figures that no other system has, each with its interval where it has one; details are folded up."""
    first = {name: value for name, value in figures.items() if not is_detail(name) or name.endswith(BOUNDS)}
    rest = {name: value for name, value in figures.items() if name not in first}
    return Html(_with_bounds(first) + (_folded(len(rest), _with_bounds(rest)) if rest else ""))


def _with_bounds(figures: Figures) -> Html:
    shown: dict[str, object] = {}
    for name, value in figures.items():
        if any(name.endswith(end) and name.removesuffix(end) in figures for end in BOUNDS):
            continue
        interval_ = bounds(name, figures)
        shown[name] = f"{figure(name, value)} ({interval_})" if interval_ else value
    return pairs(shown)


def _how_sure(result: Result, name: str) -> str:
    """Return the interval of a metric: its own, or that of the mean of the questions' figures if it is their mean."""
    if own := bounds(name, result.metrics):
        return own
    figures = [float(row.get("metrics", {}).get(name, math.nan)) for row in result.rows]
    known = [value for value in figures if math.isfinite(value)]
    if len(known) < 2 or abs(math.fsum(known) / len(known) - result.metrics[name]) > _ROUNDED:
        return ""
    found = interval(known, samples=_SAMPLES)
    return f"{figure(name, found.low)} to {figure(name, found.high)}"


def _curves(result: Result) -> Html:
    figures: list[str] = []
    for name, points in result.curves.items():
        if (chart := draw_curve(name, points)) is not None:
            figures.append(chart_figure(chart, points))
    return section("Curves", element("div", *figures, class_="charts") if figures else "")


def _corpus(corpus: Mapping[str, float]) -> Html:
    shown: dict[str, object] = {
        name: int(value) if math.isfinite(value) and value == int(value) else value for name, value in corpus.items()
    }
    marked, mapped = corpus.get("gold_marked"), corpus.get("gold_mapped")
    if marked and mapped is not None:
        shown["gold found in the text"] = f"{100 * mapped / marked:.1f} %"
    return pairs(shown)


def _seconds(seconds: Mapping[str, float]) -> Html:
    most = max(seconds.values(), default=0.0)
    rows = ([words(stage), duration(spent), _time_bar(spent, most)] for stage, spent in seconds.items())
    return table(["stage", "time", ""], rows, class_="times") if seconds else Html()


def _time_bar(spent: float, most: float) -> Html:
    share = 100 * spent / most if most > 0 and math.isfinite(spent) else 0.0
    return element("span", element("i", style=f"width:{share:.1f}%"), class_="bar")
