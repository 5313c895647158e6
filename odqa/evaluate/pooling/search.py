"""The engine's search and what it is compared with, over one set of passage scores.

Every system is the engine's own retriever with one thing changed, so that nothing else can differ. The score of a
passage does not depend on who asks for it: all of them are computed once a question, and each system looks up those
that it would have computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from odqa.index.derived import Derived
from odqa.retriever.fusion import reciprocal_rank
from odqa.retriever.ranked import Ranked
from odqa.retriever.search import DOCUMENT_WEIGHT, HybridRetriever, _firsts, _Near, _Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.evaluate.pooling.ivf import InvertedLists
    from odqa.index.dense import DenseIndex
    from odqa.index.lexical import LexicalIndex
    from odqa.index.rank_lexical import RankLexicalIndex
    from odqa.index.snapshot import Snapshot
    from odqa.protocols import Encoder
    from odqa.settings import Settings

    Lexical = LexicalIndex | RankLexicalIndex
    Found = tuple[NDArray[np.int64], NDArray[np.float32]]

_SCORES = 1 << 25  # Scores of a batch of questions that are held at once: 128 MiB.
_QUESTIONS = 64


class PassageScores:
    """Cosine and BM25 of every live passage, for one question at a time."""

    def __init__(self, snapshot: Snapshot, lexical: Lexical) -> None:
        """Prepare to score the passages of `snapshot`, which `lexical` searches."""
        self._snapshot, self._lexical = snapshot, lexical
        self._passages = int(snapshot.first_passage[-1])
        numbers = [numbers for numbers, _ in snapshot.live_passage_vectors()]
        self.live: NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *numbers])
        self.dense: NDArray[np.float32] = np.zeros(self._passages, np.float32)
        self._question: str | None = None
        self._ranking: Found = np.zeros(0, np.int64), np.zeros(0, np.float32)
        self._owners: NDArray[np.int64] = np.zeros(0, np.int64)

    def over(self, questions: Sequence[str], queries: NDArray[np.float32]) -> Iterator[int]:
        """Score the passages for each question in turn, and yield its position; what was scored before is gone."""
        batch = max(1, min(_QUESTIONS, _SCORES // max(1, self._passages)))
        for start in range(0, len(questions), batch):
            products = np.full((len(questions[start : start + batch]), self._passages), -np.inf, np.float32)
            for numbers, vectors in self._snapshot.live_passage_vectors():
                products[:, numbers] = queries[start : start + batch] @ np.asarray(vectors, np.float32).T
            for row, scores in enumerate(products, start):
                self.dense, self._question = scores, questions[row]
                self._ranking = self._lexical.passages(questions[row], max(1, self._passages))
                self._owners = self._snapshot.documents_of(self._ranking[0])
                yield row

    def passages(self, question: str, limit: int, within: Sequence[int] | None = None) -> Found:
        """Return what the lexical index would, out of the ranking of all passages.

        Raises:
            ValueError: it is not the question that was scored.
        """
        if question != self._question:
            raise ValueError("another question has been scored")
        found, scores = self._ranking
        if within is not None:
            opened = np.zeros(len(self._snapshot.live), np.bool_)
            opened[np.asarray(within, np.int64)] = True
            inside = opened[self._owners]
            found, scores = found[inside], scores[inside]
        return found[:limit], scores[:limit]


class SplitLexical:
    """BM25 over documents by one index and over passages by another."""

    def __init__(self, documents: Lexical, passages: Lexical | PassageScores) -> None:
        """Rank documents by `documents`, passages by `passages`."""
        self._documents, self._passages = documents, passages

    def documents(self, question: str, limit: int) -> Found:
        """Return the numbers and scores of the best documents, best first."""
        return self._documents.documents(question, limit)

    def passages(self, question: str, limit: int, within: Sequence[int] | None = None) -> Found:
        """Return the numbers and scores of the best passages, best first, inside documents if given."""
        return self._passages.passages(question, limit, within)


class WithoutSummaries(SplitLexical):
    """BM25 over documents that knows nothing of their summaries: titles and texts only."""

    def documents(self, question: str, limit: int) -> Found:
        """Return the numbers and scores of the best documents, best first."""
        from odqa.index.lexical import TEXT_FIELDS, LexicalIndex

        if isinstance(self._documents, LexicalIndex):
            return self._documents.documents(question, limit, TEXT_FIELDS)
        return super().documents(question, limit)


def derived_of(documents: Lexical, passages: Lexical | PassageScores, dense: DenseIndex) -> Derived:
    """Return the searchable forms of a view."""
    # The retriever asks for no more of a lexical index than these two methods.
    return Derived(cast("LexicalIndex", SplitLexical(documents, passages)), dense)


class ScoredRetriever(HybridRetriever):
    """The engine's search, with the scores of passages looked up."""

    def __init__(
        self, snapshot: Snapshot, derived: Derived, encoder: Encoder, settings: Settings, scores: PassageScores
    ) -> None:
        """Search as the engine does; `derived` has to rank passages by `scores` too."""
        # Pooling is about the first search; what links add to it is measured by `odqa eval retrieval`.
        super().__init__(snapshot, derived, encoder, settings.replace(hops=1))
        self.shared = scores

    def _dense_passages(
        self, query: NDArray[np.float32], scope: NDArray[np.int64] | None, scores: _Scores
    ) -> NDArray[np.int64]:
        numbers = self.shared.live if scope is None else scope
        values = self.shared.dense[numbers]
        best = np.argsort(-values, kind="stable")[: self.settings.candidates]
        scores.note("dense", numbers[best], values[best])
        return numbers[best]


