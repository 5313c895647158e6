"""The ablations of search as a whole: the words that documents are found by, and how much is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.measures import mean, passage_id, passage_judgements, score_run
from odqa.evaluate.pooling.search import PassageScores, ScoredRetriever, SplitLexical, WithoutSummaries
from odqa.evaluate.retrieval.systems import OkapiBM25
from odqa.index.derived import Derived
from odqa.index.lexical import DOCUMENT_FIELDS, TEXT_FIELDS, LexicalIndex
from odqa.retriever.search import FEWEST_DOCUMENTS, _Near
from pooling_ablations.collection import DEPTH, Collection, Figures, Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

Found = tuple["NDArray[np.int64]", "NDArray[np.float32]"]
Search = Callable[[str, int], Found]

FIELDS: dict[str, Mapping[str, float]] = {
    "title, text": TEXT_FIELDS,
    "title, text, summary × ½": TEXT_FIELDS | {"summary": 0.5},
    "title, text, summary": DOCUMENT_FIELDS,
    "title, text, summary × 2": TEXT_FIELDS | {"summary": 2.0},
    "title, summary": {"title": 1.0, "summary": 1.0},
}
OTHER_TEXT, OTHER_SUMMARY = "k1 .9, b .4: title, text", "k1 .9, b .4: title, text, summary"
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
OPENED = (0, 3, 10, 30)
EXHAUSTIVE, WITHOUT = "exhaustive", "exhaustive, no summaries"
FIXED, ALONE, SHARE = "documents opened", "documents opened, nearest entries not read", "share of the best score"


class _Lexical(SplitLexical):
    """Documents by any search, passages as scored."""

    def __init__(self, search: Search, passages: PassageScores) -> None:
        super().__init__(cast("LexicalIndex", passages), passages)
        self._search = search

    def documents(self, question: str, limit: int) -> Found:
        return self._search(question, limit)


class _FirstPassages(SplitLexical):
    """BM25 that ranks no more passages than the engine asks for, which is all that is looked up here."""

    def __init__(self, lexical: LexicalIndex, limit: int) -> None:
        super().__init__(lexical, lexical)
        self._limit = limit

    def passages(self, question: str, limit: int, within: Sequence[int] | None = None) -> Found:
        return super().passages(question, min(limit, self._limit), within)


class _Retriever(ScoredRetriever):
    """The engine's search with its nearest entries known, and documents opened by another rule."""

    near: Mapping[bytes, _Near]
    rule: Callable[[NDArray[np.float64]], int] | None = None
    entries_read = True
    opened = 0

    def _near(self, query: NDArray[np.float32]) -> _Near:
        found = self.near[query.tobytes()]
        return found if self.entries_read else replace(found, passages=np.zeros(0, np.int64))

    def _how_many(self, fused: NDArray[np.float64]) -> int:
        count = super()._how_many(fused) if self.rule is None else self.rule(fused)
        self.opened += min(count, len(fused))
        return count


class Hybrid:
    """The engine's search, to be made with other parts, over one set of passage scores."""

    def __init__(self, collection: Collection) -> None:
        """Find the nearest entries of every question.

        Raises:
            UsageError: documents are not found by tantivy.
        """
        engine = collection.bench.searchable
        lexical = engine.retriever.derived.lexical
        if not isinstance(lexical, LexicalIndex):
            raise UsageError("the fields of documents are those of tantivy", "leave the setting bm25 as it is")
        self.collection, self.lexical, self.settings = collection, lexical, engine.settings
        first = cast("LexicalIndex", _FirstPassages(lexical, engine.settings.candidates))
        self.scores = PassageScores(collection.snapshot, first)
        self.near = {query.tobytes(): engine.retriever._near(query) for query in collection.queries}

    def retriever(self, search: Search | None = None) -> _Retriever:
        """Return the engine's search, with documents found by words through `search` if it is given."""
        found = _Lexical(search or self.lexical.documents, self.scores)
        dense = self.collection.bench.searchable.retriever.derived.dense
        derived = Derived(cast("LexicalIndex", found), dense)
        encoder = self.collection.bench.encoder
        made = _Retriever(self.collection.snapshot, derived, encoder, self.settings.replace(hops=1), self.scores)
        made.near = self.near
        return made

    def __iter__(self) -> Iterator[int]:
        """Score the passages for each question in turn, and yield its position."""
        return self.scores.over(self.collection.texts, self.collection.queries)


