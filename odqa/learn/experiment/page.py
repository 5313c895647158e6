"""Runs side by side as one HTML page that needs nothing else to be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from odqa import __version__
from odqa.errors import UsageError
from odqa.evaluate.report.parts import (
    Html,
    chart_figure,
    clip,
    element,
    pairs,
    remarks,
    section,
    systems_table,
    table,
    write_page,
)
from odqa.evaluate.report.plots import draw_curve
from odqa.evaluate.report.terms import duration, number, words
from odqa.learn.experiment.compare import Comparison, Curve, Row, Summary
from odqa.learn.experiment.place import machine_words
from odqa.learn.experiment.record import Sample

_DRAWN = 6
"""Runs in a plot: more lines cannot be told apart."""
_SAMPLES = 5
_BY_TIME = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


def write_runs(comparison: Comparison, path: Path) -> str:
    """Write a comparison of runs as a page, without its curves where matplotlib is not installed.

    Args:
        comparison: of one or more runs.
        path: the file.

    Returns:
        Why there are no curves; "" where there are.

    Raises:
        LoadError: the file cannot be written.
    """
    lacking = ""
    try:
        charts = list(_charts(comparison))
    except UsageError as error:
        charts, lacking = [], str(error)
    runs = comparison.runs
    notes = [*comparison.notes, *([f"No curves: {lacking}"] if lacking else [])]
    if len(runs) > _DRAWN:
        notes.append(f"The curves show the first {_DRAWN} runs.")
    labels = [run.label for run in runs]
    sections = [
        remarks(notes),
        section("Held out", *_held_out(runs), about="At the best weights, and at the last ones that were judged."),
        section("At the end", systems_table({run.label: run.record.figures for run in runs})),
        section("What differs in the settings", _differences(comparison.settings, labels)),
        section("What differs in the data", _differences(comparison.data, labels) if comparison.data else ""),
        section("Curves", element("div", *charts, class_="charts") if charts else ""),
        section("How it went", table(["", *labels], _course(runs))),
        section("What differs elsewhere", _differences(comparison.circumstances, labels) if len(runs) > 1 else ""),
        section("What the models wrote", *(_written(run) for run in runs), about="At the last steps of each run."),
        section("Settings", pairs(_shown(runs[0].record.settings)) if len(runs) == 1 else ""),
    ]
    title = " and ".join(run.record.name for run in runs) if len(runs) <= 2 else f"{len(runs)} runs"
    facts = [f"{len(runs)} run{'s' if len(runs) > 1 else ''}", f"odqa {__version__}"]
    write_page(path, title, "odqa training", facts, sections)
    return lacking


def course(run: Summary) -> dict[str, str]:
    """Return how a run went, in words by what they are about."""
    record = run.record
    seconds = duration(record.seconds) if record.seconds < 7200 else f"{record.seconds / 3600:.1f} h"
    resumed = f", {len(record.sittings)} sittings" if len(record.sittings) > 1 else ""
    return {
        "status": f"{record.status} ({record.stopped})" if record.stopped else record.status,
        "started": record.started,
        "steps": f"{record.step:,}",
        "best step": "–" if run.best_step is None else f"{run.best_step:,}",
        "training loss": number(run.loss),
        "targets/s": number(run.targets_per_second),
        "time": f"{seconds}{resumed}",
        "machine": machine_words(record.machine) or "–",
    }


def _held_out(runs: Sequence[Summary]) -> Iterator[Html]:
    systems = {run.label: {**run.best, **{f"{name} at the end": v for name, v in run.last.items()}} for run in runs}
    if any(systems.values()):
        yield systems_table(systems, [runs[0].record.deciding])


def _differences(rows: Sequence[Row], labels: Sequence[str]) -> Html:
    if len(labels) < 2:
        return Html()
    shown = ([row.name, *(_value(value) for value in row.values)] for row in rows)
    return table(["", *labels], shown) if rows else element("p", "Nothing.")


def _value(value: Any) -> str:
    return clip(str(value)) if isinstance(value, list | dict) else number(value)


def _shown(settings: Mapping[str, Any]) -> dict[str, object]:
    return {name: clip(str(value)) if isinstance(value, list | dict) else value for name, value in settings.items()}


def _course(runs: Sequence[Summary]) -> Iterator[list[str]]:
    columns = [course(run) for run in runs]
    for name in columns[0]:
        yield [name, *(column[name] for column in columns)]


def _charts(comparison: Comparison) -> Iterator[Html]:
    labels = [run.label for run in comparison.runs][:_DRAWN]
    longest = max((run.record.seconds for run in comparison.runs), default=0.0)
    unit, name = next((unit, name) for least, unit, name in _BY_TIME if longest >= least)
    for place, curve in enumerate(comparison.curves):
        about = "Mean over the targets." if not curve.held_out else ""
        for x in ("step", name):
            points = list(_points(curve, labels, x, unit))
            title = f"{_title(curve)} by {'steps' if x == 'step' else 'time'}"
            # The chart's own name says nothing, so that no figure of ours is taken for one that the report knows.
            if (chart := draw_curve(f"chart-{place}-{x}", points)) is not None:
                svg = chart.svg.replace(escape(chart.title, quote=True), escape(title, quote=True), 1)
                yield chart_figure(dataclasses.replace(chart, title=title, about=about, svg=svg), points)


def _points(curve: Curve, labels: Sequence[str], x: str, unit: float) -> Iterator[dict[str, float]]:
    """Yield a point for each value of each run, named so that no run's name is taken for an axis."""
    for label, points in zip(labels, curve.points, strict=False):
        series = label if len(labels) > 1 else _title(curve)
        for step, seconds, value in points:
            yield {x: float(step) if x == "step" else round(seconds / unit, 3), series: value}


def _title(curve: Curve) -> str:
    return f"{words(curve.name)}, held out" if curve.held_out else f"{words(curve.name)} in training".capitalize()


def _written(run: Summary) -> Html:
    """Return what the model of a run wrote last, beside what it should have written."""
    samples = list(run.record.samples())
    last = [sample for sample in samples if sample.step == samples[-1].step]
    if not last:
        return Html()
    rows = (_sample(sample) for sample in islice(last, _SAMPLES))
    return Html(element("h3", f"{run.label}, step {last[0].step:,}") + "".join(rows))


def _sample(sample: Sample) -> Html:
    sides = [
        element("div", element("h3", head), element("blockquote", clip(text), dir="auto"))
        for head, text in (("written", sample.text), ("wanted", sample.wanted))
        if text
    ]
    asked = element("p", clip(sample.asked), dir="auto") if sample.asked else Html()
    return element("div", asked, element("div", *sides, class_="sides"), class_="question")