class PlainRetriever(ScoredRetriever):
    """The engine's search over entries that are ranked by their own vectors and nothing else, as in mean-pooling."""

    def _near(self, query: NDArray[np.float32]) -> _Near:
        return nearest(self, query)


def nearest(retriever: HybridRetriever, query: NDArray[np.float32]) -> _Near:
    """Return documents by the score of their nearest entry in memory."""
    entries, scores = (row[0] for row in retriever.derived.dense.search(query[None], retriever.settings.candidates))
    entries, scores = entries[entries >= 0], scores[entries >= 0]
    owners = retriever.snapshot.entry_document[entries]
    first = _firsts(owners)
    known = dict(zip(owners[first].tolist(), entries[first].tolist(), strict=True))
    return _Near(owners[first], scores[first], known, retriever._passages_in(np.sort(entries))[0])


class _DenseFirst(ScoredRetriever):
    """Opens the documents of the nearest entries; words order the passages that these have chosen, and choose none."""

    def rank(
        self,
        question: str,
        *,
        exhaustive: bool = False,
        within: Sequence[int] | None = None,
        hops: int | None = None,
    ) -> Ranked:
        query = self.encoder.encode([question], kind="query")[0]
        near, scores = self._near(query), _Scores()
        opened = np.sort(near.documents[: self.settings.documents])
        scope = np.union1d(self._passages_of(opened), near.passages)
        lexical, _ = self.derived.lexical.documents(question, self.settings.candidates)
        found, _ = self.shared.passages(question, len(self.shared.live))
        words = found[np.isin(found, scope)][: self.settings.candidates]
        rankings = [self._dense_passages(query, scope, scores), words]
        rankings.append(self._by_document(lexical.tolist(), rankings))
        passages, fused = reciprocal_rank(rankings, k=self.settings.rrf_k, weights=[1, 1, DOCUMENT_WEIGHT])
        scores.note("document", near.documents, near.scores)
        return Ranked(passages, fused, scores.by_name, near.entries, {}, len(scope))


class DenseFirstRetriever(_DenseFirst):
    """The engine's search with documents chosen by their entries alone."""


class PlainDenseFirstRetriever(_DenseFirst, PlainRetriever):
    """Search over plain entries with documents chosen by these alone."""


class ListsRetriever(ScoredRetriever):
    """Exhaustive search whose dense part sees only the passages in the inverted lists nearest to the question."""

    def __init__(self, like: ScoredRetriever, lists: InvertedLists, probes: int, *, dense_first: bool) -> None:
        """Probe lists.

        Args:
            like: exhaustive search.
            lists: over the same passages.
            probes: how many lists to probe.
            dense_first: leave out what BM25 finds elsewhere, so that words only order the passages that were probed.
        """
        super().__init__(like.snapshot, like.derived, like.encoder, like.settings, like.shared)
        self.lists, self.probes, self.dense_first = lists, probes, dense_first

    def _dense_passages(
        self, query: NDArray[np.float32], scope: NDArray[np.int64] | None, scores: _Scores
    ) -> NDArray[np.int64]:
        return super()._dense_passages(query, np.flatnonzero(self._probed(query)), scores)

    def _lexical_passages(
        self, question: str, within: Sequence[int] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if not self.dense_first:
            return super()._lexical_passages(question, within)
        found, values = self.shared.passages(question, len(self.shared.live))
        inside = self._probed(self.encoder.encode([question], kind="query")[0])[found]
        return found[inside][: self.settings.candidates], values[inside][: self.settings.candidates]

    def _probed(self, query: NDArray[np.float32]) -> NDArray[np.bool_]:
        return self.lists.probed(self.lists.nearest(query[None], self.probes)[0])
