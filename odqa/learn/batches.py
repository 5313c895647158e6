"""Batches of what fits in memory; those of a training set on disk are in odqa.data.stream.

Each is a function of epoch and place alone, which is what lets a training go on exactly where it was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from odqa.data.stream import Batches
from odqa.data.stream.batches import check_place
from odqa.errors import UsageError

__all__ = ["Batches", "Shuffled"]

T = TypeVar("T")


class Shuffled(Generic[T]):
    """Batches of examples that are at hand, in another order each epoch.

    Args:
        examples: anything with a length and items.
        size: examples of a batch; the last of an epoch may have fewer.
        seed: of the orders.
        key: identity of the examples, such as a hash of them; without one they are told from others by their number
            only.

    Raises:
        UsageError: there are no examples, or the size is below 1.
    """

    def __init__(self, examples: Sequence[T], size: int, seed: int, *, key: str = "") -> None:
        if not examples:
            raise UsageError("there are no examples to learn from")
        if size < 1:
            raise UsageError(f"a batch of {size} examples holds none", "choose 1 or more")
        self._examples, self._size, self._seed, self._key = examples, size, seed, key
        self._order: tuple[int, NDArray[np.int64]] | None = None

    @property
    def fingerprint(self) -> str:
        """Return what the batches depend on, in words."""
        return f"shuffled/{len(self._examples)}/{self._size}/{self._seed}/{self._key}"

    def count(self, epoch: int) -> int:
        """Return how many batches an epoch has: the same for each."""
        return math.ceil(len(self._examples) / self._size)

    def batch(self, epoch: int, place: int) -> list[T]:
        """Return the batch at a place of an epoch.

        Raises:
            UsageError: the epoch has no such place.
        """
        check_place(self, epoch, place)
        if self._order is None or self._order[0] != epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(self._examples))
            self._order = epoch, order
        else:
            order = self._order[1]
        return [self._examples[n] for n in order[place * self._size : (place + 1) * self._size].tolist()]
