"""Question to evidence in two stages: pooled entries choose documents, passages are read only inside them.

Both stages are hybrid. The pooled stage ranks documents by their nearest entry (FAISS), by BM25 over whole documents
and by BM25 of their best passage, fuses the three and opens the best documents; the passage stage scores every passage
in them exactly, dense and by BM25 with statistics of the whole collection, and lets the rank of the document by BM25
count half, so that a passage is judged in the context of its document. Measured by `benchmarks/long_documents.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from odqa.retriever.fusion import reciprocal_rank
from odqa.schema import Evidence, Hop, HopKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.derived import Derived
    from odqa.index.snapshot import Snapshot
    from odqa.protocols import Encoder
    from odqa.settings import Settings


DOCUMENT_WEIGHT = 0.5
"""Weight of the ranking by document beside the two by passage."""


@dataclass(slots=True)
class _Scores:
    """Scores by item number, kept for explanations."""

    by_name: dict[str, dict[int, float]] = field(default_factory=dict)

    def note(self, name: str, items: NDArray[np.int64], scores: NDArray[np.floating]) -> None:
        self.by_name[name] = dict(zip(items.tolist(), scores.tolist(), strict=True))

    def of(self, item: int, names: Sequence[str]) -> Iterator[tuple[str, float]]:
        for name in names:
            if (score := self.by_name.get(name, {}).get(item)) is not None:
                yield name, score


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages found for a question, before they are read.

    Attributes:
        passages: global passage numbers, best first.
        scores: fused scores.
        parts: scores by name and number: `dense`, `bm25` by passage; `document`, `entry`, `document_bm25` by document.
        entries: best pooled entry of each document, global number.
        seconds: by stage: encode, pooled, passages.
    """

    passages: NDArray[np.int64]
    scores: NDArray[np.float64]
    parts: Mapping[str, Mapping[int, float]]
    entries: Mapping[int, int]
    seconds: Mapping[str, float]


