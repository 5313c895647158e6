"""Which documents belong together: spherical k-means over document vectors, with names that do not depend on chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from odqa.index.collection.corpus import unit
from odqa.index.dense import faiss_module, few_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 8
"""Fewer documents are one cluster."""
TWO_LEVELS = 2_000
"""Beyond so many documents there are clusters of clusters."""
_SEED = 13
_ITERATIONS = 25
_REPEATS, _REPEATED_WORK = 8, 1 << 28
_SAMPLE = 256
_CHUNK = 16_384


def cluster_count(documents: int) -> int:
    """Return how many clusters there are to be.

    It is the square root of the number of documents, so that a person who goes down the tree reads about as many
    titles at one step as at the next.
    """
    return 1 if documents < FEWEST else round(math.sqrt(documents))


def partition(vectors: NDArray[np.float32]) -> dict[str, NDArray[np.int64]]:
    """Cut documents into clusters of like ones.

    Args:
        vectors: unit vectors, shape (documents, dimension).

    Returns:
        The rows of each cluster by its name: `1`, `2`, … by falling size, or `1.1`, `1.2`, … where there are two
        levels. No cluster is empty.
    """
    if not len(vectors):
        return {}
    leaves = _groups(spherical_kmeans(vectors, cluster_count(len(vectors))))
    if len(vectors) <= TWO_LEVELS:
        return {str(number): rows for number, rows in enumerate(leaves, 1)}
    centres = unit(np.stack([vectors[rows].mean(axis=0) for rows in leaves]))
    parents = spherical_kmeans(centres, cluster_count(len(leaves)))
    above = [[leaves[i] for i in group] for group in _groups(parents)]
    above.sort(key=lambda group: (-sum(map(len, group)), int(min(rows[0] for rows in group))))
    return {f"{i}.{j}": rows for i, group in enumerate(above, 1) for j, rows in enumerate(group, 1)}


def spherical_kmeans(vectors: NDArray[np.float32], clusters: int) -> NDArray[np.int64]:
    """Return the cluster of each vector (Dhillon & Modha 2001), by FAISS; the same vectors give the same clusters.

    Args:
        vectors: unit vectors, shape (n, dimension).
        clusters: how many at most; copies of one vector cannot be told apart.

    Returns:
        Numbers from 0, shape (n,); which number a cluster has means nothing.
    """
    if clusters < 2:
        return np.zeros(len(vectors), np.int64)
    # Started from several seeds where that is cheap: with few vectors one start often ends in a poor optimum.
    repeats = _REPEATS if vectors.size * clusters < _REPEATED_WORK else 1
    faiss = faiss_module()
    kmeans = faiss.Kmeans(
        vectors.shape[1],
        clusters,
        niter=_ITERATIONS,
        nredo=repeats,
        seed=_SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_SAMPLE,
    )
    with few_threads(faiss, len(vectors) * clusters * _ITERATIONS * repeats):
        kmeans.train(np.ascontiguousarray(vectors, np.float32))
    return nearest(vectors, kmeans.centroids)


def nearest(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the number of the centre nearest to each vector by inner product, shape (n,)."""
    parts = [(vectors[i : i + _CHUNK] @ centres.T).argmax(axis=1) for i in range(0, len(vectors), _CHUNK)]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def _groups(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each label, ascending, the largest group first, and of two alike the one with row 0 first."""
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return sorted(rows, key=lambda group: (-len(group), int(group[0])))
