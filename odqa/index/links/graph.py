"""The links of a collection: which passages point to which documents, and which share rare names.

Opening costs a few memory maps. What is missing is made first: rows for segments that have none (`storage`), and
their join over the whole collection (`merge`), which is kept with the other derived files of the generation.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.data.sentences import split_sentences
from odqa.errors import OdqaError
from odqa.index.links.columns import ranges
from odqa.index.links.dictionary import Dictionary
from odqa.index.links.extractors import RULES, make_extractor
from odqa.index.links.lookup import look_up
from odqa.index.links.make import make_links, read_links
from odqa.index.links.mentions import inside, longest
from odqa.index.links.merge import LINK_KINDS, NAME
from odqa.index.links.storage import FOLDER, UNREADABLE, tag
from odqa.index.links.words import BREAK, CAPITAL, Lexicon, Words, find_keys, grams
from odqa.schema import LinkKind, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.links.extractors import Extractor
    from odqa.index.snapshot import Snapshot
    from odqa.protocols import ProgressCallback

    Numbers = NDArray[np.int64]

__all__ = ["ALL", "LINK_KINDS", "SHARED", "Edges", "LinkGraph", "Named", "open_links"]

ALL: Collection[LinkKind] = frozenset(LINK_KINDS)
SHARED = 50
"""Edges through rare names that one passage has at most, unless told otherwise."""
_making = threading.Lock()


@dataclass(frozen=True, slots=True)
class Edges:
    """Links, as parallel arrays of shape (edges,).

    Attributes:
        source: global number of the passage that the link stands in; int64.
        document: document it leads to; int64, -1 for shared names.
        passage: passage it leads to; int64, -1 where only the document is known.
        kind: place of its kind in `LINK_KINDS`; uint8.
        start: first character, in the source's document, of the words that carry the link; int32.
        end: the character after the last; int32.
        weight: 0–1, 1 for a hyperlink to one document; lower for ambiguous, inflected and common names; float32.
    """

    source: NDArray[np.int64]
    document: NDArray[np.int64]
    passage: NDArray[np.int64]
    kind: NDArray[np.uint8]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of edges."""
        return len(self.source)

    def select(self, rows: NDArray[Any]) -> Edges:
        """Return some of the edges, by a mask or by their places."""
        return Edges(*(getattr(self, name)[rows] for name in Edges.__slots__))

    @classmethod
    def joined(cls, *parts: Edges) -> Edges:
        """Return edges one after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Named:
    """Something that a text mentions by name.

    Attributes:
        span: characters of the text.
        text: those characters.
        documents: numbers of the documents that bear the name, the likeliest first.
        passages: global numbers of the passages that mention it, where it is a rare name; int64, ascending.
        weight: 0–1, as for edges.
    """

    span: Span
    text: str
    documents: tuple[int, ...]
    passages: NDArray[np.int64]
    weight: float


class LinkGraph:
    """The links between the live documents of one snapshot; numbers are the snapshot's.

    Args:
        folder: holds the arrays of `merge`, one file each.
    """

    def __init__(self, folder: Path) -> None:
        arrays, self._counts = read_links(folder)
        self._arrays = arrays
        self._dictionary = Dictionary(
            key=arrays["title_key"],
            prefix=arrays["title_prefix"],
            known=arrays["title_known"],
            first=arrays["title_first"],
            document=arrays["title_document"],
            strength=arrays["title_weight"],
        )

    @property
    def counts(self) -> dict[str, int]:
        """Edges by kind, the rare names behind those that share one, and the names that documents are known by."""
        return dict(self._counts)

    def out(self, passages: NDArray[np.int64], kinds: Collection[LinkKind] = ALL) -> Edges:
        """Return the edges that start in passages, by passage in the order given and then by place in the text.

        Args:
            passages: global numbers.
            kinds: of the edges; names bring at most `SHARED` edges a passage, after all others.
        """
        first = self._arrays["edge_first"]
        low = first[passages]
        found = self._edges(ranges(low, first[passages + 1] - low), kinds)
        return Edges.joined(found, self.shared(passages)) if LinkKind.NAME in kinds else found

    def into(self, documents: NDArray[np.int64], kinds: Collection[LinkKind] = ALL) -> Edges:
        """Return the edges that lead to documents; `source` tells the passages that mention them."""
        first = self._arrays["into_first"]
        low = first[documents]
        return self._edges(self._arrays["into_edge"][ranges(low, first[documents + 1] - low)], kinds)

    def shared(self, passages: NDArray[np.int64], limit: int = SHARED) -> Edges:
        """Return edges to the passages of other documents that mention the same rare names.

        Args:
            passages: global numbers.
            limit: edges of each passage at most, those through the rarest names.
        """
        a = self._arrays
        low = a["mention_first"][passages]
        count = a["mention_first"][passages + 1] - low
        own = a["mention_occurrence"][ranges(low, count)]
        source = np.repeat(passages, count)
        name = a["occurrence_name"][own]
        common = a["name_documents"][name] > 1
        own, source, name = own[common], source[common], name[common]
        size = a["name_first"][name + 1] - a["name_first"][name]
        other = ranges(a["name_first"][name], size)
        own, source = np.repeat(own, size), np.repeat(source, size)
        weight = np.repeat(a["name_weight"][name], size)
        target = a["occurrence_passage"][other].astype(np.int64)
        rows = np.flatnonzero(self._document_of(target) != self._document_of(source))
        rows = rows[
            _outermost(source[rows], target[rows], a["occurrence_start"][own[rows]], a["occurrence_end"][own[rows]])
        ]
        # The rarest names first; of one name, those nearest in number, which is no worse than any other order.
        rows = rows[np.lexsort((target[rows], -weight[rows], source[rows]))]
        rank = np.arange(len(rows)) - np.searchsorted(source[rows], source[rows])
        rows = rows[rank < limit]
        return Edges(
            source=source[rows],
            document=np.full(len(rows), -1, np.int64),
            passage=target[rows],
            kind=np.full(len(rows), NAME, np.uint8),
            start=a["occurrence_start"][own[rows]],
            end=a["occurrence_end"][own[rows]],
            weight=weight[rows],
        )

    def find(self, text: str) -> list[Named]:
        """Return the documents and rare names that a text mentions, in the order of the text; the longest win."""
        words = _words(text)
        if not len(words.name):
            return []
        lowered = not ((words.flags & CAPITAL) != 0)[1:].any()
        at, size, place, weight = look_up(words.name, words.flags, self._dictionary, lowered=lowered)
        runs = zip(at.tolist(), size.tolist(), strict=True)
        titles = dict(zip(runs, zip(place.tolist(), weight.tolist(), strict=True), strict=True))
        names = self._names(words, lowered)
        spans = np.array(sorted({*titles, *names}), np.int64).reshape(-1, 2)
        spans = spans[longest(len(words.name), spans[:, 0], spans[:, 1])]
        part = inside(words.flags, spans[:, 0], spans[:, 1])
        found = []
        for (first, count), share in zip(map(tuple, spans.tolist()), part.tolist(), strict=True):
            span = Span(int(words.start[first]), int(words.end[first + count - 1]))
            documents, strength = self._bearers(*titles.get((first, count), (-1, 0.0)))
            passages, rarity = self._mentioning(names.get((first, count), -1))
            found.append(Named(span, span.of(text), documents, passages, max(strength, rarity * share)))
        return found

    def _names(self, words: Words, lowered: bool) -> dict[tuple[int, int], int]:
        """Return the rare names among the runs of words; single words have to be written as names."""
        found: dict[tuple[int, int], int] = {}
        capital = (words.flags & CAPITAL) != 0
        for size, at, keys in grams(words.name, words.flags):
            rows, place = find_keys(self._arrays["name_key"], keys)
            for first, name in zip(at[rows].tolist(), place.tolist(), strict=True):
                if size > 1 or lowered or capital[first]:
                    found[first, size] = name
        return found

    def _bearers(self, place: int, weight: float) -> tuple[tuple[int, ...], float]:
        if place < 0:
            return (), 0.0
        low, high = self._dictionary.first[[place, place + 1]].tolist()
        documents = tuple(self._dictionary.document[low:high].tolist())
        return documents, weight * float(self._dictionary.strength[low:high].max())

    def _mentioning(self, name: int) -> tuple[Numbers, float]:
        if name < 0:
            return np.zeros(0, np.int64), 0.0
        low, high = self._arrays["name_first"][[name, name + 1]].tolist()
        passages = self._arrays["occurrence_passage"][low:high].astype(np.int64)
        return passages, float(self._arrays["name_weight"][name])

    def _edges(self, rows: NDArray[Any], kinds: Collection[LinkKind]) -> Edges:
        a = self._arrays
        kind = np.asarray(a["edge_kind"][rows])
        wanted = np.isin(kind, [number for number, each in enumerate(LINK_KINDS) if each in kinds])
        rows = rows[wanted]
        return Edges(
            source=a["edge_source"][rows].astype(np.int64),
            document=a["edge_document"][rows].astype(np.int64),
            passage=np.full(len(rows), -1, np.int64),
            kind=kind[wanted],
            start=np.asarray(a["edge_start"][rows]),
            end=np.asarray(a["edge_end"][rows]),
            weight=np.asarray(a["edge_weight"][rows]),
        )

    def _document_of(self, passages: Numbers) -> Numbers:
        documents: Numbers = np.searchsorted(self._arrays["first_passage"], passages, side="right") - 1
        return documents


def _outermost(source: Numbers, target: Numbers, start: NDArray[np.int32], end: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the edges whose words lie in those of no other edge between the same two passages."""
    order = np.lexsort((-end, start, target, source))
    source, target, reach = source[order], target[order], end[order].astype(np.int64)
    pair = np.cumsum(np.append(False, (source[1:] != source[:-1]) | (target[1:] != target[:-1])))[: len(order)]
    # Pairs are kept apart by a step wider than any document, so that one running maximum serves them all.
    step = reach + (pair << 32)
    inner = np.append(False, step[1:] <= np.maximum.accumulate(step)[:-1])[: len(order)]
    kept: NDArray[np.int64] = order[~inner]
    return kept


