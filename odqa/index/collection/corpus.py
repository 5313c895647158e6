"""What the collection level is made from: documents with vectors and summaries, of an index or read just now."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from odqa.index.tables import summaries_from
from odqa.schema import FieldKind, ParsedDocument, Span, StructuredSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.snapshot import Snapshot
    from odqa.protocols import Encoder

_CHUNK = 65_536


class Corpus(Protocol):
    """Documents in the order of their ids; a row is a place in that order."""

    ids: Sequence[str]
    titles: Sequence[str]

    @property
    def keys(self) -> NDArray[np.uint64]:
        """A name for each document as it stands: it changes with its content and its summary; shape (documents,)."""
        ...

    @property
    def vectors(self) -> NDArray[np.float32]:
        """A unit vector for each document, zero for one without text; shape (documents, dimension)."""
        ...

    @property
    def characters(self) -> int:
        """About how long the texts are together."""
        ...

    def parsed(self, row: int) -> ParsedDocument:
        """Return a document with its sections and passages."""
        ...

    def summary(self, row: int) -> StructuredSummary | None:
        """Return a document's own summary, without those of its sections; None where it has none."""
        ...

    def summaries(self, row: int) -> Sequence[StructuredSummary]:
        """Return the structured summaries of a document, its own first."""
        ...

    def centrality(self, row: int, span: Span, centre: NDArray[np.float32]) -> float:
        """Return how near the text around `span` lies to a unit vector, as a cosine."""
        ...


class SnapshotCorpus:
    """The live documents of a generation of an index; everything is read, nothing computed but sums of vectors."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        names, titles = snapshot.ids, snapshot.column("title")
        # Ordered by id and not by place, so that compaction changes nothing.
        self._numbers = sorted(snapshot.live_documents(), key=names.__getitem__)
        self._segments = {segment.ref.id: segment for segment in snapshot.segments}
        self.ids: Sequence[str] = [names[number] for number in self._numbers]
        self.titles: Sequence[str] = [titles[number] for number in self._numbers]

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """Name of each document's content, mixed with that of the pipeline that summarized it."""
        pipelines = self.snapshot.column("pipeline")
        mixed = {name: _hash64(name) for name in set(pipelines)}
        salt = np.array([mixed[pipelines[number]] for number in self._numbers], np.uint64)
        keys: NDArray[np.uint64] = self.snapshot.uids[self._numbers] ^ salt
        return keys

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Normalised mean of each document's passage vectors."""
        snapshot, start = self.snapshot, 0
        sums = np.zeros((len(snapshot.live), snapshot.dimension), np.float32)
        owners = np.repeat(np.arange(len(snapshot.live)), np.diff(snapshot.first_passage))
        for segment in snapshot.segments:
            vectors = segment.vectors("passages")
            owner = owners[start : start + len(vectors)]
            for first in range(0, len(vectors), _CHUNK):
                part = slice(first, first + _CHUNK)
                starts = np.flatnonzero(np.diff(owner[part], prepend=-1))
                sums[owner[part][starts]] += np.add.reduceat(vectors[part].astype(np.float32), starts)
            start += len(vectors)
        return unit(sums[self._numbers])

    @property
    def characters(self) -> int:
        """Bytes of text in the segments."""
        return sum(ref.text_bytes for ref in self.snapshot.manifest.segments)

    def parsed(self, row: int) -> ParsedDocument:
        """Return a document with its sections and passages."""
        return self.snapshot.parsed(self._numbers[row])

    def summary(self, row: int) -> StructuredSummary | None:
        """Return a document's own summary; only its rows are read, a tenth or so of those with its sections."""
        name, place = self.snapshot.place(self._numbers[row])
        segment = self._segments[name]
        start, end = segment.offsets["summaries"][place : place + 2]
        table = segment.tables["summaries"].slice(start, end - start)
        own = table.slice(0, int((table["section"].to_numpy() < 0).sum()))
        return next(iter(summaries_from(self.ids[row], own)), None)

    def summaries(self, row: int) -> Sequence[StructuredSummary]:
        """Return the structured summaries that the index holds of a document, its own first."""
        return self.snapshot.summaries(self._numbers[row])

    def centrality(self, row: int, span: Span, centre: NDArray[np.float32]) -> float:
        """Return the cosine of `centre` and the passage that holds the start of `span`."""
        passages = self.parsed(row).passages
        number = bisect_right(passages, span.start, key=lambda passage: passage.span.start) - 1
        if number < 0:
            return 0.0
        return float(self.snapshot.passage_vectors(self._numbers[row])[number].astype(np.float32) @ centre)


class MemoryCorpus:
    """Documents that were read and summarized just now; each is encoded by what its summary says of it.

    Args:
        documents: with their summaries, the document's own first.
        encoder: makes one vector for each document, so that no passage has to be encoded.
    """

    def __init__(
        self, documents: Sequence[tuple[ParsedDocument, Sequence[StructuredSummary]]], encoder: Encoder
    ) -> None:
        self._items = sorted(documents, key=lambda item: item[0].document.id)
        self._encoder = encoder
        self.ids: Sequence[str] = [parsed.document.id for parsed, _ in self._items]
        self.titles: Sequence[str] = [parsed.document.title for parsed, _ in self._items]

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """Hash of each document's id: documents in memory have one version."""
        return np.array([_hash64(id_) for id_ in self.ids], np.uint64)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Unit vector of each document's title, gist and terms."""
        return unit(self._encoder.encode([_said(parsed, summaries) for parsed, summaries in self._items]))

    @property
    def characters(self) -> int:
        """Characters of all texts."""
        return sum(len(parsed.document.text) for parsed, _ in self._items)

    def parsed(self, row: int) -> ParsedDocument:
        """Return a document with its sections and passages."""
        return self._items[row][0]

    def summary(self, row: int) -> StructuredSummary | None:
        """Return a document's own summary."""
        return next((summary for summary in self._items[row][1] if summary.section is None), None)

    def summaries(self, row: int) -> Sequence[StructuredSummary]:
        """Return the structured summaries of a document, its own first."""
        return self._items[row][1]

    def centrality(self, row: int, span: Span, centre: NDArray[np.float32]) -> float:
        """Return the cosine of `centre` and the document: its passages have no vectors."""
        return float(self.vectors[row] @ centre)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of `vectors`, shape (n, dimension), at length one; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def _said(parsed: ParsedDocument, summaries: Sequence[StructuredSummary]) -> str:
    fields = summaries[0].fields if summaries else ()
    gist = next((field for field in fields if field.kind is FieldKind.STATEMENT), None)
    kept = [field for field in fields if field is gist or field.kind is FieldKind.TERM]
    return "\n".join(
        [parsed.document.title, *(" ".join(statement.text for statement in field.statements) for field in kept)]
    )


def _hash64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")
