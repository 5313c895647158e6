"""How sure a mean, or the difference of two means, is: the bootstrap over questions.

The questions that were measured are a sample of those that could have been asked. Drawing from them with replacement,
thousands of times, shows how far the mean moves with the sample (Efron and Tibshirani 1993, "An Introduction to the
Bootstrap"; for the comparison of two retrieval systems Sakai, SIGIR 2006, and Smucker et al., CIKM 2007). Questions
about one document succeed and fail together: named as `groups`, they are drawn together, which widens the interval to
what it is (the cluster bootstrap, Davison and Hinkley 1997, §3.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DRAWS = 1 << 22  # questions drawn at a time: bounds memory to some 64 MB, whatever the number of questions
_TIE = 1e-12  # resampled means this close to the bound of the test are equal to it but for rounding


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference of two means: the estimate, its 95 % interval, and a test.

    Attributes:
        difference: mean of the second less mean of the first.
        low: lower end of the interval, its 2.5 % quantile over resamples.
        high: upper end, the 97.5 % quantile.
        p: probability of a difference at least this large, in either direction, were the two equally good.
    """

    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of one system's values, and its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    a: Sequence[float],
    b: Sequence[float],
    *,
    samples: int = 10_000,
    seed: int = 13,
    groups: Sequence[str] | None = None,
) -> Interval:
    """Compare two systems on the same questions.

    The interval is the percentile interval. The test is the bootstrap shift test of Smucker et al. (2007): the
    resampled differences are moved so that their centre is zero, and p is the share of them that lies at least as far
    out as the observed difference; the observed one counts as a resample, so that p is never zero.

    Args:
        a: values of the first system, one for each question.
        b: values of the second system, for the same questions in the same order.
        samples: resamples to draw.
        seed: of the resamples.
        groups: what each question belongs to, such as its document, if questions are to be drawn group by group.

    Raises:
        UsageError: there are no values, the lengths differ, or a value is not finite.
    """
    if len(a) != len(b):
        raise UsageError(f"paired values must be as many on both sides, not {len(a)} and {len(b)}")
    change = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    difference, means = _resample(change, samples, seed, groups)
    beyond = int(np.count_nonzero(np.abs(means - difference) >= abs(difference) - _TIE))
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(difference, float(low), float(high), (beyond + 1) / (samples + 1))


def interval(
    values: Sequence[float], *, samples: int = 10_000, seed: int = 13, groups: Sequence[str] | None = None
) -> Mean:
    """Return the mean of one system's values with its 95 % percentile interval; arguments as in `paired_bootstrap`.

    Raises:
        UsageError: there are no values, or one is not finite.
    """
    mean, means = _resample(np.asarray(values, np.float64), samples, seed, groups)
    low, high = np.quantile(means, (0.025, 0.975))
    return Mean(mean, float(low), float(high))


def _resample(
    values: NDArray[np.float64], samples: int, seed: int, groups: Sequence[str] | None
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean of `values` and its bootstrap distribution, shape (samples,)."""
    if samples < 1:
        raise UsageError(f"the bootstrap needs at least one resample, not {samples}")
    if not len(values):
        raise UsageError("the bootstrap needs at least one value")
    if not np.isfinite(values).all():
        raise UsageError("the bootstrap needs finite values", "leave out questions without a value")
    sums, counts = values, np.ones(len(values))
    if groups is not None:
        if len(groups) != len(values):
            raise UsageError(f"there must be one group for each value, not {len(groups)} for {len(values)}")
        _, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        sums = np.bincount(member, values).astype(np.float64)
        counts = np.bincount(member).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    step = max(1, _DRAWS // len(sums))
    for start in range(0, samples, step):
        drawn = rng.integers(len(sums), size=(min(step, samples - start), len(sums)))
        means[start : start + step] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return float(values.mean()), means
