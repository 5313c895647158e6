"""BM25 by rank-bm25, in memory: the reference for tests, and a choice for small collections (`bm25 = "rank-bm25"`).

Nothing is stored: the words are read from the snapshot when it is opened, so it costs seconds where tantivy costs
milliseconds, and a query scores every passage. It has no fields; context, title and summary count as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import LimitError
from odqa.index.lexical import make_analyzer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.snapshot import Snapshot

MOST_PASSAGES = 50_000


class RankLexicalIndex:
    """Okapi BM25 (k1 = 1.5, b = 0.75, rank-bm25's constants) over the live documents and passages of a snapshot."""

    def __init__(self, snapshot: Snapshot, language: str) -> None:
        """Read and analyse the collection.

        Raises:
            LimitError: it is too large to be scored in full for every question.
        """
        numbers = list(snapshot.live_documents())
        count = sum(int(snapshot.first_passage[n + 1] - snapshot.first_passage[n]) for n in numbers)
        if count > MOST_PASSAGES:
            raise LimitError(f"{count:,} passages are too many for bm25 = rank-bm25", 'use bm25 = "tantivy"')
        self._analyzer = make_analyzer(language)
        self._first = snapshot.first_passage
        self._documents = np.array(numbers, np.int64)
        ranges = [np.arange(self._first[n], self._first[n + 1]) for n in numbers]
        self._passages = np.concatenate([*ranges, np.zeros(0, np.int64)])
        documents, passages = [], []
        for number in numbers:
            words = snapshot.searchable(number)
            documents.append(self._words("\n".join([words.title, words.summary, words.text])))
            passages += [self._words(f"{context}\n{text}") for context, text in words.passages]
        self._bm25 = {"documents": _okapi(documents), "passages": _okapi(passages)}

    def terms(self, question: str) -> list[str]:
        """Return the distinct analysed words of a question, in order."""
        return list(dict.fromkeys(self._words(question)))

    def inverse_frequencies(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return how rare analysed words are among the passages: ln(1 + (N - n + ½) / (n + ½)); shape (len(terms),)."""
        bm25 = self._bm25["passages"]
        counts = bm25.doc_freqs if bm25 is not None else []
        held = np.array([sum(term in words for words in counts) for term in terms], np.float64)
        return np.log1p((len(counts) - held + 0.5) / (held + 0.5))

    def documents(self, question: str, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the numbers and scores of the best documents, best first."""
        return self._best("documents", self._documents, question, limit, None)

    def passages(
        self, question: str, limit: int, within: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the global numbers and scores of the best passages, best first, inside documents if given."""
        rows = None
        if within is not None:
            ranges = [np.arange(self._first[n], self._first[n + 1]) for n in within]
            rows = np.flatnonzero(np.isin(self._passages, np.concatenate([*ranges, np.zeros(0, np.int64)])))
        return self._best("passages", self._passages, question, limit, rows)

    def _best(
        self,
        which: str,
        numbers: NDArray[np.int64],
        question: str,
        limit: int,
        rows: NDArray[np.int64] | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        words, bm25 = self.terms(question), self._bm25[which]
        if bm25 is None or not words or (rows is not None and not len(rows)):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows = np.arange(len(numbers)) if rows is None else rows
        scores = np.array(bm25.get_batch_scores(words, rows.tolist()), np.float32)
        order = np.argsort(-scores, kind="stable")[:limit]
        order = order[scores[order] > 0]
        return numbers[rows[order]], scores[order]

    def _words(self, text: str) -> list[str]:
        words: list[str] = self._analyzer.analyze(text.encode("utf-8", "replace").decode("utf-8"))
        return words


def _okapi(texts: list[list[str]]) -> Any:
    from rank_bm25 import BM25Okapi

    return BM25Okapi(texts) if any(texts) else None
