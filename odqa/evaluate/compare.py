"""Two results on the same questions: what changed, how sure that is, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from odqa.errors import UsageError
from odqa.evaluate.bootstrap import Interval, paired_bootstrap
from odqa.evaluate.result import Result
from odqa.evaluate.storage import plain

LARGEST = 10
"""Questions shown for each metric, those whose figure changed most."""

_SAME = 1e-9  # Figures are saved with six decimals; what is closer than this differs by rounding only.

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QuestionChange:
    """A question that two systems do not answer equally well."""

    id: str
    text: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A metric that is known for each question, over the questions that both results have it for.

    Attributes:
        metric: its name.
        n: questions compared.
        first: mean of the first result over these questions.
        second: mean of the second.
        interval: their difference with its 95 % interval and p, by paired bootstrap.
        p_holm: p corrected for the number of metrics compared (Holm, 1979).
        higher: questions whose figure is higher in the second result.
        lower: questions whose figure is lower in it.
        equal: questions without a change.
        largest: questions that changed most, the largest change first.
    """

    metric: str
    n: int
    first: float
    second: float
    interval: Interval
    p_holm: float
    higher: int
    lower: int
    equal: int
    largest: tuple[QuestionChange, ...]


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure of the whole evaluation, with no value for single questions and so no interval."""

    metric: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        """The second less the first."""
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting whose value is not the same in both; None where one of them does not have it."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a second result has over a first.

    Attributes:
        task: what was measured.
        dataset: on what.
        n: questions that both measured.
        metrics: the metrics known for each question, in the order of the first result.
        figures: the other metrics that both have.
        settings: settings that differ.
        notes: sentences that a reader of the figures has to know.
    """

    task: str
    dataset: str
    n: int
    metrics: tuple[MetricChange, ...]
    figures: tuple[FigureChange, ...]
    settings: tuple[Difference, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as an object for JSON, numbers rounded to six decimals."""
        record: dict[str, Any] = plain(self)
        for figure, change in zip(record["figures"], self.figures, strict=True):
            figure["difference"] = plain(change.difference)
        return record


def compare(first: Result, second: Result, *, samples: int = 10_000) -> Comparison:
    """Compare two results question by question; questions that only one of them has are left out and noted.

    Where the rows of both name a `group`, such as the document of a claim, resampling goes by group.

    Args:
        first: the result to compare with.
        second: the result to judge.
        samples: resamples of the bootstrap.

    Raises:
        UsageError: the two measure different things, or have no question in common.
    """
    for what, a, b in (("tasks", first.task, second.task), ("data sets", first.dataset, second.dataset)):
        if a != b:
            raise UsageError(f"results of different {what} cannot be compared: {a} and {b}")
    pairs = list(_pairs(first.rows, second.rows))
    if not pairs:
        raise UsageError("the two results have no question in common", "compare results of the same questions")
    names = _shared([row for row, _ in pairs], [row for _, row in pairs])
    changes = [change for name in names if (change := _compare_metric(name, pairs, samples)) is not None]
    compared = {change.metric for change in changes}
    figures = [
        FigureChange(name, first.metrics[name], second.metrics[name])
        for name in first.metrics
        if name in second.metrics and name not in compared
    ]
    return Comparison(
        first.task,
        first.dataset,
        len(pairs),
        tuple(_correct(changes)),
        tuple(figures),
        tuple(_different_settings(first.settings, second.settings)),
        tuple(_notes(first, second, pairs)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, step down (Holm 1979, "A simple sequentially rejective …")."""
    corrected = [1.0] * len(p_values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, (len(p_values) - rank) * p_values[place])
        corrected[place] = min(1.0, least)
    return corrected


def _pairs(first: Sequence[Row], second: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    by_id = {row["id"]: row for row in second}
    for row in first:
        if (other := by_id.get(row["id"])) is not None:
            yield row, other


def _shared(first: Sequence[Row], second: Sequence[Row]) -> list[str]:
    """Return the metrics that rows on both sides have, in the order in which they appear."""
    ours, theirs = (dict.fromkeys(name for row in rows for name in row.get("metrics", ())) for rows in (first, second))
    return [name for name in ours if name in theirs]


def _compare_metric(name: str, pairs: Sequence[tuple[Row, Row]], samples: int) -> MetricChange | None:
    known = [(row, *values) for row, other in pairs if (values := _values(name, row, other)) is not None]
    if not known:
        return None
    rows, first, second = zip(*known, strict=True)
    groups = [row.get("group") for row in rows]
    grouped = [str(group) for group in groups] if all(groups) else None
    changes = [b - a if abs(b - a) > _SAME else 0.0 for a, b in zip(first, second, strict=True)]
    found = paired_bootstrap(first, second, samples=samples, groups=grouped)
    changed = sorted((i for i, change in enumerate(changes) if change), key=lambda i: -abs(changes[i]))
    return MetricChange(
        metric=name,
        n=len(known),
        first=math.fsum(first) / len(known),
        second=math.fsum(second) / len(known),
        interval=found,
        p_holm=found.p,
        higher=sum(change > 0 for change in changes),
        lower=sum(change < 0 for change in changes),
        equal=len(known) - len(changed),
        largest=tuple(
            QuestionChange(rows[i]["id"], str(rows[i].get("question", "")), first[i], second[i])
            for i in changed[:LARGEST]
        ),
    )


def _values(name: str, row: Row, other: Row) -> tuple[float, float] | None:
    a, b = row.get("metrics", {}).get(name), other.get("metrics", {}).get(name)
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return None
    return float(a), float(b)


def _correct(changes: Sequence[MetricChange]) -> Iterator[MetricChange]:
    for change, corrected in zip(changes, holm([change.interval.p for change in changes]), strict=True):
        yield replace(change, p_holm=corrected)


def _different_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*first, *second]):
        a, b = first.get(name), second.get(name)
        if a != b:
            yield Difference(name, a, b)


def _notes(first: Result, second: Result, pairs: Sequence[tuple[Row, Row]]) -> Iterator[str]:
    if first.split != second.split:
        yield f"The splits differ: {first.split or 'all'} and {second.split or 'all'}."
    for which, result in (("first", first), ("second", second)):
        if left := len(result.rows) - len(pairs):
            yield f"{left:,} of the {len(result.rows):,} questions of the {which} result are not in the other."
    if reworded := sum(row.get("question") != other.get("question") for row, other in pairs):
        yield f"{reworded:,} questions have the same id in both but other words: the data set may have changed."
    if dict(first.corpus) != dict(second.corpus):
        yield "The corpora differ in size or in what was found of their gold evidence."
