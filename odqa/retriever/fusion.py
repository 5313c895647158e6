"""Fuse rankings into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def reciprocal_rank(
    rankings: Sequence[NDArray[np.int64]], *, k: int = 60, weights: Sequence[float] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Fuse rankings by reciprocal rank (Cormack, Clarke and Büttcher 2009): score = Σ weight / (k + rank).

    Args:
        rankings: item numbers, best first, each item at most once in a ranking.
        k: constant that damps the first ranks.
        weights: one for each ranking; 1 if None.

    Returns:
        Items and scores, best first; items of equal score in the order of their numbers.
    """
    weights = weights or [1.0] * len(rankings)
    items = np.concatenate([*rankings, np.zeros(0, np.int64)]).astype(np.int64)
    parts = [w / (k + np.arange(1, len(r) + 1)) for r, w in zip(rankings, weights, strict=True)]
    scores = np.concatenate([*parts, np.zeros(0)])
    unique, place = np.unique(items, return_inverse=True)
    total = np.bincount(place, scores, minlength=len(unique)).astype(np.float64)
    order = np.argsort(-total, kind="stable")
    return unique[order], total[order]
