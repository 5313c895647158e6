"""FAISS inverted lists over passage vectors: the usual way to keep little of a large collection in memory.

Its centroids have to be in memory, its lists may lie on disk; pooled entries are to be compared with as many
centroids (Jégou, Douze and Schmid 2011, "Product quantization for nearest neighbor search", section IV; Douze et al.
2024, "The Faiss library").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.index.dense import faiss_module

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.snapshot import Snapshot

ITERATIONS = 10
"""Of k-means, as FAISS trains inverted lists."""

_MOST_POINTS = 1 << 18
_QUESTIONS = 64


@dataclass(frozen=True, slots=True)
class InvertedLists:
    """Passages divided among centroids.

    The lists themselves are not copied: which passages a question probes is all that is needed here, for their exact
    scores are known. What is found is what FAISS's IndexIVFFlat finds with these centroids.

    Attributes:
        quantizer: a flat FAISS index over the centroids, by inner product.
        list_of: the list of every passage by its global number; −1 for those of deleted documents.
    """

    quantizer: Any
    list_of: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.quantizer.ntotal)

    def probed(self, lists: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which passages stand in these lists; shape (passages,)."""
        hit = np.zeros(len(self) + 1, np.bool_)  # The last one, which −1 names, is nobody's.
        hit[lists] = True
        hit[-1] = False
        inside: NDArray[np.bool_] = hit[self.list_of]
        return inside

    def nearest(self, queries: NDArray[np.float32], probes: int) -> NDArray[np.int64]:
        """Return the numbers of the `probes` lists nearest to each question, shape (n, probes), nearest first."""
        return np.asarray(self.quantizer.search(queries, probes)[1], np.int64)

    def probes_for(self, queries: NDArray[np.float32], passages: float) -> tuple[int, float]:
        """Return how many lists to probe to score at least `passages` of a question on average, and how many that are.

        Args:
            queries: unit vectors, shape (n, dimension), float32.
            passages: passages to be scored for a question, on average over these.
        """
        sizes = np.bincount(self.list_of[self.list_of >= 0], minlength=len(self))
        total = np.zeros(len(self), np.int64)
        for start in range(0, len(queries), _QUESTIONS):
            order = self.nearest(queries[start : start + _QUESTIONS], len(self))
            total += np.cumsum(sizes[order], axis=1).sum(axis=0)
        means = total / max(1, len(queries))
        probes = min(int(np.searchsorted(means, passages)) + 1, len(self))
        return probes, float(means[probes - 1])


def train(snapshot: Snapshot, lists: int, seed: int) -> InvertedLists:
    """Divide the live passages of an index among as many lists, by spherical k-means.

    Args:
        snapshot: with passage vectors.
        lists: how many; lowered to the number of passages where these are fewer.
        seed: of the sample that is trained with (262,144 passages, or as many as there are lists if these are more)
            and of the first centroids.
    """
    faiss = faiss_module()
    points = _sample(snapshot, max(_MOST_POINTS, lists), seed)
    parameters = faiss.ClusteringParameters()
    parameters.niter, parameters.seed, parameters.spherical = ITERATIONS, seed, True
    # Few passages for each centroid are the point of the comparison, not a mistake to be warned of.
    parameters.min_points_per_centroid, parameters.max_points_per_centroid = 1, len(points)
    quantizer = faiss.IndexFlatIP(snapshot.dimension)
    if len(points):
        clustering = faiss.Clustering(snapshot.dimension, min(lists, len(points)), parameters)
        clustering.train(points, quantizer)
    list_of = np.full(int(snapshot.first_passage[-1]), -1, np.int32)
    for numbers, vectors in snapshot.live_passage_vectors():
        if len(numbers):
            list_of[numbers] = quantizer.search(np.asarray(vectors, np.float32), 1)[1][:, 0]
    return InvertedLists(quantizer, list_of)


def _sample(snapshot: Snapshot, most: int, seed: int) -> NDArray[np.float32]:
    total = sum(len(numbers) for numbers, _ in snapshot.live_passage_vectors())
    chosen = np.sort(np.random.default_rng(seed).choice(total, min(most, total), replace=False))
    parts, first = [np.zeros((0, snapshot.dimension), np.float32)], 0
    for numbers, vectors in snapshot.live_passage_vectors():
        inside = chosen[(chosen >= first) & (chosen < first + len(numbers))] - first
        parts.append(np.asarray(vectors[inside], np.float32))
        first += len(numbers)
    return np.concatenate(parts)
