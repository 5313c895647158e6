"""Which examples make which batch of an epoch: a pure function of the seed and the epoch.

Shards are permuted and taken in windows of a few. The examples of a window are permuted, sorted by length in chunks of
about a hundred batches, cut into batches, and the batches permuted. So a disk is read window by window, a batch is
padded by little, and which examples meet is still left to chance. The plan takes 4 bytes an example.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_BATCHES = 100


@dataclass(frozen=True, slots=True)
class Budget:
    """What a batch may hold.

    Attributes:
        tokens: its examples times the longest of them; a longer example goes alone.
        examples: at most.
    """

    tokens: int | None
    examples: int | None

    def most(self, length: float) -> int:
        """Return how many examples of a length a batch may hold."""
        limits = [self.examples, None if self.tokens is None else int(self.tokens // max(1.0, length))]
        return max(1, min(limit for limit in limits if limit is not None))

    def cut(self, lengths: NDArray[np.int64]) -> Iterator[int]:
        """Yield where batches of ascending lengths end, each as full as it may be."""
        start = 0
        while start < len(lengths):
            end = min(len(lengths), start + self.most(float(lengths[start])))
            if self.tokens is not None:
                costs = np.arange(1, end - start + 1) * lengths[start:end]
                end = start + max(1, int(np.searchsorted(costs, self.tokens, side="right")))
            yield end
            start = end


@dataclass(frozen=True, slots=True)
class Plan:
    """The batches of an epoch.

    Attributes:
        order: numbers of the examples, batch after batch; (examples,).
        starts: where each batch begins in it, and where the last one ends; int64 (batches + 1,).
    """

    order: NDArray[Any]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        """Count the batches."""
        return len(self.starts) - 1

    def batch(self, place: int) -> NDArray[Any]:
        """Return the numbers of the examples of a batch."""
        return self.order[self.starts[place] : self.starts[place + 1]]


def make_plan(
    lengths: NDArray[np.int32], first: NDArray[np.int64], budget: Budget, *, window: int, seed: int, epoch: int
) -> Plan:
    """Plan an epoch.

    Args:
        lengths: of all examples; (examples,).
        first: number of the first example of each shard, and of all; (shards + 1,).
        budget: what a batch may hold.
        window: shards that are shuffled together.
        seed: with `epoch`, of all that is drawn.
        epoch: from 0.
    """
    random = np.random.default_rng([seed, epoch])
    shards = random.permutation(len(first) - 1)
    order: NDArray[Any] = np.empty(len(lengths), np.int32 if len(lengths) <= np.iinfo(np.int32).max else np.int64)
    starts = array("q", [0])
    done = 0
    # Windows of equal size: a last one of a single shard would hardly be shuffled.
    for some in np.array_split(shards, -(-len(shards) // window)):
        members = np.concatenate([np.arange(first[shard], first[shard + 1]) for shard in some.tolist()])
        batches = list(_window(random.permutation(members), lengths, budget))
        for place in random.permutation(len(batches)).tolist():
            order[done : done + len(batches[place])] = batches[place]
            done += len(batches[place])
            starts.append(done)
    return Plan(order, np.frombuffer(starts, np.int64))


def _window(members: NDArray[np.int64], lengths: NDArray[np.int32], budget: Budget) -> Iterator[NDArray[np.int64]]:
    """Yield the batches of the members of a window, which come in random order."""
    own = lengths[members].astype(np.int64)
    chunk = CHUNK_BATCHES * budget.most(float(own.mean()))
    for part in np.array_split(np.arange(len(members)), max(1, round(len(members) / chunk))):
        by_length = part[np.argsort(own[part], kind="stable")]
        start = 0
        for end in budget.cut(own[by_length]):
            yield members[by_length[start:end]]
            start = end
