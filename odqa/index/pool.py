"""Pooled entries: the searchable rows that stand for all passages of a document, and the vector of its summary.

A document's passages are cut into runs of neighbours, and a run is searched as one vector: the direction of its mean,
in a few bits (`codes`). Neighbours that say the same are merged first and a turn of the subject is never bridged before
all else has been, so that long and varied documents keep many entries and repetitive ones few. Beside them stands one
vector for the document's structured summary, which says what the whole is about.

Measured in docs/pooling.md: with the same bytes, one bit a dimension for nearly every passage keeps far more of dense
search than a sixteenth of the vectors in full precision, whether these are means, medoids, or encoded summaries.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.schema import ParsedDocument, PooledEntry, StructuredSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder

VERSION = 3


def runs(vectors: NDArray[np.float32], count: int) -> list[tuple[int, int]]:
    """Cut a document's passages into `count` runs `[first, last)` of neighbours that belong together.

    Agglomerative clustering by Ward's criterion (1963), in which only neighbours may merge: the pair whose merging
    adds least to the squared distances of passages to the mean of their run goes first.

    Args:
        vectors: unit vectors of the passages in reading order, shape (n_passages, dimension).
        count: runs to make; as many as there are passages leaves each its own.
    """
    n = len(vectors)
    if count >= n:
        return [(place, place + 1) for place in range(n)]
    sums, sizes = vectors.astype(np.float64), np.ones(n, np.int64)
    following, previous, version = list(range(1, n + 1)), list(range(-1, n - 1)), [0] * n

    def cost(left: int, right: int) -> float:
        apart = sums[left] / sizes[left] - sums[right] / sizes[right]
        return float(sizes[left] * sizes[right] / (sizes[left] + sizes[right]) * (apart @ apart))

    merges = [(cost(left, left + 1), left, left + 1, 0, 0) for left in range(n - 1)]
    heapq.heapify(merges)
    remaining = n
    while remaining > count:
        _, left, right, of_left, of_right = heapq.heappop(merges)
        if (version[left], version[right]) != (of_left, of_right):
            continue  # One of them has been merged since.
        sums[left] += sums[right]
        sizes[left] += sizes[right]
        version[left] += 1
        version[right] = -1
        following[left] = following[right]
        if following[left] < n:
            previous[following[left]] = left
            after = following[left]
            heapq.heappush(merges, (cost(left, after), left, after, version[left], version[after]))
        if (before := previous[left]) >= 0:
            heapq.heappush(merges, (cost(before, left), before, left, version[before], version[left]))
        remaining -= 1
    firsts = [place for place in range(n) if version[place] >= 0]
    return list(zip(firsts, [*firsts[1:], n], strict=True))


def make_entries(parsed: ParsedDocument, spans: Sequence[tuple[int, int]]) -> tuple[PooledEntry, ...]:
    """Return the pooled entries of a document."""
    return tuple(PooledEntry(parsed.document.id, index, *span) for index, span in enumerate(spans))


def entry_vectors(passages: NDArray[np.floating], firsts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return one unit vector for each run: the direction of the mean of its passages.

    Args:
        passages: vectors of consecutive passages, shape (n_passages, dimension).
        firsts: where each run begins among them, ascending from 0; shape (n_runs,).
    """
    if not len(firsts):
        return np.zeros((0, passages.shape[1]), np.float32)
    return _unit(np.add.reduceat(np.asarray(passages, np.float32), firsts))


def summary_text(parsed: ParsedDocument, summaries: Sequence[StructuredSummary]) -> str:
    """Return the words whose vector speaks for a document as a whole: its title and its own summary.

    A document without a summary, or of one passage, which is its own summary, has none.
    """
    own = next((summary for summary in summaries if summary.section is None), None)
    if own is None or len(parsed.passages) < 2:
        return ""
    return "\n".join(filter(None, (parsed.document.title, own.text)))


def encode_summaries(texts: Sequence[str], encoder: Encoder) -> NDArray[np.float32]:
    """Return the vectors of summaries, shape (len(texts), dimension); zero where there is none."""
    vectors = np.zeros((len(texts), encoder.dimension), np.float32)
    rows = [row for row, text in enumerate(texts) if text]
    if rows:
        vectors[rows] = encoder.encode([texts[row] for row in rows])
    return vectors


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
