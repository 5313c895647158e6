"""Batches as training reads them: each a function of (epoch, place) alone, so that any of them can be the next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from odqa.data.stream.fields import Arrays
from odqa.data.stream.manifest import fingerprint_of
from odqa.data.stream.plan import Budget, Plan, make_plan
from odqa.errors import UsageError

if TYPE_CHECKING:
    from odqa.data.stream.stream import Stream

T_co = TypeVar("T_co", covariant=True)


class Batches(Protocol[T_co]):
    """The batches of every epoch, without end.

    An interrupted run goes on with exactly the batch that would have come next: it asks for it by its place.
    """

    @property
    def fingerprint(self) -> str:
        """Identity of the data and of how they are put into batches, for checkpoints."""
        ...

    def count(self, epoch: int) -> int:
        """Count the batches of an epoch, from 0."""
        ...

    def batch(self, epoch: int, place: int) -> Sequence[T_co]:
        """Return the examples of a batch, from 0."""
        ...


class StreamBatches:
    """Batches of a training set on disk; every example once an epoch. `Stream.batches` makes them.

    Asking for the first batch of an epoch plans it: a second for some million examples. Batches of one neighbourhood
    of places share the shards of a window, which are kept open.

    Args:
        stream: the training set.
        tokens: a batch may hold, counted as its examples times the longest of them; a longer example goes alone.
        examples: a batch may hold. At least one of the two limits is needed.
        seed: of the order.
        window: shards that are shuffled together.

    Raises:
        UsageError: no limit, or one below 1.
    """

    def __init__(
        self, stream: Stream, *, tokens: int | None = None, examples: int | None = None, seed: int = 0, window: int = 8
    ) -> None:
        limits = [limit for limit in (tokens, examples) if limit is not None]
        if not limits or min(*limits, window) < 1 or seed < 0:
            raise UsageError(
                "a batch needs a limit of tokens or of examples above 0, a window above 0 and a seed of 0 or more",
                "give tokens, or examples, or both",
            )
        self.stream, self.budget, self.seed, self.window = stream, Budget(tokens, examples), seed, window
        self._first = np.array(stream.first, np.int64)
        self._counts: dict[int, int] = {}
        # Both caches may be used by several threads; at worst something is made twice.
        self._plan = lru_cache(2)(self._make_plan)
        self._shard = lru_cache(window)(stream.shard)

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell how another process gets it: plans and open shards stay here."""
        return _stream_batches, (self.stream, self.budget, self.seed, self.window)

    @property
    def fingerprint(self) -> str:
        """Identity of the training set and of all the arguments."""
        limits = (self.budget.tokens, self.budget.examples)
        return fingerprint_of("batches", self.stream.fingerprint, limits, self.seed, self.window)

    def count(self, epoch: int) -> int:
        """Count the batches of an epoch; chance decides which lengths meet, so epochs differ by a few."""
        if epoch not in self._counts:
            self._counts[epoch] = len(self._plan(epoch))
        return self._counts[epoch]

    def batch(self, epoch: int, place: int) -> Sequence[Arrays]:
        """Return the examples of a batch.

        Raises:
            UsageError: the epoch has no such place.
            LoadError: a shard is not the one that was written.
        """
        check_place(self, epoch, place)
        numbers = self._plan(epoch).batch(place)
        shards = np.searchsorted(self._first, numbers, side="right") - 1
        rows = (numbers - self._first[shards]).tolist()
        return [self._shard(shard).example(row) for shard, row in zip(shards.tolist(), rows, strict=True)]

    def _make_plan(self, epoch: int) -> Plan:
        if epoch < 0:
            raise UsageError(f"there is no epoch {epoch}", "epochs are counted from 0")
        lengths = self.stream.lengths
        return make_plan(lengths, self._first, self.budget, window=self.window, seed=self.seed, epoch=epoch)


def _stream_batches(stream: Stream, budget: Budget, seed: int, window: int) -> StreamBatches:
    return StreamBatches(stream, tokens=budget.tokens, examples=budget.examples, seed=seed, window=window)


def check_place(batches: Batches[object], epoch: int, place: int) -> None:
    """Make sure that an epoch has a batch at a place.

    Raises:
        UsageError: it has none.
    """
    count = batches.count(epoch)
    if not 0 <= place < count:
        raise UsageError(f"epoch {epoch} has no batch {place}", f"it has {count:,}, counted from 0")
