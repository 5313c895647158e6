"""The page of a comparison: what changed between two results, how sure that is, and for which questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from odqa import __version__
from odqa.evaluate.compare import Comparison, Difference, MetricChange
from odqa.evaluate.report.parts import Html, bar, clip, element, remarks, section, table, tile, tiles, write_page
from odqa.evaluate.report.terms import figure, headlines, meaning, number, words


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write a comparison as one HTML page that loads nothing from elsewhere.

    Args:
        comparison: of two results.
        path: the file.

    Raises:
        LoadError: the file cannot be written.
    """
    title = f"{words(comparison.task).capitalize()} on {comparison.dataset}: second against first"
    facts = [f"{comparison.n:,} questions in both", f"{len(comparison.metrics)} metrics", f"odqa {__version__}"]
    by_name = {change.metric: change for change in comparison.metrics}
    shown = [by_name[name] for name in headlines(comparison.task, by_name)]
    sections = [
        remarks(comparison.notes),
        tiles(_change_tile(change) for change in shown),
        section("What differs in the settings", _differences(comparison.settings)),
        section(
            "Metrics",
            _changes(comparison.metrics),
            about="Second less first, with the 95 % interval of a paired bootstrap over the questions; p is also "
            "given as corrected for the number of metrics (Holm).",
        ),
        section(
            "Figures of the whole",
            table(
                ["", "first", "second", "difference"],
                (
                    [words(f.metric), figure(f.metric, f.first), figure(f.metric, f.second), _signed(f.difference)]
                    for f in comparison.figures
                ),
                class_="figures",
            )
            if comparison.figures
            else "",
            about="These have no value for a single question, and so no interval.",
        ),
        section(
            "Questions that changed most",
            *(_largest(change, unfolded=not place) for place, change in enumerate(shown) if change.largest),
        ),
    ]
    write_page(path, title, "odqa comparison", facts, sections)


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _change_tile(change: MetricChange) -> Html:
    found = change.interval
    detail = f"{_signed(found.low)} to {_signed(found.high)}, p {_p(found.p)}"
    about = f"from {figure(change.metric, change.first)} to {figure(change.metric, change.second)}"
    if says := meaning(change.metric):
        about = f"{about}. {says}"
    return tile(change.metric, _signed(found.difference), detail, about=about)


def _changes(changes: Sequence[MetricChange]) -> Html:
    if not changes:
        return Html()
    header = ["", "first", "second", "difference", "95 % interval", "", "p", "p (Holm)", "n", "up", "down", "same"]
    shares = [c for c in changes if max(abs(c.first), abs(c.second)) <= 1]
    reach = max((_reach(change) for change in shares), default=0.0)
    rows = (
        [
            element("span", words(c.metric), title=meaning(c.metric) or None),
            figure(c.metric, c.first),
            figure(c.metric, c.second),
            _signed(c.interval.difference),
            f"{_signed(c.interval.low)} to {_signed(c.interval.high)}",
            _forest(c, reach if c in shares else _reach(c)),
            _p(c.interval.p),
            _p(c.p_holm),
            *(number(count) for count in (c.n, c.higher, c.lower, c.equal)),
        ]
        for c in changes
    )
    return table(header, rows, class_="figures changes")


def _reach(change: MetricChange) -> float:
    return max(abs(change.interval.low), abs(change.interval.high))


def _forest(change: MetricChange, reach: float) -> Html:
    """Return an interval as a line beside the zero in the middle, in a colour where the corrected p is below .05."""

    def place(value: float) -> float:
        return 50 + 50 * value / reach if reach > 0 else 50.0

    low, high = place(change.interval.low), place(change.interval.high)
    line = element("i", style=f"left:{low:.1f}%;width:{high - low:.1f}%")
    dot = element("b", style=f"left:{place(change.interval.difference):.1f}%")
    sure = "" if change.p_holm >= 0.05 else " up" if change.interval.difference > 0 else " down"
    return element("span", line, dot, class_=f"forest{sure}", aria_hidden="true")


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}"


def _differences(settings: Sequence[Difference]) -> Html:
    rows = ([words(s.name), _setting(s.first), _setting(s.second)] for s in settings)
    return table(["", "first", "second"], rows) if settings else element("p", "Nothing.")


def _setting(value: Any) -> str:
    return "–" if value is None else clip(str(value))


def _largest(change: MetricChange, *, unfolded: bool) -> Html:
    rows = (
        [
            element("span", clip(question.text or question.id), dir="auto", class_="asked"),
            bar(change.metric, question.first, max(1.0, question.first, question.second)),
            bar(change.metric, question.second, max(1.0, question.first, question.second), main=True),
            _signed(question.second - question.first),
            question.id,
        ]
        for question in change.largest
    )
    summary = element("summary", element("strong", words(change.metric)))
    inner = table(["question", "first", "second", "difference", "id"], rows, class_="figures questions")
    return element("details", summary, inner, class_="question", open="" if unfolded else None)
