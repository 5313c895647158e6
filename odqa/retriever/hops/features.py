"""What speaks for a passage as a piece of evidence: how near it is, and what it adds to passages found before.

Every feature is between 0 and 1 and relative to the best passage of the same question, so that weights found on one
collection hold on another. `fusion.LinearFusion` adds them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.retriever.hops.spread import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.links.graph import Edges
    from odqa.retriever.hops.pool import Pool

    Numbers = NDArray[np.int64]
    Values = NDArray[np.float64]

NEAR = (
    "fused", "document", "dense", "bm25", "document_bm25",
    "clause_bm25", "clause_words", "named", "coverage",
)  # fmt: skip
"""What is known of a passage by itself."""
LINKED = ("out", "into", "shared", "gain", "path", "linked_path", "spread")
"""What is known of it beside others."""
SHARED_NAME = 2
_KINDS = 3
NAMES = (*NEAR, *LINKED)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for, and what the first searches found.

    Attributes:
        queries: unit vectors of the question and, where a language model took it apart, of its parts; shape
            (queries, dimension).
        clauses: the parts of the question.
        fused: scores of passages in the first ranking, by number.
        pooled: scores of documents in the pooled stage, by number.
        bm25: scores of passages by number, for the question and for each clause.
        documents: BM25 scores of documents by number.
        named: weights of passages that the question names, or that belong to a document it names, by number.
    """

    queries: NDArray[np.float32]
    clauses: Sequence[str]
    fused: Mapping[int, float]
    pooled: Mapping[int, float]
    bm25: Sequence[Mapping[int, float]]
    documents: Mapping[int, float]
    named: Mapping[int, float]


def near(pool: Pool, asked: Asked) -> Values:
    """Return the features of each passage by itself, shape (n, len(NEAR))."""
    cosines = np.maximum(pool.vectors @ asked.queries.T, 0.0).astype(np.float64)
    cosines /= np.maximum(cosines.max(axis=0, keepdims=True), 1e-9) if len(pool) else 1.0
    words = [_share(_looked_up(scores, pool.passages)) for scores in asked.bm25]
    by_clause = [pool.columns(clause) for clause in asked.clauses]
    covered = [
        pool.holds[:, columns] @ pool.weights[columns] / max(pool.weights[columns].sum(), 1e-9) for columns in by_clause
    ]
    none = np.zeros(len(pool))
    return np.stack(
        [
            _share(_looked_up(asked.fused, pool.passages)),
            _share(_looked_up(asked.pooled, pool.documents)),
            cosines.max(axis=1),
            words[0],
            _share(_looked_up(asked.documents, pool.documents)),
            np.max(words[1:], axis=0) if asked.clauses else none,
            np.max(covered, axis=0) if asked.clauses else none,
            _looked_up(asked.named, pool.passages),
            pool.holds @ pool.weights,
        ],
        axis=1,
    )


@dataclass(slots=True)
class Links:
    """Edges between places of a pool.

    Attributes:
        source: place of the passage found first, a beam.
        target: place of the passage that it leads to.
        kind: 0 a link or title in the source, 1 one in the target, 2 a rare name that both mention.
        weight: 0–1.
        edges: what the links were made from.
        edge: place of each in `edges`.
    """

    source: Numbers
    target: Numbers
    kind: Numbers
    weight: Values
    edges: Edges
    edge: Numbers


def linked(pool: Pool, beams: Numbers, covered: Values, links: Links, seeds: Values) -> tuple[Values, Numbers]:
    """Return the features of each passage beside the passages found first, and from which of these it is reached.

    Args:
        pool: the passages.
        beams: places of the passages found first.
        covered: which words of the question each of these covers with the path it was reached by, (beams, terms).
        links: from the beams, or to them.
        seeds: how much each passage is worth before any link counts, 0–1, shape (n,).

    Returns:
        Features, shape (n, len(LINKED)), and for each passage the number of a beam, -1 where none leads to it.
    """
    n, width = len(pool), len(beams)
    row = np.full(n, -1, np.int64)
    row[beams] = np.arange(width)
    by_kind = np.zeros((_KINDS, width, n))
    np.maximum.at(by_kind, (links.kind, row[links.source], links.target), links.weight)
    other = pool.documents[beams][:, None] != pool.documents[None, :]
    gain = ((1 - covered) * pool.weights) @ pool.holds.T * other
    path = (covered @ pool.weights)[:, None] * other + gain
    strength = seeds[beams][:, None]
    through = path * by_kind.max(axis=0) * strength
    mass = spread(seeds, links.source, links.target, links.weight)
    features = np.stack(
        [
            *(by_kind * strength).max(axis=1),
            gain.max(axis=0),
            path.max(axis=0),
            through.max(axis=0),
            mass / max(float(mass.max(initial=0.0)), 1e-9),
        ],
        axis=1,
    )
    reached: Numbers = np.where(through.max(axis=0) > 0, np.argmax(through, axis=0), -1)
    return features, reached


def _looked_up(scores: Mapping[int, float], numbers: Numbers) -> Values:
    return np.array([scores.get(number, 0.0) for number in numbers.tolist()])


def _share(values: Values) -> Values:
    return values / max(float(values.max()), 1e-9) if len(values) else values
