"""Columns of numbers: grown part by part, made distinct, cut into ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]


@dataclass(slots=True)
class Columns:
    """Columns that grow segment by segment."""

    columns: dict[str, list[NDArray[Any]]] = field(default_factory=dict)

    def add(self, **arrays: NDArray[Any]) -> None:
        """Append rows; every call names the same columns."""
        for name, array in arrays.items():
            self.columns.setdefault(name, []).append(array)

    def joined(self, **kinds: Any) -> dict[str, NDArray[Any]]:
        """Return whole columns of the given kinds, none missing."""
        return {
            name: np.concatenate(self.columns[name]).astype(kind, copy=False)
            if name in self.columns
            else np.zeros(0, kind)
            for name, kind in kinds.items()
        }


def first_of(*columns: NDArray[Any]) -> Numbers:
    """Return the first row of each distinct combination, the columns being in their original order; ascending."""
    order = np.lexsort(columns[::-1])
    new = np.ones(len(order), np.bool_)
    if len(order):
        new[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    return np.sort(order[new])


def ranges(first: Numbers, count: Numbers) -> Numbers:
    """Return the numbers from each `first` on, `count` of them, one run after the other."""
    total = np.cumsum(count)
    return np.repeat(first - (total - count), count) + np.arange(int(total[-1]) if len(total) else 0)
