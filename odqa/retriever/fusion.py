"""Fuse rankings, or what is known of each item, into one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import ConfigError

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


@dataclass(frozen=True, slots=True)
class LinearFusion:
    """A weighted sum of features, with weights learned from questions whose evidence is known.

    Attributes:
        weights: by the feature's name; features that are not named count nothing.
    """

    weights: Mapping[str, float]

    def scores(self, names: Sequence[str], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one score for each row of features, shape (items, len(names))."""
        total: NDArray[np.float64] = features @ np.array([self.weights.get(name, 0.0) for name in names])
        return total

    def parts(self, names: Sequence[str], row: NDArray[np.float64]) -> dict[str, float]:
        """Return what each feature of an item adds to its score, those that add nothing left out."""
        return {name: added for name, value in zip(names, row.tolist(), strict=True)
                if (added := value * self.weights.get(name, 0.0))}  # fmt: skip

    @classmethod
    def checked(cls, weights: object, names: Sequence[str], source: str) -> LinearFusion:
        """Take weights from a file.

        Args:
            weights: what the file holds.
            names: of the features there are.
            source: what to call it in errors.

        Raises:
            ConfigError: they are no numbers by name, or name features that do not exist.
        """
        if not isinstance(weights, dict) or not all(isinstance(value, int | float) for value in weights.values()):
            raise ConfigError(f"{source}: weights are numbers by name", "`odqa train fusion` writes such a file")
        if strange := sorted(weights.keys() - set(names)):
            raise ConfigError(f"{source}: there is no feature {strange[0]!r}", f"there are: {', '.join(names)}")
        if not all(np.isfinite(value) for value in weights.values()):
            raise ConfigError(f"{source}: a weight is not finite", "`odqa train fusion` writes such a file")
        return cls({name: float(value) for name, value in weights.items()})
