"""Batches made of others: several training sets drawn together, and the share of one process of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from odqa.data.stream.batches import Batches, check_place
from odqa.data.stream.manifest import fingerprint_of
from odqa.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")


class Mixed(Generic[T]):
    """Batches of several training sets, drawn together by weights: 7 of 10 from one, 3 of 10 from another.

    A batch comes from one of them, since their examples may differ in length and in fields. Each goes through its own
    epochs at its own pace, across those of the mixture: every example of it comes once before any comes twice. How
    many batches of an epoch come from which is exact, and the same in every epoch; their order is drawn.

    Args:
        parts: what is mixed.
        weights: of each part, above 0; their sum does not matter.
        seed: of the order.
        count: batches of an epoch, up to rounding; as many as the parts have together unless given.

    Raises:
        UsageError: weights and parts do not match, or a weight is not above 0.
    """

    def __init__(
        self, parts: Sequence[Batches[T]], weights: Sequence[float], *, seed: int = 0, count: int | None = None
    ) -> None:
        known = len(parts) == len(weights) > 0 and all(math.isfinite(weight) and weight > 0 for weight in weights)
        if not known or seed < 0 or (count is not None and count < 1):
            raise UsageError(
                "a mixture needs parts with a weight above 0 each, a seed of 0 or more and a count above 0",
                "leave out the parts that weigh nothing",
            )
        self.parts, self.weights, self.seed = tuple(parts), tuple(weights), seed
        total = sum(part.count(0) for part in parts) if count is None else count
        self.drawn = tuple(max(1, round(total * weight / sum(weights))) for weight in weights)
        """Batches of an epoch from each part."""
        self._ends: list[tuple[int, ...]] = [() for _ in parts]
        self._order = lru_cache(2)(self._make_order)

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell how another process gets it: what was drawn stays here."""
        return _mixed, (self.parts, self.weights, self.seed, sum(self.drawn))

    @property
    def fingerprint(self) -> str:
        """Identity of the parts and of how they are mixed."""
        return fingerprint_of("mixed", [part.fingerprint for part in self.parts], self.drawn, self.seed)

    def count(self, epoch: int) -> int:
        """Count the batches of an epoch: always as many."""
        return sum(self.drawn)

    def batch(self, epoch: int, place: int) -> Sequence[T]:
        """Return the examples of a batch.

        Raises:
            UsageError: the epoch has no such place.
        """
        part, number = self.source(epoch, place)
        own_epoch, own_place = self._place(part, number)
        return self.parts[part].batch(own_epoch, own_place)

    def source(self, epoch: int, place: int) -> tuple[int, int]:
        """Return which part a batch comes from, and how many of its batches came before, in earlier epochs too.

        Raises:
            UsageError: the epoch has no such place.
        """
        if epoch < 0:
            raise UsageError(f"there is no epoch {epoch}", "epochs are counted from 0")
        check_place(self, epoch, place)
        parts, earlier = self._order(epoch)
        part = int(parts[place])
        return part, epoch * self.drawn[part] + int(earlier[place])

    def _make_order(self, epoch: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Draw which part each place belongs to, and count those of the same part before it."""
        parts = np.repeat(np.arange(len(self.parts), dtype=np.int32), self.drawn)
        parts = np.random.default_rng([self.seed, epoch]).permutation(parts)
        earlier = np.empty(len(parts), np.int64)
        for part, count in enumerate(self.drawn):
            earlier[parts == part] = np.arange(count)
        return parts, earlier

    def _place(self, part: int, number: int) -> tuple[int, int]:
        """Return in which of its own epochs, and where there, a part's batch of a number is."""
        ends = self._ends[part]
        while not ends or ends[-1] <= number:
            count = self.parts[part].count(len(ends))
            if count < 1:
                raise UsageError(f"part {part} of the mixture has no batches", "leave it out")
            ends = (*ends, (ends[-1] if ends else 0) + count)
        self._ends[part] = ends  # Replaced and never changed: several threads may be here at once.
        epoch = int(np.searchsorted(ends, number, side="right"))
        return epoch, number - (ends[epoch - 1] if epoch else 0)


def _mixed(parts: Sequence[Batches[T]], weights: Sequence[float], seed: int, count: int) -> Mixed[T]:
    return Mixed(parts, weights, seed=seed, count=count)


class Share(Generic[T]):
    """The batches of one process of many: every `world`-th, from the `rank`-th on.

    All processes have equally many, as they wait for each other at every step: where the batches do not come out even,
    the first ones of the epoch are taken once more, `world` - 1 of them at most. All have the same fingerprint, so that
    a checkpoint is one for all.

    Args:
        batches: of all processes together.
        rank: of this process, from 0.
        world: number of processes.

    Raises:
        UsageError: no such rank.
    """

    def __init__(self, batches: Batches[T], rank: int, world: int) -> None:
        if not 0 <= rank < world:
            raise UsageError(f"there is no process {rank} of {world}", "ranks are counted from 0")
        self.batches, self.rank, self.world = batches, rank, world

    @property
    def fingerprint(self) -> str:
        """Identity of the whole and of how many share it; that of the whole for a process by itself."""
        whole = self.batches.fingerprint
        return whole if self.world == 1 else fingerprint_of("share", whole, self.world)

    def count(self, epoch: int) -> int:
        """Count the batches that each process has in an epoch."""
        return -(-self.batches.count(epoch) // self.world)

    def batch(self, epoch: int, place: int) -> Sequence[T]:
        """Return the examples of a batch of this process.

        Raises:
            UsageError: the epoch has no such place.
        """
        check_place(self, epoch, place)
        return self.batches.batch(epoch, (place * self.world + self.rank) % self.batches.count(epoch))
