"""Documents, their blocks, sections and passages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

MetadataValue = str | int | float | bool | None | list[Any]


class Span(NamedTuple):
    """Characters `[start, end)` of a document's canonical text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the characters of `text` that this span names."""
        return text[self.start : self.end]

    def contains(self, other: Span) -> bool:
        """Tell whether `other` lies wholly inside this span."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Tell whether the two spans share a character."""
        return self.start < other.end and other.start < self.end


class BlockKind(StrEnum):
    """What a block of a document is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    TURN = "turn"
    CAPTION = "caption"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a document, in reading order; blocks never overlap.

    Attributes:
        kind: what the block is.
        span: its characters in the canonical text. A turn's span begins with `"{speaker}: "` where it has a
            speaker; a table's holds one line per row, cells joined by `" | "`.
        level: 1–6 for headings, 0 for everything else.
        page: 1-based page of paged sources.
        speaker: who speaks, for turns.
        start_s: seconds from the start of the recording, for turns and cues.
        end_s: seconds at which the turn ends.
        rows: for tables, the span of every cell, row by row; the first `header_rows` rows are the header.
        header_rows: number of header rows.
    """

    kind: BlockKind
    span: Span
    level: int = 0
    page: int | None = None
    speaker: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    rows: tuple[tuple[Span, ...], ...] = ()
    header_rows: int = 0

    @property
    def body(self) -> Span:
        """The block's characters without a turn's speaker prefix."""
        if self.speaker is None:
            return self.span
        return Span(min(self.span.start + len(self.speaker) + 2, self.span.end), self.span.end)


@dataclass(frozen=True, slots=True)
class Link:
    """A hyperlink: the characters that carry it and where it points (a URL, a path, a document id)."""

    span: Span
    target: str


@dataclass(frozen=True, slots=True)
class Document:
    """One source, as canonical text with blocks.

    Attributes:
        id: unique in an index; for files the absolute path, `path#key` for a record inside a file.
        title: what a person calls it.
        text: canonical text; every span of the document counts in its characters.
        blocks: in reading order, non-overlapping, together covering all that is not white space.
        source: path or URL shown in citations; the id where it is empty.
        links: hyperlinks found in the text.
        metadata: JSON values such as date, author, url.
        media_type: IANA media type of the source, e.g. `text/markdown`.
    """

    id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    source: str = ""
    links: tuple[Link, ...] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    media_type: str = "text/plain"

    @property
    def content_hash(self) -> str:
        """SHA-256 (hex) over all that indexing reads: a changed hash means the document has changed."""
        digest = hashlib.sha256()
        head = [self.title, self.source, self.media_type, sorted(self.metadata.items())]
        digest.update(json.dumps(head, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
        digest.update(self.text.encode("utf-8", "surrogatepass"))
        digest.update(repr(self.blocks).encode("utf-8", "surrogatepass"))
        digest.update(repr(self.links).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Section:
    """A run of blocks under one heading, or a topical run where there are no headings.

    Attributes:
        index: position in the document.
        title: the heading, or "" for a topical run.
        path: headings from the outermost to this one, e.g. `("Findings", "Second pier")`.
        span: its characters, heading included.
        level: depth of the heading; 0 for topical runs and for text before the first heading.
    """

    index: int
    title: str
    path: tuple[str, ...]
    span: Span
    level: int = 0


class PassageKind(StrEnum):
    """What a passage is made of."""

    TEXT = "text"
    TURNS = "turns"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Passage:
    """Contiguous sentences of one section, or a run of table rows; the unit of evidence.

    Attributes:
        document_id: the document it belongs to.
        index: position in the document.
        section: index of its section.
        span: its characters.
        sentences: spans of its sentences, in order, all inside `span`; a turn's sentences leave out the
            speaker prefix, a table row is one sentence.
        kind: text, turns or row.
        context: words that are not part of the span but that it needs to be understood: document title,
            section path, table caption and header. Encoded and indexed with the text, never quoted.
    """

    document_id: str
    index: int
    section: int
    span: Span
    sentences: tuple[Span, ...]
    kind: PassageKind = PassageKind.TEXT
    context: str = ""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A document with its sections and passages: what the index pipeline hands on."""

    document: Document
    sections: tuple[Section, ...]
    passages: tuple[Passage, ...]

    def passage_text(self, passage: Passage) -> str:
        """The passage's characters, verbatim."""
        return passage.span.of(self.document.text)

    def passage_input(self, passage: Passage) -> str:
        """What is encoded and indexed for a passage: its context, then its characters."""
        text = passage.span.of(self.document.text)
        return f"{passage.context}\n{text}" if passage.context else text
