"""An index as it would be with other pooled entries, without building it.

Pooling is the last step of a build and needs nothing but what an index keeps: documents, structured summaries and
passage vectors. So one pass over an index gives the entries of any number of poolings, made by the functions that the
build uses, and a view of the index with these entries searches as an index built with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from odqa.index import dense, pool
from odqa.index.snapshot import Snapshot
from odqa.schema import PooledEntry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from odqa.index.dense import DenseIndex
    from odqa.index.lexical import LexicalIndex
    from odqa.index.rank_lexical import RankLexicalIndex
    from odqa.index.segment import Searchable
    from odqa.protocols import Encoder
    from odqa.schema import ParsedDocument
    from odqa.settings import Settings

    Lexical = LexicalIndex | RankLexicalIndex

_DOCUMENTS = 64  # Pooled together, so that their texts are encoded together.

Spans = Sequence[tuple[int, int]]
Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Entries:
    """The pooled entries of every document of an index, in the order of its documents.

    Attributes:
        counts: entries of each document, deleted ones included (they have none).
        spans: passages `[first, last)` of each entry, counted within its document.
        texts: words of each entry for lexical search; "" where it has none.
        vectors: unit vectors as an index stores them, one float16 array for each document.
    """

    counts: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    vectors: list[NDArray[np.float16]] = field(default_factory=list)

    def append(self, spans: Spans, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add the entries of the next document."""
        self.counts.append(len(spans))
        self.spans.extend(spans)
        self.texts.extend(texts)
        self.vectors.append(vectors.astype(np.float16))

    def __len__(self) -> int:
        return len(self.spans)


class PooledView(Snapshot):
    """A snapshot with other entries: everything else, numbers of documents and passages included, is as it was."""

    def __init__(self, snapshot: Snapshot, entries: Entries) -> None:
        """Show `snapshot` with `entries`."""
        super().__init__(snapshot.index, snapshot.manifest, snapshot.segments)
        self.pooled = entries

    @cached_property
    def first_entry(self) -> NDArray[np.int64]:
        """Number of each document's first entry; shape (documents + 1,)."""
        return np.cumsum([0, *self.pooled.counts], dtype=np.int64)

    def entry_vectors(self) -> Iterator[NDArray[np.float16]]:
        """Yield the vectors of the entries in order."""
        return iter(self.pooled.vectors)

    def entries(self, number: int) -> tuple[PooledEntry, ...]:
        """Return the entries of one document."""
        first, last = self.first_entry[number : number + 2].tolist()
        own = zip(self.pooled.spans[first:last], self.pooled.texts[first:last], strict=True)
        return tuple(PooledEntry(self.ids[number], index, *span, text) for index, (span, text) in enumerate(own))

    def searchable(self, number: int) -> Searchable:
        """Return the words of one document, those of these entries among them."""
        first, last = self.first_entry[number : number + 2].tolist()
        return replace(super().searchable(number), summary="\n".join(self.pooled.texts[first:last]))

    def dense_index(self) -> DenseIndex:
        """Return a FAISS index over the entries, of the kind that an index with as many would have."""
        choice = dense.choose(len(self.pooled), self.dimension)
        index = dense.build_index(self.entry_vectors(), len(self.pooled), self.dimension, choice)
        return dense.DenseIndex(index, choice, np.ones(len(self.pooled), np.bool_))


class _WithoutPassages(PooledView):
    """For the lexical index over documents; that over passages is the same whatever the entries."""

    def searchable(self, number: int) -> Searchable:
        return replace(super().searchable(number), passages=())


def document_lexical(base: Lexical, view: PooledView, snapshot: Snapshot, folder: Path, settings: Settings) -> Lexical:
    """Return the BM25 index of the documents of a view, which the words of its entries are part of.

    Args:
        base: of the index as it is; returned as it is where the view's words are the same.
        view: whose documents to index; the passages are left out.
        snapshot: the index as it is.
        folder: where to write; must not exist.
        settings: of the engine.
    """
    from odqa.index.lexical import LexicalIndex, write_lexical
    from odqa.index.rank_lexical import RankLexicalIndex

    live = snapshot.live_documents()
    if all(view.searchable(number).summary == snapshot.searchable(number).summary for number in live):
        return base
    documents = _WithoutPassages(view, view.pooled)
    if isinstance(base, RankLexicalIndex):
        return RankLexicalIndex(documents, settings.language)
    write_lexical(folder, documents, settings.language)
    return LexicalIndex(folder, documents, settings.language)


def pool_snapshot(
    snapshot: Snapshot, encoder: Encoder, sizes: Sequence[int], tell: Tell | None = None
) -> tuple[dict[int, Entries], dict[int, Entries]]:
    """Make the entries of every live document at several sizes, in one pass; holds the entries, not the documents.

    Args:
        snapshot: an index with its documents, summaries and passage vectors.
        encoder: of the index.
        sizes: passages that an entry stands for, at least.
        tell: called with the documents done and their number.

    Returns:
        By size the engine's entries, and those of plain mean-pooling in the same number (see `mean_spans`).
    """
    pooled, means = {size: Entries() for size in sizes}, {size: Entries() for size in sizes}
    count = len(snapshot.live)
    for start in range(0, count, _DOCUMENTS):
        numbers = range(start, min(start + _DOCUMENTS, count))
        cuts = {n: _cut(snapshot, n, sizes) for n in numbers if snapshot.live[n]}
        speaking = dict.fromkeys(
            text for cut in cuts.values() for _, texts in cut.values() for text, _ in texts if text
        )
        vectors = dict(zip(speaking, pool.encode_texts(list(speaking), encoder), strict=True)) if speaking else {}
        silent = np.zeros(snapshot.dimension, np.float32)
        for number in numbers:
            passages = np.asarray(snapshot.passage_vectors(number), np.float32)
            for size in sizes:
                spans, texts = cuts[number][size] if number in cuts else ([], [])
                said = np.array([vectors.get(text, silent) for text, _ in texts], np.float32)
                pooled[size].append(spans, [words for _, words in texts], pool.pool_vectors(passages, spans, said))
                plain = mean_spans(len(passages), size) if number in cuts else []
                nothing = np.zeros((len(plain), snapshot.dimension), np.float32)
                means[size].append(plain, [""] * len(plain), pool.pool_vectors(passages, plain, nothing, 0.0))
        if tell is not None:
            tell(numbers.stop, count)
    return pooled, means


def mean_spans(count: int, size: int) -> list[tuple[int, int]]:
    """Cut `count` passages into runs of exactly `size`, wherever sections begin.

    What is left over at the end goes to the last run, as an entry of its own would be memory that the engine's
    pooling, which never makes more than one entry for `size` passages, does not spend.
    """
    starts = range(0, max(1, count // size) * size, size) if count else ()
    return [(start, min(start + size, count)) for start in starts[:-1]] + [(start, count) for start in starts[-1:]]


def _cut(snapshot: Snapshot, number: int, sizes: Sequence[int]) -> dict[int, tuple[Spans, Sequence[tuple[str, str]]]]:
    """Return, for each size, a document's runs and the words that speak for them, equal ones held once."""
    parsed: ParsedDocument = snapshot.parsed(number)
    summaries = snapshot.summaries(number)
    known: dict[str, str] = {}
    found: dict[int, tuple[Spans, Sequence[tuple[str, str]]]] = {}
    for size in sizes:
        spans = pool.runs(parsed, size)
        texts = pool.entry_texts(parsed, summaries, spans)
        found[size] = spans, [(known.setdefault(a, a), known.setdefault(b, b)) for a, b in texts]
    return found