def words(collection: Collection) -> Iterator[Row]:
    """Rank documents by BM25 over other fields, alone and within the engine's search."""
    hybrid = Hybrid(collection)
    searches = {variant: _by_fields(hybrid.lexical, fields) for variant, fields in FIELDS.items()}
    searches |= _reference(collection)
    retrievers = {variant: hybrid.retriever(search) for variant, search in searches.items()}
    alone: dict[str, list[NDArray[np.int64]]] = {variant: [] for variant in searches}
    within: dict[str, list[NDArray[np.int64]]] = {variant: [] for variant in searches}
    for row in hybrid:
        text = collection.texts[row]
        for variant, search in searches.items():
            alone[variant].append(search(text, DEPTH)[0])
            within[variant].append(collection.owners[retrievers[variant].rank(text).passages])
    for variant in searches:
        figures = collection.by_owners(alone[variant])
        figures |= {f"hybrid {name}": value for name, value in collection.by_owners(within[variant]).items()}
        yield Row(variant, 0, figures)


def reading(collection: Collection) -> Iterator[Row]:
    """Open more or fewer documents, and read the nearest entries or not."""
    hybrid = Hybrid(collection)
    without = WithoutSummaries(hybrid.lexical, hybrid.scores).documents
    retrievers = {(EXHAUSTIVE, 0.0): hybrid.retriever(), (WITHOUT, 0.0): hybrid.retriever(without)}
    for count in OPENED:
        retrievers[FIXED, count] = _opening(hybrid, _exactly(count))
        if count:
            retrievers[ALONE, count] = _opening(hybrid, _exactly(count), entries_read=False)
    for share in SHARES:
        retrievers[SHARE, share] = _opening(hybrid, _close_to_best(share, hybrid.settings.documents))
    found: dict[tuple[str, float], list[NDArray[np.int64]]] = {key: [] for key in retrievers}
    scored = dict.fromkeys(retrievers, 0)
    for row in hybrid:
        for key, retriever in retrievers.items():
            ranked = retriever.rank(collection.texts[row], exhaustive=key[0] in (EXHAUSTIVE, WITHOUT))
            found[key].append(ranked.passages)
            scored[key] += ranked.scored
    asked = len(collection.questions)
    for key, rankings in found.items():
        figures = collection.by_owners([collection.owners[passages] for passages in rankings])
        figures |= _by_passage(collection, rankings)
        opened = len(collection) if key[0] in (EXHAUSTIVE, WITHOUT) else retrievers[key].opened / asked
        yield Row(*key, {**figures, "opened": opened, "scored": scored[key] / asked})


def _by_fields(lexical: LexicalIndex, fields: Mapping[str, float]) -> Search:
    return lambda question, limit: lexical.documents(question, limit, fields)


def _reference(collection: Collection) -> dict[str, Search]:
    """Return BM25 with the constants that published baselines take, over each document as one text."""
    snapshot, language = collection.snapshot, collection.bench.searchable.settings.language
    parts = [snapshot.searchable(number) for number in range(len(collection))]
    text = OkapiBM25((f"{one.title}\n{one.text}" for one in parts), language=language)
    summary = OkapiBM25((f"{one.title}\n{one.text}\n{one.summary}" for one in parts), language=language)
    return {OTHER_TEXT: text.search, OTHER_SUMMARY: summary.search}


def _opening(hybrid: Hybrid, rule: Callable[[NDArray[np.float64]], int], *, entries_read: bool = True) -> _Retriever:
    retriever = hybrid.retriever()
    retriever.rule, retriever.entries_read = rule, entries_read
    return retriever


def _exactly(count: int) -> Callable[[NDArray[np.float64]], int]:
    return lambda fused: count


def _close_to_best(share: float, most: int) -> Callable[[NDArray[np.float64]], int]:
    """Return the engine's rule with another share."""

    def rule(fused: NDArray[np.float64]) -> int:
        close = int((fused >= share * fused[0]).sum()) if len(fused) else 0
        return min(most, max(close, FEWEST_DOCUMENTS))

    return rule


def _by_passage(collection: Collection, rankings: Sequence[NDArray[np.int64]]) -> Figures:
    """Return the recall of the passages that people marked; nothing where none are marked."""
    gold = passage_judgements(collection.questions, collection.snapshot)
    if not gold:
        return {}
    ids, first = collection.snapshot.ids, collection.first_passage
    run = {}
    for question, passages in zip(collection.questions, rankings, strict=True):
        owners = collection.owners[passages[:DEPTH]]
        places = zip(owners.tolist(), (passages[:DEPTH] - first[owners]).tolist(), strict=True)
        run[question.id] = [passage_id(ids[owner], place) for owner, place in places]
    return {f"passage R@{DEPTH}": mean(score_run(gold, run, (DEPTH,)).values())[f"R@{DEPTH}"]}
