"""Runs side by side: the settings and data that differ, what was reached when, and the curves."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from odqa.errors import UsageError
from odqa.learn.experiment.place import machine_words
from odqa.learn.experiment.record import Line, RunRecord
from odqa.models.about import flat

POINTS = 200
"""Points of a curve; a longer log is averaged over as many equal ranges of steps."""

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """A value of each run; None where a run does not have it."""

    name: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        """Tell whether the runs do not all have the same."""
        return any(value != self.values[0] for value in self.values[1:])


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in figures.

    Attributes:
        label: a letter and the run's name: unlike those of all others.
        record: the run.
        best_step: step of the best weights; None where nothing was held out.
        best: held-out figures of these.
        last: held-out figures of the last judgement.
        loss: mean training loss of the last tenth of the steps; NaN where none was logged.
        targets_per_second: median over the log.
    """

    label: str
    record: RunRecord
    best_step: int | None
    best: Figures
    last: Figures
    loss: float
    targets_per_second: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure over the course of each run.

    Attributes:
        name: `loss`, or a held-out figure's.
        held_out: whether it is of what was held out.
        points: of each run: step, seconds, value.
    """

    name: str
    held_out: bool
    points: tuple[tuple[tuple[int, float, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes:
        runs: in the order given.
        settings: those that differ.
        data: what differs of the data.
        circumstances: versions, commit, machine and command, as far as they differ.
        curves: of loss and held-out figures.
        notes: sentences that a reader has to know.
    """

    runs: tuple[Summary, ...]
    settings: tuple[Row, ...]
    data: tuple[Row, ...]
    circumstances: tuple[Row, ...]
    curves: tuple[Curve, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as an object for JSON; figures that are not finite are null."""
        labels = [run.label for run in self.runs]
        return {
            "runs": [_run_json(run) for run in self.runs],
            "settings": {row.name: dict(zip(labels, row.values, strict=True)) for row in self.settings},
            "data": {row.name: dict(zip(labels, row.values, strict=True)) for row in self.data},
            "circumstances": {row.name: dict(zip(labels, row.values, strict=True)) for row in self.circumstances},
            "curves": [
                {
                    "name": curve.name,
                    "held_out": curve.held_out,
                    "points": {
                        label: [[step, seconds, _finite(value)] for step, seconds, value in points]
                        for label, points in zip(labels, curve.points, strict=True)
                    },
                }
                for curve in self.curves
            ],
            "notes": list(self.notes),
        }


def compare_runs(records: Sequence[RunRecord]) -> Comparison:
    """Set runs side by side; one run alone is shown by itself.

    Raises:
        UsageError: there are none, or more than can be told apart.
    """
    if not records:
        raise UsageError("there is no run to compare", "name the folders of runs")
    if len(records) > len(_LETTERS):
        raise UsageError(f"{len(records)} runs cannot be compared at once", f"name at most {len(_LETTERS)}")
    runs = tuple(_summary(letter, record) for letter, record in zip(_LETTERS, records, strict=False))
    return Comparison(
        runs=runs,
        settings=tuple(_rows([record.settings for record in records])),
        data=tuple(_rows([record.data for record in records])),
        circumstances=tuple(_rows([_circumstances(record) for record in records])),
        curves=tuple(_curves(records)),
        notes=tuple(_notes(runs)),
    )


def thinned(lines: Sequence[Line], name: str, most: int = POINTS) -> tuple[tuple[int, float, float], ...]:
    """Return step, seconds and value of a figure, averaged over equal ranges of steps where there are more than `most`.

    Args:
        lines: of one event, in order.
        name: of the figure.
        most: points.
    """
    known = [
        (line.step, line.seconds, line.figures[name])
        for line in lines
        if math.isfinite(line.figures.get(name, math.nan))
    ]
    if len(known) <= most:
        return tuple(known)
    width = (known[-1][0] + 1) / most
    ranges: dict[int, list[tuple[int, float, float]]] = {}
    for point in known:
        ranges.setdefault(int(point[0] / width), []).append(point)
    return tuple(
        (part[-1][0], part[-1][1], math.fsum(value for *_, value in part) / len(part)) for part in ranges.values()
    )


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _summary(letter: str, record: RunRecord) -> Summary:
    best = record.best
    tail = record.steps[-max(1, len(record.steps) // 10) :]
    losses = _known(tail, "loss")
    speeds = _known(record.steps, "targets_per_second")
    return Summary(
        label=f"{letter} {record.name}",
        record=record,
        best_step=None if best is None else best.step,
        best={} if best is None else best.figures,
        last=record.held_out[-1].figures if record.held_out else {},
        loss=math.fsum(losses) / len(losses) if losses else math.nan,
        targets_per_second=statistics.median(speeds) if speeds else math.nan,
    )


def _known(lines: Iterable[Line], name: str) -> list[float]:
    values = (line.figures.get(name, math.nan) for line in lines)
    return [value for value in values if math.isfinite(value)]


def _rows(all_values: Sequence[Mapping[str, Any]]) -> Iterable[Row]:
    """Yield what differs, by dotted names, in the order in which it appears."""
    columns = [flat(values) for values in all_values]
    for name in dict.fromkeys(name for column in columns for name in column):
        row = Row(name, tuple(column.get(name) for column in columns))
        if row.differs:
            yield row


def _circumstances(record: RunRecord) -> dict[str, str]:
    found = {**record.versions, "commit": record.commit, "machine": machine_words(record.machine)}
    return {name: value for name, value in found.items() if value}


def _curves(records: Sequence[RunRecord]) -> Iterable[Curve]:
    for name, held_out in (("loss", False), *((name, True) for name in _held_out_names(records))):
        points = tuple(thinned(record.held_out if held_out else record.steps, name) for record in records)
        if any(points):
            yield Curve(name, held_out, points)


def _held_out_names(records: Sequence[RunRecord]) -> list[str]:
    """Return the held-out figures, those that decide first."""
    names = dict.fromkeys(name for record in records for line in record.held_out for name in line.figures)
    deciding = {record.deciding for record in records}
    return sorted(names, key=lambda name: name not in deciding)


def _notes(runs: Sequence[Summary]) -> Iterable[str]:
    for run in runs:
        record = run.record
        if record.status == "running":
            yield f"{run.label} has no end: it is running, or was killed; it can be taken up where it stopped."
        elif record.status == "failed":
            yield f"{run.label} failed: {record.error}"
        elif record.status == "stopped":
            yield f"{run.label} was stopped ({record.stopped or 'by hand'}) and can be taken up."
        if record.unreadable:
            yield f"{run.label}: {record.unreadable:,} lines of the log could not be read."
        yield from (f"{run.label}: {note}" for note in record.notes)
    if len({record_of.record.deciding for record_of in runs}) > 1:
        yield "The best weights were not chosen by the same figure in all runs."


def _run_json(run: Summary) -> dict[str, Any]:
    record = run.record
    plain = {
        spec.name: getattr(record, spec.name)
        for spec in dataclasses.fields(record)
        if spec.name not in {"folder", "steps", "held_out", "figures"}
    }
    return {
        "label": run.label,
        "folder": str(record.folder),
        **plain,
        "step": record.step,
        "best_step": run.best_step,
        "best": _finites(run.best),
        "last": _finites(run.last),
        "final": _finites(record.figures),
        "loss": _finite(run.loss),
        "targets_per_second": _finite(run.targets_per_second),
    }


def _finites(figures: Figures) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in figures.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
