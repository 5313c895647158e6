"""What a score is worth that should tell two classes apart: rates, rankings, thresholds, and how sure they are.

A threshold that was chosen on the claims it is measured on flatters itself, most of all where claims are few. Here it
is chosen on one half and used on the other, then the other way round, so that every claim is judged once, by a
threshold that has not seen it nor anything of its group (two-fold cross-validation).
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Scores = NDArray[np.float64]


_WEIGHTS = 1 << 21
"""Weights of the bootstrap held at a time: bounds memory to some 100 MB, whatever the number of items."""


@dataclass(frozen=True, slots=True)
class TwoFold:
    """Predictions for every item, each by the threshold of the half that it is not in.

    Attributes:
        predicted: shape (n,); True for the positive class.
        thresholds: that of the first half, chosen on the second; and that of the second, chosen on the first.
    """

    predicted: Flags
    thresholds: tuple[float, float]


def figures(labels: Flags, predicted: Flags, scores: Scores) -> dict[str, float]:
    """Return the rates of the predictions and of the ranking, by their names.

    `precision`, `recall` and `f1` are of the positive class, `f1_negative` of the other, `balanced_accuracy` is the
    mean of both classes' recall; `roc_auc` and `average_precision` are of the scores and know no threshold. All as
    scikit-learn computes them; a rate without a denominator is 0.

    Args:
        labels: shape (n,); both classes must occur.
        predicted: shape (n,).
        scores: shape (n,); higher for the positive class.

    Raises:
        UsageError: only one of the classes occurs.
    """
    from sklearn import metrics

    _check_classes(labels)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=[False, True], zero_division=0.0
    )
    return {
        "balanced_accuracy": float(recall.mean()),
        "f1": float(f1[1]),
        "f1_negative": float(f1[0]),
        "precision": float(precision[1]),
        "recall": float(recall[1]),
        "accuracy": float(metrics.accuracy_score(labels, predicted)),
        "roc_auc": float(metrics.roc_auc_score(labels, scores)),
        "average_precision": float(metrics.average_precision_score(labels, scores)),
    }


def best_threshold(labels: Flags, scores: Scores) -> float:
    """Return the threshold from which on items count as positive, so that balanced accuracy is highest.

    Of equally good ones the highest is taken, and of the gap below it the middle, which is as far as can be from
    both scores that the threshold divides.

    Raises:
        UsageError: only one of the classes occurs.
    """
    from sklearn import metrics

    _check_classes(labels)
    false_rate, true_rate, cuts = metrics.roc_curve(labels, scores, drop_intermediate=False)
    best = int(np.argmax(true_rate[1:] - false_rate[1:])) + 1  # The first cut, infinity, lets nothing through.
    below = best + 1 if best + 1 < len(cuts) else best
    return float((cuts[best] + cuts[below]) / 2)


def halves(groups: Sequence[Hashable], labels: Flags, rng: random.Random) -> Flags:
    """Divide items into two halves by group, alike in the number of both classes as far as the groups allow.

    Args:
        groups: what each item belongs to; items of one group stay together.
        labels: shape (n,).
        rng: settles the order in which groups are dealt out.

    Returns:
        True for the items of the first half, shape (n,).
    """
    members: dict[Hashable, list[int]] = {}
    for item, group in enumerate(groups):
        members.setdefault(group, []).append(item)
    order = list(members)
    rng.shuffle(order)
    first = np.zeros(len(groups), np.bool_)
    surplus = np.zeros(2)  # Of the first half over the second, by class.
    for group in order:
        count = np.bincount(labels[members[group]].astype(np.int64), minlength=2)
        to_first = np.abs(surplus + count).sum() <= np.abs(surplus - count).sum()
        surplus += count if to_first else -count
        first[members[group]] = to_first
    return first


def two_fold(labels: Flags, scores: Scores, first: Flags) -> TwoFold:
    """Judge each half by the threshold that is best on the other.

    Args:
        labels: shape (n,).
        scores: shape (n,).
        first: True for the items of the first half, shape (n,).

    Raises:
        UsageError: only one of the classes occurs in a half.
    """
    thresholds = (best_threshold(labels[~first], scores[~first]), best_threshold(labels[first], scores[first]))
    return TwoFold(scores >= np.where(first, *thresholds), thresholds)


def intervals(
    labels: Flags,
    predicted: Flags,
    scores: Scores,
    groups: Sequence[Hashable],
    *,
    samples: int = 1000,
    seed: int = 13,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile interval of each of `figures`, by the bootstrap over groups.

    Predictions are kept as they are: the interval is that of these thresholds. Resamples with one class are drawn
    again, which only happens where there are few groups.

    Args:
        labels: shape (n,).
        predicted: shape (n,).
        scores: shape (n,).
        groups: what each item belongs to; groups are drawn, with all their items.
        samples: resamples to draw.
        seed: of the resamples.

    Raises:
        UsageError: only one of the classes occurs, or fewer than one resample is asked for.
    """
    if samples < 1:
        raise UsageError(f"the bootstrap needs at least one resample, not {samples}")
    _check_classes(labels)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    member = np.array([numbers[group] for group in groups])
    rng = np.random.default_rng(seed)
    found: list[dict[str, NDArray[np.float64]]] = []
    missing, at_once = samples, max(1, _WEIGHTS // len(labels))
    while missing:
        drawn = rng.integers(len(numbers), size=(min(missing, at_once), len(numbers)))
        times = np.stack([np.bincount(row, minlength=len(numbers)) for row in drawn])
        weights = times[:, member].astype(np.float64)
        weights = weights[weights[:, labels].any(axis=1) & weights[:, ~labels].any(axis=1)]
        found.append(_rates(labels, predicted, weights) | _rankings(labels, scores, weights))
        missing -= len(weights)
    every = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    bounds = {name: np.quantile(values, (0.025, 0.975)) for name, values in every.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _rates(labels: Flags, predicted: Flags, weights: Scores) -> dict[str, Scores]:
    """Return the rates of `figures` for many weightings at once, each of shape (samples,).

    Args:
        labels: shape (n,).
        predicted: shape (n,), or (samples, n).
        weights: shape (samples, n), or (1, n).
    """
    hit, miss = (weights * (labels & predicted)).sum(axis=1), (weights * (labels & ~predicted)).sum(axis=1)
    alarm, right = (weights * (~labels & predicted)).sum(axis=1), (weights * (~labels & ~predicted)).sum(axis=1)
    recall = _share(hit, hit + miss)
    return {
        "balanced_accuracy": (recall + _share(right, right + alarm)) / 2,
        "f1": _share(2 * hit, 2 * hit + alarm + miss),
        "f1_negative": _share(2 * right, 2 * right + alarm + miss),
        "precision": _share(hit, hit + alarm),
        "recall": recall,
        "accuracy": _share(hit + right, hit + right + alarm + miss),
    }


def _rankings(labels: Flags, scores: Scores, weights: Scores) -> dict[str, Scores]:
    """Return ROC-AUC and average precision for many weightings at once, each of shape (samples,); ties count half."""
    distinct = np.unique(-scores, return_inverse=True)[1]
    starts = np.unique(np.sort(distinct), return_index=True)[1]
    order = np.argsort(distinct, kind="stable")
    weights, ordered = weights[:, order], labels[order]
    positive = np.add.reduceat(weights * ordered, starts, axis=1)
    negative = np.add.reduceat(weights * ~ordered, starts, axis=1)
    found, alarms = positive.cumsum(axis=1), negative.cumsum(axis=1)
    below = alarms[:, -1:] - alarms + negative / 2
    return {
        "roc_auc": (positive * below).sum(axis=1) / (found[:, -1] * alarms[:, -1]),
        "average_precision": (positive * _share(found, found + alarms)).sum(axis=1) / found[:, -1],
    }


def _share(part: Scores, whole: Scores) -> Scores:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def reliability(labels: Flags, scores: Scores, bins: int = 10) -> list[dict[str, float]]:
    """Return the reliability curve: mean score and share of the positive class, in bins of equal width from 0 to 1.

    Empty bins are left out. A score that is a probability has both equal in each bin (DeGroot and Fienberg, 1983).
    """
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    return [
        {"score": float(scores[inside].mean()), "positive": float(labels[inside].mean()), "n": int(inside.sum())}
        for number in range(bins)
        if (inside := place == number).any()
    ]


def roc_points(labels: Flags, scores: Scores) -> list[dict[str, float]]:
    """Return the ROC curve from (0, 0) to (1, 1), points on a straight line left out."""
    from sklearn import metrics

    false_rate, true_rate, _ = metrics.roc_curve(labels, scores)
    return [{"fpr": float(x), "tpr": float(y)} for x, y in zip(false_rate, true_rate, strict=True)]


def threshold_points(labels: Flags, scores: Scores, steps: int = 50) -> list[dict[str, float]]:
    """Return the rates at evenly spaced thresholds from 0 to 1, both included."""
    thresholds = np.linspace(0, 1, steps + 1).round(6)
    rates = _rates(labels, scores >= thresholds[:, None], np.ones((1, len(labels))))
    return [
        {"threshold": float(threshold)} | {name: float(values[number]) for name, values in rates.items()}
        for number, threshold in enumerate(thresholds)
    ]


def _check_classes(labels: Flags) -> None:
    if not labels.any() or labels.all():
        raise UsageError(
            f"all of {len(labels)} labels are {'positive' if len(labels) and labels.all() else 'negative'}",
            "measure with more claims, of both kinds",
        )
