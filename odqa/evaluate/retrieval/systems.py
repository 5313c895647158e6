"""The systems that an evaluation compares: the engine as it stands, and what it has to beat.

Each takes questions and yields a ranking for each of them, in order. All search the documents of one open engine:

- `pooled`: the engine as it stands: pooled entries choose the documents whose passages are read.
- `exhaustive`: the same hybrid over every passage of the collection, the strongest system without pooling.
- `dense`: passage vectors alone, all of them; a document ranks by its best passage.
- `bm25`: the engine's BM25 over passages; a document ranks by its best passage.
- `bm25-documents`: the engine's BM25 over whole documents.
- `bm25-reference`: BM25 over whole documents that shares no code with the engine (`OkapiBM25`).
- `rrf`: reciprocal-rank fusion of `dense` and `bm25`; `rrf-titles`: and the documents that its first passages mention
  (`odqa.evaluate.retrieval.rrf`).
- `hipporag`, `hipporag2`, `raptor`: published ways with a graph or a tree of the corpus, without their language model
  (`odqa.evaluate.retrieval.graphs`); they make indexes of their own on first use.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.bench import plain_encoder
from odqa.evaluate.retrieval.ranking import (
    PER_DOCUMENT,
    FlatPassages,
    Ranking,
    Stopwatch,
    System,
    best,
    passage_ids,
    rank_by_passages,
)
from odqa.evaluate.retrieval.rrf import rrf, rrf_titles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.engine import Engine
    from odqa.index.snapshot import Snapshot

DEPTH = 100
_NO_COLUMN = -1
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with".split()
)


def system_names() -> list[str]:
    """Return the names that `make_system` knows, the engine itself first."""
    return list(_SYSTEMS)


def check_systems(names: Iterable[str]) -> None:
    """Make sure that there are systems of these names.

    Raises:
        UsageError: there is none of one of them.
    """
    for name in names:
        if name not in _SYSTEMS:
            raise UsageError(f"there is no retrieval system {name!r}", f"choose from: {', '.join(_SYSTEMS)}")


def make_system(name: str, engine: Engine, depth: int = DEPTH) -> System:
    """Return a system over the documents of an engine.

    Args:
        name: one of `system_names()`.
        engine: whose documents are searched; must stay open.
        depth: how many documents and passages to rank; `pooled` and `exhaustive` rank what the settings let them.

    Raises:
        UsageError: there is no system of that name.
    """
    check_systems([name])
    return _SYSTEMS[name](engine, depth)


def _hybrid(engine: Engine, depth: int, *, exhaustive: bool) -> System:
    from odqa.retriever.search import HybridRetriever

    # Without the vector cache, so that the time of a question holds that of its encoding.
    known = engine.retriever
    retriever = HybridRetriever(known.snapshot, known.derived, plain_encoder(engine.encoder), engine.settings)

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        for question in questions:
            ranked = retriever.rank(question, exhaustive=exhaustive)
            passages = passage_ids(retriever.snapshot, ranked.passages[:depth])
            took = 1000 * sum(ranked.seconds.values())
            yield Ranking(retriever.rank_documents(ranked)[:depth], passages, took, ranked)

    return search


def _dense(engine: Engine, depth: int) -> System:
    snapshot, flat = engine.snapshot, FlatPassages(engine)
    # A document ranks by its best passage, so that every one of them has a rank.
    counts = np.diff(snapshot.first_passage)[snapshot.live]
    filled = np.flatnonzero(snapshot.live)[counts > 0]
    starts = (np.cumsum(counts) - counts)[counts > 0]

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                cosines = flat.cosines(flat.encode([question])[0])
                nearest = np.maximum.reduceat(cosines, starts) if len(starts) else cosines
                documents = [snapshot.ids[number] for number in filled[best(nearest, depth)].tolist()]
                passages = passage_ids(snapshot, flat.numbers[best(cosines, depth)])
            yield Ranking(documents, passages, watch.milliseconds)

    return search


def _bm25(engine: Engine, depth: int) -> System:
    snapshot, lexical = engine.snapshot, engine.retriever.derived.lexical

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                found, _ = lexical.passages(question, depth * PER_DOCUMENT)
            yield rank_by_passages(snapshot, found, depth, watch.milliseconds)

    return search


def _bm25_documents(engine: Engine, depth: int) -> System:
    snapshot, lexical = engine.snapshot, engine.retriever.derived.lexical

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                found, _ = lexical.documents(question, depth)
            yield Ranking([snapshot.ids[number] for number in found.tolist()], (), watch.milliseconds)

    return search


def _bm25_reference(engine: Engine, depth: int) -> System:
    snapshot = engine.snapshot
    live = np.flatnonzero(snapshot.live)

    def search(questions: Sequence[str]) -> Iterator[Ranking]:
        bm25 = OkapiBM25(_live_texts(snapshot), language=engine.settings.language)
        for question in questions:
            watch = Stopwatch()
            with watch.running():
                found, _ = bm25.search(question, depth)
            yield Ranking([snapshot.ids[number] for number in live[found].tolist()], (), watch.milliseconds)

    return search


def _live_texts(snapshot: Snapshot) -> Iterator[str]:
    """Yield the text of every document that counts, under its title where it does not begin with that."""
    live = iter(snapshot.live.tolist())
    for segment in snapshot.segments:
        for rows in segment.tables["documents"].select(["title", "text"]).to_batches(max_chunksize=1000):
            for title, text in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                if next(live):
                    yield text if text.partition("\n")[0] == title else f"{title}\n{text}"


def _hipporag(engine: Engine, depth: int) -> System:
    from odqa.evaluate.retrieval.graphs.hipporag import hipporag

    return hipporag(engine, depth)


def _hipporag2(engine: Engine, depth: int) -> System:
    from odqa.evaluate.retrieval.graphs.hipporag import hipporag2

    return hipporag2(engine, depth)


def _raptor(engine: Engine, depth: int) -> System:
    from odqa.evaluate.retrieval.graphs.raptor import raptor

    return raptor(engine, depth)


_SYSTEMS: dict[str, Callable[[Engine, int], System]] = {
    "pooled": lambda engine, depth: _hybrid(engine, depth, exhaustive=False),
    "exhaustive": lambda engine, depth: _hybrid(engine, depth, exhaustive=True),
    "dense": _dense,
    "bm25": _bm25,
    "bm25-documents": _bm25_documents,
    "bm25-reference": _bm25_reference,
    "rrf": rrf,
    "rrf-titles": rrf_titles,
    "hipporag": _hipporag,
    "hipporag2": _hipporag2,
    "raptor": _raptor,
}


class OkapiBM25:
    """BM25 in a few lines of SciPy, to tell whether that of the engine is what it should be.

    score = Σ over the words of the question of idf · tf / (tf + k1 · (1 − b + b · length / mean length)), with
    idf = ln(1 + (N − df + ½) / (df + ½)), which is never negative: Lucene's form of Robertson and Zaragoza (2009), as
    Kamphuis et al. (2020, "Which BM25 do you mean?") give it. k1 = 0.9 and b = 0.4 are what Anserini takes, and
    published baselines with it. Words are runs of letters and digits, lower-cased and stemmed by Snowball; of English,
    Lucene's 33 stop words are left out, which Anserini does too.
    """

    def __init__(self, texts: Iterable[str], *, language: str = "en", k1: float = 0.9, b: float = 0.4) -> None:
        """Read the texts, once.

        Args:
            texts: the documents; only their words are kept.
            language: of the stemmer, as the setting `language`: two letters, or `none`.
            k1: how soon repeating a word stops to count.
            b: how much long documents are held back, from 0 to 1.
        """
        from scipy.sparse import csr_array

        self._stem = _stemmer(language)
        stop = _STOP_WORDS if language == "en" else frozenset()
        self._columns: dict[str, int] = {}
        # A word is stemmed once, however often it is written; stemming is most of the work.
        self._known = known = dict.fromkeys(stop, _NO_COLUMN)
        columns, counts, ends, lengths = array("i"), array("f"), array("q", [0]), array("f")
        for text in texts:
            found: dict[int, int] = {}
            for word, count in _count_words(text).items():
                if (column := known.get(word)) is None:
                    column = known[word] = self._columns.setdefault(self._stem(word), len(self._columns))
                found[column] = found.get(column, 0) + count
            found.pop(_NO_COLUMN, None)
            columns.extend(found)
            counts.extend(found.values())
            ends.append(len(columns))
            lengths.append(sum(found.values()))
        tf, length = np.frombuffer(counts, np.float32), np.frombuffer(lengths, np.float32)
        norm = k1 * (1 - b + b * length / max(float(length.mean()), 1.0)) if len(length) else length
        weights = tf / (tf + np.repeat(norm, np.diff(ends)))
        shape = (len(length), len(self._columns))
        by_word = csr_array((weights, np.frombuffer(columns, np.int32), np.frombuffer(ends, np.int64)), shape).tocsc()
        self._documents, self._weights, self._starts = by_word.indices, by_word.data, by_word.indptr
        df = np.diff(by_word.indptr)
        self._idf = np.log1p((len(length) - df + 0.5) / (df + 0.5))
        self._scores = np.zeros(len(length), np.float32)

    def search(self, question: str, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the positions and scores of the best texts that share a word with a question, best first."""
        self._scores[:] = 0
        for word, count in _count_words(question).items():
            if (column := self._known.get(word)) is None:
                column = self._columns.get(self._stem(word), _NO_COLUMN)
            if column != _NO_COLUMN:
                place = slice(self._starts[column], self._starts[column + 1])
                self._scores[self._documents[place]] += count * self._idf[column] * self._weights[place]
        found = best(self._scores, limit, above=0.0)
        return found, self._scores[found]


def _count_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _stemmer(language: str) -> Callable[[str], str]:
    import snowballstemmer

    from odqa.index.lexical import LANGUAGES

    if language == "none":
        return str
    stem: Callable[[str], str] = snowballstemmer.stemmer(LANGUAGES[language]).stemWord
    # No stemmer changes a number, and tables have many.
    return lambda word: word if word[-1].isdigit() else stem(word)
