"""The ablations of vectors: what is in memory, reading again what is near, and the vector of the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.index import pool
from odqa.index.codes import choose_code, half_precision
from pooling_ablations import rows as kinds
from pooling_ablations.collection import Collection, Row
from pooling_ablations.rows import Rows, Runs
from pooling_ablations.texts import RunTexts

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIMES = (8, 16, 32)
READ = (0, 50, 100, 200)
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
ALL = "every passage"
ENGINE = "the engine"
MEANS, CENTRED, MEDOIDS, K_MEANS = "means of neighbours", "centred means", "medoids", "k-means"
KEYWORDS, SENTENCES = "keywords, encoded", "best sentences, encoded"
PQ, EVEN = "product quantisation", "1 bit, even runs"
WARD = {bits: f"{bits} bit{'s' if bits > 1 else ''}, runs of like neighbours" for bits in (1, 2, 4)}
SUMMARY_ALONE, NEAREST = "summary alone", "passages of the nearest entries"

MOST_TEXTS = 4000  # encoded for one collection; more would take longer than all else together
_TEXTS_AT = 8


def memory(collection: Collection) -> Iterator[Row]:
    """Rank documents by the nearest row of what is in memory, and nothing else."""
    yield Row(ALL, 1, {**collection.by_scores(collection.scores, collection.owners), "compression": 1.0})
    for times in TIMES:
        for variant, rows in _in_memory(collection, times):
            figures = collection.by_scores(rows.scores, rows.owners)
            yield Row(variant, times, {**figures, "compression": _whole(collection) / rows.bytes})


def rereading(collection: Collection) -> Iterator[Row]:
    """Rank documents by the best passage of the nearest rows, read exactly."""
    whole = collection.by_scores(collection.scores, collection.owners)
    yield Row(ALL, 0, {**whole, "passages": len(collection.owners)})
    dimension = collection.snapshot.dimension
    plain = kinds.cut(collection, 16, half_precision(dimension).size, kinds.even_runs, round)
    systems = {f"{MEANS}, 16×": kinds.in_half_precision(collection, plain, kinds.means(collection, plain))}
    systems |= {f"{ENGINE}, {times}×": engine_rows(collection, times) for times in TIMES}
    for variant, rows in systems.items():
        for count in READ:
            scores = rows.read_again(collection, count) if count else rows.scores
            figures = collection.by_scores(scores, collection.owners if count else rows.owners)
            read = float((scores > -np.inf).sum(axis=1).mean()) if count else 0.0
            yield Row(variant, count, {**figures, "passages": read})


def summary_vector(collection: Collection) -> Iterator[Row]:
    """Add to the best passage of a document what its summary's vector says, with a weight."""
    every = np.arange(len(collection))
    own = collection.queries @ collection.snapshot.summary_vectors(every).T
    yield Row(SUMMARY_ALONE, 0, collection.by_scores(own, every))
    settings = collection.bench.searchable.settings
    near = engine_rows(collection, settings.pooling).read_again(collection, settings.candidates)
    for variant, scores in ((ALL, collection.scores), (NEAREST, near)):
        best = _best_of_documents(collection, scores)
        for weight in WEIGHTS:
            yield Row(variant, weight, collection.by_scores(best + np.float32(weight) * own, every))


def engine_rows(collection: Collection, times: int) -> Rows:
    """Return what the engine keeps in memory at that pooling."""
    code = choose_code(times, collection.snapshot.dimension)
    return kinds.coded(collection, kinds.cut(collection, times, code.size, pool.runs), code)


def _in_memory(collection: Collection, times: int) -> Iterator[tuple[str, Rows]]:
    dimension, seed = collection.snapshot.dimension, collection.bench.seed
    whole = half_precision(dimension).size
    runs = kinds.cut(collection, times, whole, kinds.even_runs, round)
    yield MEANS, kinds.in_half_precision(collection, runs, kinds.means(collection, runs))
    yield CENTRED, kinds.in_half_precision(collection, runs, kinds.centred_means(collection, runs))
    yield MEDOIDS, kinds.in_half_precision(collection, runs, kinds.medoids(collection, runs))
    yield K_MEANS, kinds.in_half_precision(collection, runs, kinds.k_means(collection, runs, seed))
    if times == _TEXTS_AT:
        yield from _encoded_texts(collection, kinds.cut(collection, times, whole, kinds.even_runs))
    yield PQ, kinds.product_quantised(collection, times, seed)
    one = kinds.code_of(1, dimension)
    yield EVEN, kinds.coded(collection, kinds.cut(collection, times, one.size, kinds.even_runs), one)
    for bits, variant in WARD.items():
        code = kinds.code_of(bits, dimension)
        yield variant, kinds.coded(collection, kinds.cut(collection, times, code.size, pool.runs), code)


def _encoded_texts(collection: Collection, runs: Sequence[Runs]) -> Iterator[tuple[str, Rows]]:
    """Yield rows that are encoded texts of runs, as far as there are not too many to encode."""
    texts, count = RunTexts(collection.snapshot), sum(map(len, runs))
    for done, (variant, write) in enumerate(((KEYWORDS, texts.keywords), (SENTENCES, texts.sentences)), start=1):
        if done * count <= MOST_TEXTS:
            vectors = collection.bench.encoder.encode(list(write(runs)))
            yield variant, kinds.in_half_precision(collection, runs, vectors)


def _best_of_documents(collection: Collection, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the best score of each document's passages, −inf where it has none; shape (questions, documents)."""
    best = np.full((len(scores), len(collection)), -np.inf, np.float32)
    filled = np.flatnonzero(np.diff(collection.first_passage))
    best[:, filled] = np.maximum.reduceat(scores, collection.first_passage[filled], axis=1)
    return best


def _whole(collection: Collection) -> int:
    return len(collection.owners) * half_precision(collection.snapshot.dimension).size
