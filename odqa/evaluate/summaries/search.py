"""Search by summaries alone: how far do a few words of each document go, where its full text is not looked at?

Every system is a text for each document. BM25 counts words over the texts of that system alone, with statistics of
its own; dense search has one vector of the text, as far as the encoder reads, or, of the full text, the best passage.
BM25 is the reference one of `odqa.evaluate.retrieval.systems`, whose figures over human summaries are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.measures import document_judgements, score_run
from odqa.evaluate.retrieval.systems import OkapiBM25
from odqa.evaluate.text import word_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.data.datasets import Question
    from odqa.evaluate.bench import Bench

FULL = "full-text"
CUTOFFS = (1, 10)
_AT_ONCE = 512  # Questions scored against every passage at a time.
_FIGURES = tuple(f"R@{k}" for k in CUTOFFS)

Run = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What search by the texts of one system found.

    Attributes:
        rows: figures by question id: `bm25_R@1`, `dense_R@1` and so on.
        words: words of a document's text, on average.
    """

    rows: Mapping[str, Mapping[str, float]]
    words: float


def search(
    bench: Bench, ids: Sequence[str], texts: Mapping[str, Mapping[str, str]], questions: Sequence[Question]
) -> dict[str, Found]:
    """Ask every system's texts all questions.

    Args:
        bench: the engine that the documents are in.
        ids: the documents that are searched.
        texts: of each system, one for each of these documents; those of `FULL` are the documents themselves, whose
            dense search is that of their passages.
        questions: with gold among these documents.
    """
    asked = [" ".join(question.text.split()) for question in questions]
    gold = document_judgements(questions)
    language = bench.searchable.settings.language
    with bench.stage("encode questions"):
        queries = bench.encoder.encode(asked, kind="query")
    found = {}
    for done, (name, by_id) in enumerate(texts.items()):
        bench.tell("search summaries", done, len(texts), "systems")
        own = [by_id[id_] for id_ in ids]
        with bench.stage("search by words"):
            bm25 = OkapiBM25(own, language=language)
            words = {
                question.id: [ids[number] for number in bm25.search(text, max(CUTOFFS))[0].tolist()]
                for question, text in zip(questions, asked, strict=True)
            }
        with bench.stage("encode summaries"):
            vectors, owners = _passages(bench, ids) if name == FULL else _whole(bench, own)
        with bench.stage("search by vectors"):
            ranked = _nearest(queries, vectors, owners, max(CUTOFFS))
            dense = {
                question.id: [ids[number] for number in row.tolist()]
                for question, row in zip(questions, ranked, strict=True)
            }
        with bench.stage("score"):
            runs = {"bm25": score_run(gold, words, CUTOFFS), "dense": score_run(gold, dense, CUTOFFS)}
            rows = {
                id_: {f"{part}_{figure}": run[id_][figure] for part, run in runs.items() for figure in _FIGURES}
                for id_ in gold
            }
        found[name] = Found(rows, sum(map(word_count, own)) / max(len(own), 1))
    bench.tell("search summaries", len(texts), len(texts), "systems")
    return found


def _whole(bench: Bench, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    return bench.encoder.encode(texts), np.arange(len(texts))


def _passages(bench: Bench, ids: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the passage vectors of documents, and the position of the document that each belongs to."""
    snapshot = bench.searchable.snapshot
    vectors = [np.asarray(snapshot.passage_vectors(snapshot.by_id[id_]), np.float32) for id_ in ids]
    owners = np.repeat(np.arange(len(ids)), [len(some) for some in vectors])
    return np.concatenate([np.zeros((0, snapshot.dimension), np.float32), *vectors]), owners


def _nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], owners: NDArray[np.int64], k: int
) -> Iterator[NDArray[np.int64]]:
    """Yield for each query the documents with the nearest vectors, best first; equal ones in their order.

    Args:
        queries: unit vectors, shape (questions, dimension).
        vectors: unit vectors, shape (vectors, dimension), those of a document together.
        owners: document of each vector, ascending; a document without vectors is not found.
        k: how many documents.
    """
    documents, starts = np.unique(owners, return_index=True)
    for first in range(0, len(queries), _AT_ONCE):
        scores = queries[first : first + _AT_ONCE] @ vectors.T
        best = np.maximum.reduceat(scores, starts, axis=1) if len(starts) else scores[:, :0]
        for row in best:
            yield documents[np.argsort(-row, kind="stable")[:k]]