class HybridRetriever:
    """Pooled stage, then passage stage, over one snapshot; safe to share between threads."""

    def __init__(self, snapshot: Snapshot, derived: Derived, encoder: Encoder, settings: Settings) -> None:
        self.snapshot, self.derived, self.encoder, self.settings = snapshot, derived, encoder, settings

    def retrieve(
        self, question: str, k: int, *, exhaustive: bool = False, within: Sequence[int] | None = None
    ) -> list[Evidence]:
        """Return up to `k` passages as evidence, best first.

        Args:
            question: in words.
            k: how many.
            exhaustive: score every passage of the collection, not only those of the documents that the pooled
                stage selects; slow, and the reference that pooling is measured against.
            within: numbers of the documents to look in, which no pooled stage has to select then.
        """
        return self.evidence(question, self.rank(question, exhaustive=exhaustive, within=within), k)

    def rank(self, question: str, *, exhaustive: bool = False, within: Sequence[int] | None = None) -> Ranked:
        """Rank passages without reading them; see `retrieve`."""
        seconds: dict[str, float] = {}
        with _timed(seconds, "encode"):
            query = self.encoder.encode([question], kind="query")[0]
        scores = _Scores()
        with _timed(seconds, "pooled"):
            documents, entries = self._pooled(question, query, scores, exhaustive=exhaustive or within is not None)
        with _timed(seconds, "passages"):
            opened = None if exhaustive else np.sort(self._opened(documents))
            if within is not None:
                opened = np.unique(np.asarray(within, np.int64))
            rankings = [
                self._dense_passages(query, opened, scores),
                self._lexical_passages(question, opened, scores),
            ]
            rankings.append(self._by_document(list(scores.by_name["document_bm25"]), rankings))
            passages, fused = reciprocal_rank(rankings, k=self.settings.rrf_k, weights=[1, 1, DOCUMENT_WEIGHT])
        return Ranked(passages, fused, scores.by_name, entries, seconds)

    def rank_documents(self, ranked: Ranked) -> list[str]:
        """Return the ids of the ranked passages' documents, each once, best first."""
        numbers = self._documents_of(ranked.passages)
        ids = self.snapshot.ids
        return [ids[number] for number in dict.fromkeys(numbers.tolist())]

    def evidence(self, question: str, ranked: Ranked, k: int) -> list[Evidence]:
        """Read the first `k` ranked passages."""
        chosen = ranked.passages[:k]
        found = []
        scores = _Scores(dict(ranked.parts))  # type: ignore[arg-type]
        for passage, score, number in zip(chosen, ranked.scores, self._documents_of(chosen), strict=False):
            number, passage = int(number), int(passage)
            parsed = self.snapshot.parsed(number)
            own = parsed.passages[passage - int(self.snapshot.first_passage[number])]
            section = parsed.sections[own.section]
            parts = dict(scores.of(passage, ("dense", "bm25")))
            parts |= dict(scores.of(number, ("document", "entry", "document_bm25")))
            hops = [
                Hop(HopKind.QUESTION, question),
                Hop(HopKind.DOCUMENT, parsed.document.title, parts.get("document", 0.0)),
            ]
            if (entry := ranked.entries.get(number)) is not None:
                hops.append(Hop(HopKind.ENTRY, self._entry_label(number, entry), parts.get("entry", 0.0)))
            hops.append(Hop(HopKind.PASSAGE, " › ".join(section.path) or f"passage {own.index + 1}", float(score)))
            found.append(Evidence(parsed.document, section, own, float(score), parts, tuple(hops)))
        return found

    def _pooled(
        self, question: str, query: NDArray[np.float32], scores: _Scores, *, exhaustive: bool
    ) -> tuple[NDArray[np.int64], dict[int, int]]:
        """Rank documents by their best entry, by BM25, and by the BM25 of their best passage.

        Exhaustive search opens every document and needs BM25 over documents only for their context.
        """
        wanted = self.settings.candidates
        lexical, lexical_scores = self.derived.lexical.documents(question, wanted)
        scores.note("document_bm25", lexical, lexical_scores)
        if exhaustive:
            return lexical, {}
        entries, entry_scores = (row[0] for row in self.derived.dense.search(query[None], wanted))
        entries, entry_scores = entries[entries >= 0], entry_scores[entries >= 0]
        owners = self.snapshot.entry_document[entries]
        first = _firsts(owners)
        scores.note("entry", owners[first], entry_scores[first])
        passages, _ = self.derived.lexical.passages(question, wanted)
        by_passage = self._documents_of(passages)
        rankings = [owners[first], lexical, by_passage[_firsts(by_passage)]]
        documents, fused = reciprocal_rank(rankings, k=self.settings.rrf_k)
        scores.note("document", documents, fused)
        return documents, dict(zip(owners[first].tolist(), entries[first].tolist(), strict=True))

    def _opened(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the documents to read: the best ones, and more while they hold fewer passages than are to be ranked.

        A collection of paragraphs would else be searched no deeper than its first few dozen.
        """
        first = self.snapshot.first_passage
        before = np.cumsum(first[documents + 1] - first[documents]) - (first[documents + 1] - first[documents])
        enough = int(np.searchsorted(before, self.settings.candidates))
        return documents[: max(self.settings.documents, enough)]

    def _dense_passages(
        self, query: NDArray[np.float32], documents: NDArray[np.int64] | None, scores: _Scores
    ) -> NDArray[np.int64]:
        if documents is None:
            chunks = self.snapshot.live_passage_vectors()
        else:
            first = self.snapshot.first_passage
            chunks = ((np.arange(first[n], first[n + 1]), self.snapshot.passage_vectors(n)) for n in documents.tolist())
        parts = [(numbers, np.asarray(vectors, np.float32) @ query) for numbers, vectors in chunks]
        if not parts:
            return np.zeros(0, np.int64)
        numbers = np.concatenate([some for some, _ in parts])
        values = np.concatenate([some for _, some in parts])
        best = _top(values, self.settings.candidates)
        scores.note("dense", numbers[best], values[best])
        return numbers[best]

    def _lexical_passages(
        self, question: str, documents: NDArray[np.int64] | None, scores: _Scores
    ) -> NDArray[np.int64]:
        within = None if documents is None else documents.tolist()
        found, values = self.derived.lexical.passages(question, self.settings.candidates, within)
        scores.note("bm25", found, values)
        return found

    def _by_document(self, documents: Sequence[int], rankings: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Rank the passages found so far by the rank of their document, and within it as they stand."""
        found, _ = reciprocal_rank(rankings, k=self.settings.rrf_k)
        rank = {number: place for place, number in enumerate(documents)}
        places = np.array([rank.get(number, len(rank)) for number in self._documents_of(found).tolist()], np.int64)
        return found[np.argsort(places, kind="stable")]

    def _documents_of(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self.snapshot.first_passage, passages, side="right") - 1

    def _entry_label(self, number: int, entry: int) -> str:
        own = self.snapshot.entries(number)[entry - int(self.snapshot.first_entry[number])]
        return f"passages {own.first + 1}–{own.last}"


def _firsts(items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions at which items appear for the first time, ascending."""
    _, first = np.unique(items, return_index=True)
    return np.sort(first)


def _top(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the positions of the `k` largest values, largest first; ties in order of position."""
    candidates = np.sort(np.argpartition(-values, k)[:k]) if len(values) > k else np.arange(len(values))
    return candidates[np.argsort(-values[candidates], kind="stable")]


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - start
