"""What a system of an evaluation returns, and the steps that several of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from odqa.evaluate.bench import plain_encoder
from odqa.evaluate.measures import passage_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.engine import Engine
    from odqa.index.snapshot import Snapshot
    from odqa.retriever.ranked import Ranked

PER_DOCUMENT = 10
"""Passages that are ranked for each document wanted: several may be of one document."""

_HELD_PASSAGES = 1 << 20  # Passages whose vectors are held in single precision: 1.6 GB of MiniLM's.


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a system found for a question.

    Attributes:
        documents: ids, best first.
        passages: ids as `odqa.evaluate.measures.passage_id` makes them, best first; empty for a system that ranks
            documents alone.
        milliseconds: from the question's words to the ranking; None for a run that was read.
        ranked: what the engine found; None for a system that does not go through its retriever.
    """

    documents: Sequence[str]
    passages: Sequence[str] = ()
    milliseconds: float | None = None
    ranked: Ranked | None = None


System = Callable[[Sequence[str]], Iterator[Ranking]]
"""Takes questions and yields a ranking for each of them, in order."""


@runtime_checkable
class Prepared(Protocol):
    """A system with an index of its own."""

    about: str
    """What the index holds and how long it took to make, in a sentence."""


class FlatPassages:
    """Exact search over the vectors of all passages that count: flat MiniLM, what every index approximates."""

    def __init__(self, engine: Engine) -> None:
        self.snapshot, self._encoder = engine.snapshot, plain_encoder(engine.encoder)
        single = int(self.snapshot.first_passage[-1]) <= _HELD_PASSAGES
        self._chunks = [
            (numbers, np.asarray(vectors, np.float32) if single else vectors)
            for numbers, vectors in self.snapshot.live_passage_vectors()
        ]
        self.numbers = np.concatenate([np.zeros(0, np.int64), *(numbers for numbers, _ in self._chunks)])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of questions, made without the vector cache, so that their time counts."""
        return self._encoder.encode(texts, kind="query")

    def cosines(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine of every passage with a unit vector, in the order of `numbers`."""
        parts = [np.asarray(vectors, np.float32) @ query for _, vectors in self._chunks]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def search(self, query: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
        """Return the global numbers of the nearest passages, nearest first."""
        return self.numbers[best(self.cosines(query), limit)]


class Stopwatch:
    """Milliseconds of a block."""

    milliseconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of a block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.milliseconds += 1000 * (time.perf_counter() - start)


def rank_by_passages(snapshot: Snapshot, passages: NDArray[np.int64], depth: int, milliseconds: float) -> Ranking:
    """Return the ranking that passages make, each document at the rank of its best passage.

    Args:
        snapshot: whose passages they are.
        passages: global numbers, best first; more than `depth`, as several may be of one document.
        depth: how many passages and documents to keep.
        milliseconds: the search took.
    """
    numbers = snapshot.documents_of(passages)
    documents = [snapshot.ids[number] for number in dict.fromkeys(numbers.tolist())]
    return Ranking(documents[:depth], passage_ids(snapshot, passages[:depth]), milliseconds)


def best(values: NDArray[np.floating], k: int, above: float = -np.inf) -> NDArray[np.int64]:
    """Return the positions of the `k` largest values over a bound, largest first; ties in order of position."""
    found = np.flatnonzero(values > above)
    if len(found) > k:
        least = np.partition(values[found], len(found) - k)[len(found) - k]
        found = found[values[found] >= least]
    return found[np.argsort(-values[found], kind="stable")][:k]


def passage_ids(snapshot: Snapshot, passages: NDArray[np.int64]) -> list[str]:
    """Return the ids of passages in a run."""
    numbers = snapshot.documents_of(passages)
    places = passages - snapshot.first_passage[numbers]
    return [
        passage_id(snapshot.ids[number], place) for number, place in zip(numbers.tolist(), places.tolist(), strict=True)
    ]
