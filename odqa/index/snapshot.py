"""One generation of an index, opened for reading: its segments as one collection with global numbers.

Documents, passages and pooled entries are numbered over all segments in the manifest's order, deleted documents
included, so that a number is a place in memory-mapped arrays; `live` says which documents count. Two processes
that open the same generation use the same numbers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import IndexCorrupt
from odqa.index import pool
from odqa.index.files import HashMemory
from odqa.index.manifest import Manifest, read_manifest
from odqa.index.segment import Searchable, Segment
from odqa.index.sentences.read import SentenceVectors
from odqa.schema import Document, ParsedDocument, PooledEntry, StructuredSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ATTEMPTS = 5
_CACHED_DOCUMENTS = 128


class Snapshot:
    """A committed generation, immutable; safe to share between threads."""

    def __init__(self, index: Path, manifest: Manifest, segments: Sequence[Segment]) -> None:
        self.index, self.manifest, self.segments = index, manifest, tuple(segments)
        self._first_document = _starts([s.ref.documents for s in segments])
        self._parsed: OrderedDict[int, ParsedDocument] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, index: Path, memory: HashMemory | None = None) -> Snapshot:
        """Open the current generation of the index at `index`.

        Raises:
            OdqaIndexError: there is no index, or it cannot be used.
        """
        memory = memory or HashMemory()
        for attempt in range(_ATTEMPTS):
            manifest = read_manifest(index)
            try:
                segments = [Segment(index / "segments" / ref.id, ref, memory) for ref in manifest.segments]
            except IndexCorrupt:
                # A writer may have replaced and removed a segment between the two steps; then the manifest is new.
                if attempt + 1 < _ATTEMPTS and read_manifest(index).generation != manifest.generation:
                    continue
                raise
            memory.save()
            return cls(index, manifest, segments)
        raise IndexCorrupt(f"{index}: it changes faster than it can be opened", "try again")

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.manifest.encoder["dimension"])

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """Which documents count; shape (documents,), deleted ones False."""
        live = np.ones(int(self._first_document[-1]), np.bool_)
        for segment, first in zip(self.segments, self._first_document[:-1], strict=True):
            rows = np.array(self.manifest.deletions.get(segment.ref.id, ()), np.int64)
            if rows.size and (rows.min() < 0 or rows.max() >= segment.ref.documents):
                raise IndexCorrupt(f"{self.index / 'manifest.json'}: a deletion names no document", "build again")
            live[first + rows] = False
        return live

    @cached_property
    def first_passage(self) -> NDArray[np.int64]:
        """Global number of each document's first passage; shape (documents + 1,)."""
        return self._offsets("passages")

    @cached_property
    def first_entry(self) -> NDArray[np.int64]:
        """Global number of each document's first pooled entry; shape (documents + 1,)."""
        return self._offsets("entries")

    @cached_property
    def entry_document(self) -> NDArray[np.int64]:
        """Document of every pooled entry; shape (entries,)."""
        return np.repeat(np.arange(len(self.live)), np.diff(self.first_entry))

    @cached_property
    def sentences(self) -> SentenceVectors:
        """The vectors of passages' sentences, as far as they are kept."""
        return SentenceVectors(self)

    @cached_property
    def uids(self) -> NDArray[np.uint64]:
        """The 64-bit name of every document version; shape (documents,)."""
        parts = [segment.tables["documents"]["uid"].to_numpy() for segment in self.segments]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)

    @cached_property
    def by_uid(self) -> dict[int, int]:
        """Number of each live document by its 64-bit name."""
        return {int(self.uids[number]): int(number) for number in np.flatnonzero(self.live)}

    @cached_property
    def ids(self) -> list[str]:
        """Document ids by number, deleted documents included."""
        return [id_ for segment in self.segments for id_ in segment.ids]

    @cached_property
    def by_id(self) -> dict[str, int]:
        """Number of each live document by its id."""
        return {id_: number for number, id_ in enumerate(self.ids) if self.live[number]}

    def column(self, name: str) -> list[str]:
        """Return a text column of `documents`, deleted ones included."""
        return [value for segment in self.segments for value in segment.column(name)]

    def by_document(self, name: str) -> list[tuple[str, str]]:
        """Return the id of every live document with its value in a text column of `documents`."""
        rows = zip(self.ids, self.column(name), self.live, strict=True)
        return [(id_, value) for id_, value, live in rows if live]

    def passage_vectors(self, number: int) -> NDArray[np.float16]:
        """Return the memory-mapped passage vectors of one document, shape (n_passages, dimension)."""
        segment, row = self._locate(number)
        start, end = segment.offsets["passages"][row : row + 2]
        return segment.vectors("passages")[start:end]

    def live_passage_vectors(self, chunk: int = 16_384) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        """Yield the global numbers and vectors of all passages of live documents, `chunk` rows at a time at most."""
        live = np.repeat(self.live, np.diff(self.first_passage))
        start = 0
        for segment in self.segments:
            vectors = segment.vectors("passages")
            for first in range(0, len(vectors), chunk):
                rows = np.flatnonzero(live[start + first : start + min(first + chunk, len(vectors))])
                whole = len(rows) == min(chunk, len(vectors) - first)
                part = vectors[first : first + chunk]
                yield start + first + rows, part if whole else part[rows]
            start += len(vectors)

    @cached_property
    def entry_passage(self) -> NDArray[np.int64]:
        """Global number of the first passage of every pooled entry, and one more; shape (entries + 1,)."""
        parts = [segment.tables["entries"]["first"].to_numpy() for segment in self.segments]
        firsts = np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
        return np.append(firsts + self.first_passage[self.entry_document], self.first_passage[-1])

    def entry_vectors(self, chunk: int = 16_384) -> Iterator[NDArray[np.float32]]:
        """Yield the unit vectors of all pooled entries in global order, at most `chunk` entries of a segment at a time.

        They are made from the vectors of their passages, so that nothing is stored twice.
        """
        passage = 0
        for segment, *documents in zip(self.segments, self._first_document, self._first_document[1:], strict=False):
            vectors = segment.vectors("passages")
            start, end = self.first_entry[documents].tolist()
            for first in range(start, end, chunk):
                bounds = self.entry_passage[first : min(first + chunk, end) + 1] - passage
                yield pool.entry_vectors(vectors[bounds[0] : bounds[-1]], bounds[:-1] - bounds[0])
            passage += len(vectors)

    def summary_vectors(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of documents' own summaries, zero where there is none; shape (len(numbers), dimension)."""
        found = np.zeros((len(numbers), self.dimension), np.float32)
        places = np.searchsorted(self._first_document, numbers, side="right") - 1
        for place in sorted(set(places.tolist())):
            rows = np.flatnonzero(places == place)
            own = self.segments[place].vectors("summaries")
            found[rows] = own[numbers[rows] - int(self._first_document[place])]
        return found

    def vectors_of(self, passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of passages by their global numbers, ascending; shape (len(passages), dimension)."""
        found = np.zeros((len(passages), self.dimension), np.float32)
        start = 0
        for segment in self.segments:
            vectors = segment.vectors("passages")
            low, high = np.searchsorted(passages, (start, start + len(vectors)))
            found[low:high] = vectors[passages[low:high] - start]
            start += len(vectors)
        return found

    def documents_of(self, passages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of each passage's document, by the passages' global numbers."""
        numbers: NDArray[np.int64] = np.searchsorted(self.first_passage, passages, side="right") - 1
        return numbers

    def document_of(self, passage: int) -> int:
        """Return the number of a passage's document, by the passage's global number."""
        return int(np.searchsorted(self.first_passage, passage, side="right")) - 1

    def passage_inputs(self, passages: NDArray[np.int64]) -> list[str]:
        """Return context and text of passages by their global numbers, ascending, without rebuilding documents."""
        documents = self.documents_of(passages)
        bounds = np.flatnonzero(np.diff(documents, prepend=-1))
        inputs: list[str] = []
        for start, end in zip(bounds.tolist(), [*bounds[1:].tolist(), len(passages)], strict=True):
            number = int(documents[start])
            segment, row = self._locate(number)
            inputs += segment.passage_inputs(row, passages[start:end] - int(self.first_passage[number]))
        return inputs

    def parsed(self, number: int) -> ParsedDocument:
        """Return a document with its sections and passages; the last ones used are kept."""
        with self._lock:
            if (known := self._parsed.get(number)) is not None:
                self._parsed.move_to_end(number)
                return known
        segment, row = self._locate(number)
        parsed = ParsedDocument(segment.document(row), segment.sections(row), segment.passages(row))
        with self._lock:
            self._parsed[number] = parsed
            while len(self._parsed) > _CACHED_DOCUMENTS:
                self._parsed.popitem(last=False)
        return parsed

    def document(self, number: int) -> Document:
        """Return one document."""
        return self.parsed(number).document

    def summaries(self, number: int) -> tuple[StructuredSummary, ...]:
        """Return the structured summaries of one document, the document's own first."""
        segment, row = self._locate(number)
        return segment.summaries(row)

    def entries(self, number: int) -> tuple[PooledEntry, ...]:
        """Return the pooled entries of one document."""
        segment, row = self._locate(number)
        return segment.entries(row)

    def searchable(self, number: int) -> Searchable:
        """Return the words of one document, without the cost of rebuilding it."""
        segment, row = self._locate(number)
        return segment.searchable(row)

    def place(self, number: int) -> tuple[str, int]:
        """Return a document's segment id and its row there."""
        segment, row = self._locate(number)
        return segment.ref.id, row

    def live_documents(self) -> Iterator[int]:
        """Yield the numbers of all documents that count."""
        return (int(number) for number in np.flatnonzero(self.live))

    def _locate(self, number: int) -> tuple[Segment, int]:
        position = int(np.searchsorted(self._first_document, number, side="right")) - 1
        return self.segments[position], number - int(self._first_document[position])

    def _offsets(self, name: str) -> NDArray[np.int64]:
        counts = [np.diff(segment.offsets[name]) for segment in self.segments]
        return _starts(np.concatenate(counts) if counts else [])


def _starts(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