def _words(text: str) -> Words:
    """Return the words of a text, with a break at every sentence."""
    words = Lexicon().words([text])
    starts = np.array([sentence.start for sentence in split_sentences(text, Span(0, len(text)))], np.int64)
    opening = np.searchsorted(words.start, starts)
    words.flags[opening[opening < len(words.flags)]] |= BREAK
    return words


def open_links(snapshot: Snapshot, *, progress: ProgressCallback | None = None, extractor: str = RULES) -> LinkGraph:
    """Open the links of a snapshot, making first what is missing or damaged.

    Where the index cannot be written, they are made in a temporary folder that goes with the graph.

    Args:
        snapshot: one generation of an index.
        progress: called as text is read and links are joined.
        extractor: finds names: `rules`, `spacy:<model>` or `gliner:<model>`.

    Raises:
        ConfigError: there is no such extractor.
        ModelError: the extractor's package or model is not installed.
    """
    target = snapshot.index / "cache" / snapshot.manifest.stamp / f"{FOLDER}-{tag(extractor)}"
    rows = snapshot.index / FOLDER
    with _making:
        try:
            return LinkGraph(target)
        except (*UNREADABLE, OdqaError):
            pass  # A cache: whatever is wrong with it, making it anew is the remedy.
        finder = extractor, make_extractor(extractor)
        if os.access(snapshot.index, os.W_OK):
            with suppress(OSError):  # A full disk, say, or a folder in it that belongs to somebody else.
                make_links(snapshot, target, rows, finder, progress)
                return LinkGraph(target)
        return _temporary(snapshot, rows, finder, progress)


def _temporary(
    snapshot: Snapshot, rows: Path, extractor: tuple[str, Extractor | None], progress: ProgressCallback | None
) -> LinkGraph:
    folder = Path(tempfile.mkdtemp(prefix="odqa-links-"))
    try:
        make_links(snapshot, folder / "merged", folder / "rows", extractor, progress, reuse=rows)
        graph = LinkGraph(folder / "merged")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(graph, shutil.rmtree, folder, ignore_errors=True)
    return graph
