"""What may stand in memory for the passages of a collection, at any number of bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.evaluate.pooling.view import Entries, PooledView
from odqa.index import pool
from odqa.index.codes import Code, choose_code, half_precision
from odqa.index.dense import faiss_module
from pooling_ablations.collection import ROWS, Collection

if TYPE_CHECKING:
    from numpy.typing import NDArray

Runs = list[tuple[int, int]]

_TRAINED_WITH = 8192  # passages: 32 for each centroid of a product quantiser
_ITERATIONS = 15
_POOLING_OF = {1: 64, 2: 8, 4: 4}  # a pooling at which the engine takes so many bits


@dataclass(frozen=True, slots=True)
class Rows:
    """What is searched, and what it says of every question.

    Attributes:
        scores: of every row for every question, shape (questions, rows); −inf beyond the nearest.
        owners: document of every row; shape (rows,).
        row_of: row of every passage, shape (passages,); empty where rows are no runs of passages.
        bytes: of all rows.
    """

    scores: NDArray[np.float32]
    owners: NDArray[np.int64]
    row_of: NDArray[np.int64]
    bytes: int

    def read_again(self, collection: Collection, count: int) -> NDArray[np.float32]:
        """Return the exact scores of the passages of the nearest `count` rows of each question, −inf elsewhere."""
        scores = np.full_like(collection.scores, -np.inf)
        for question, row in enumerate(self.scores):
            chosen = np.zeros(len(row), np.bool_)
            chosen[np.argpartition(-row, min(count, len(row)) - 1)[:count]] = True
            inside = chosen[self.row_of]
            scores[question, inside] = collection.scores[question, inside]
        return scores


def even_runs(vectors: NDArray[np.float32], count: int) -> Runs:
    """Cut a document's passages into `count` runs of the same length, but for rounding."""
    bounds = np.round(np.arange(count + 1) * len(vectors) / count).astype(int).tolist()
    return list(pairwise(bounds))


def cut(
    collection: Collection,
    times: int,
    size: int,
    how: Callable[[NDArray[np.float32], int], Runs],
    whole_rows: Callable[[float], int] = int,
) -> list[Runs]:
    """Cut every document into as many runs as rows of `size` bytes may stand for it; at least one if it has passages.

    Args:
        collection: with the documents.
        times: how many times smaller than all passages in half precision the rows are to be.
        size: bytes of a row.
        how: `even_runs`, or the engine's `pool.runs`.
        whole_rows: what becomes of a fraction of a row. The engine drops it (`int`); of a few large rows a document
            that would be a quarter of the memory, and `round` keeps the sum of all documents near what was granted.
    """
    whole = half_precision(collection.snapshot.dimension).size
    found = []
    for passages in collection.documents():
        vectors = collection.vectors[passages]
        count = min(len(vectors), max(1, whole_rows(len(vectors) * whole / times / size)))
        found.append(how(vectors, count) if count else [])
    return found


def code_of(bits: int, dimension: int) -> Code:
    """Return the engine's coding with so many bits a dimension."""
    return choose_code(_POOLING_OF[bits], dimension)


def coded(collection: Collection, runs: Sequence[Runs], code: Code) -> Rows:
    """Search the directions of the means of runs, coded as the engine codes them."""
    counts = np.array([len(spans) for spans in runs], np.int64)
    firsts = np.array([first for spans in runs for first, _ in spans], np.int64)
    view = PooledView(collection.snapshot, Entries(counts, firsts, code))
    found, scores = view.dense_index().search(collection.queries, ROWS)
    return _rows(collection, runs, _scatter(found, scores, len(firsts)), code.size)


def in_half_precision(collection: Collection, runs: Sequence[Runs], vectors: NDArray[np.float32]) -> Rows:
    """Search one vector for each run as it is, in half precision."""
    kept = vectors.astype(np.float16).astype(np.float32)
    return _rows(collection, runs, collection.queries @ kept.T, half_precision(vectors.shape[1]).size)


def means(collection: Collection, runs: Sequence[Runs]) -> NDArray[np.float32]:
    """Return the direction of the mean of every run."""
    return pool.entry_vectors(collection.vectors, _firsts(collection, runs))


def centred_means(collection: Collection, runs: Sequence[Runs]) -> NDArray[np.float32]:
    """Return the direction in which the mean of every run lies from the mean of the collection."""
    return pool.entry_vectors(collection.vectors - collection.vectors.mean(axis=0), _firsts(collection, runs))


def medoids(collection: Collection, runs: Sequence[Runs]) -> NDArray[np.float32]:
    """Return the passage of every run that is nearest to its mean."""
    bounds = np.append(_firsts(collection, runs), len(collection.vectors)).tolist()
    parts = (collection.vectors[first:last] for first, last in pairwise(bounds))
    return np.stack([part[np.argmax(part @ part.mean(axis=0))] for part in parts])


def k_means(collection: Collection, runs: Sequence[Runs], seed: int) -> NDArray[np.float32]:
    """Return as many centroids of each document as it has runs, by spherical k-means over its passages."""
    faiss = faiss_module()
    found = []
    for passages, spans in zip(collection.documents(), runs, strict=True):
        if spans:
            clusters = faiss.Kmeans(
                collection.snapshot.dimension, len(spans), niter=_ITERATIONS, spherical=True, seed=seed,
                min_points_per_centroid=1,
            )  # fmt: skip
            clusters.train(np.ascontiguousarray(collection.vectors[passages]))
            found.append(clusters.centroids)
    return np.concatenate(found)


def product_quantised(collection: Collection, times: int, seed: int) -> Rows:
    """Search every passage by product quantisation (Jégou, Douze and Schmid 2011), codebooks not counted."""
    faiss = faiss_module()
    dimension = collection.snapshot.dimension
    size = half_precision(dimension).size // times
    index: Any = faiss.index_factory(dimension, f"PQ{size}x8", faiss.METRIC_INNER_PRODUCT)
    # Polysemous codes are for search by Hamming distance, which is not done here, and take most of the training.
    index.do_polysemous_training, index.pq.cp.min_points_per_centroid = False, 1
    rng = np.random.default_rng(seed)
    count = len(collection.vectors)
    index.train(collection.vectors[np.sort(rng.choice(count, min(_TRAINED_WITH, count), replace=False))])
    index.add(collection.vectors)
    scores, found = index.search(collection.queries, min(ROWS, count))
    return Rows(_scatter(found, scores, count), collection.owners, np.arange(count), count * size)


def _firsts(collection: Collection, runs: Sequence[Runs]) -> NDArray[np.int64]:
    starts = collection.first_passage[:-1].tolist()
    return np.array([start + first for start, spans in zip(starts, runs, strict=True) for first, _ in spans], np.int64)


def _rows(collection: Collection, runs: Sequence[Runs], scores: NDArray[np.float32], size: int) -> Rows:
    owners = np.repeat(np.arange(len(collection)), [len(spans) for spans in runs])
    row_of = np.repeat(np.arange(len(owners)), [last - first for spans in runs for first, last in spans])
    return Rows(scores, owners, row_of, len(owners) * size)


def _scatter(found: NDArray[np.int64], scores: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Put the scores of the rows found where these stand."""
    table = np.full((len(found), rows), -np.inf, np.float32)
    for question, (numbers, values) in enumerate(zip(found, scores, strict=True)):
        table[question, numbers[numbers >= 0]] = values[numbers >= 0]
    return table
