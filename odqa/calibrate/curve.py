"""What a probability of being answered is worth: discrimination, calibration, and risk against coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 10
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(frozen=True, slots=True)
class Point:
    """What is answered at one threshold.

    Attributes:
        threshold: the smallest probability that is answered.
        coverage: share of all questions that are answered.
        risk: share of the answered ones that are answered wrongly.
    """

    threshold: float
    coverage: float
    risk: float


def risk_coverage(probabilities: Sequence[float], right: Sequence[bool]) -> list[Point]:
    """Return the risk–coverage curve (El-Yaniv and Wiener 2010), a point for each probability, the surest first.

    Args:
        probabilities: of each question, that it is answered.
        right: whether answering it is right.
    """
    values, correct = _sorted(probabilities, right)
    if not len(values):
        return []
    wrong, answered = np.cumsum(~correct), np.arange(1, len(values) + 1)
    last = np.append(values[1:] != values[:-1], True)
    rows = zip(values[last], answered[last], wrong[last], strict=True)
    return [Point(float(value), float(n / len(values)), float(w / n)) for value, n, w in rows]


def area(curve: Sequence[Point]) -> float:
    """Return the area under a risk–coverage curve (AURC; Geifman, Uziel and El-Yaniv 2019).

    It is the mean risk over all coverages. Questions of one probability are answered together, so each of them counts
    with the risk of all.
    """
    widths = np.diff([0.0, *(point.coverage for point in curve)])
    return float(widths @ np.array([point.risk for point in curve])) if curve else 0.0


def choose(curve: Sequence[Point], risk: float) -> Point | None:
    """Return the point of largest coverage whose risk is at most `risk`; None where even the surest has more."""
    return next((point for point in reversed(curve) if point.risk <= risk), None)


def at(curve: Sequence[Point], threshold: float) -> Point:
    """Return the point where everything from a threshold upwards is answered."""
    answered = [point for point in curve if point.threshold >= threshold]
    return Point(threshold, answered[-1].coverage, answered[-1].risk) if answered else Point(threshold, 0.0, 0.0)


def roc_auc(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Return the chance that a right question has the higher probability (Mann–Whitney); ½ where all are one."""
    values, correct = _sorted(probabilities, right)
    wrong = np.sort(values[~correct])
    below = [np.searchsorted(wrong, values[correct], side=side) for side in _SIDES]
    return float(np.mean(below) / len(wrong)) if 0 < len(wrong) < len(values) else 0.5


def calibration_error(probabilities: Sequence[float], right: Sequence[bool]) -> float:
    """Return the expected calibration error over tenths of the scale (Guo et al. 2017)."""
    values, correct = _sorted(probabilities, right)
    bins = np.minimum((values * _BINS).astype(np.int64), _BINS - 1)
    gaps = [abs(float((values - correct)[bins == n].sum())) for n in np.unique(bins)]
    return sum(gaps) / len(values) if len(values) else 0.0


def _sorted(probabilities: Sequence[float], right: Sequence[bool]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, correct = np.array(probabilities, np.float64), np.array(right, np.bool_)
    order = np.argsort(-values, kind="stable")
    return values[order], correct[order]
