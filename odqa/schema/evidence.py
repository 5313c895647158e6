"""Evidence: passages found for a question, with scores, paths, and what is known about them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from odqa.schema.document import Document, Passage, Section, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class HopKind(StrEnum):
    """What a step of an evidence path went through."""

    QUESTION = "question"
    DOCUMENT = "document"
    ENTRY = "entry"
    PASSAGE = "passage"
    LINK = "link"
    QUERY = "query"


class LinkKind(StrEnum):
    """How one place of a collection points to another."""

    HYPERLINK = "hyperlink"
    CELL = "cell"
    TITLE = "title"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Hop:
    """One step on the way from the question to a piece of evidence.

    Attributes:
        kind: what the step went through.
        label: what a person calls it: a title, the words of a link, the question that was asked again.
        score: of the step; only comparable with that of steps of the same kind.
        link: for links, how they point.
        document_id: the document that the step stands in or leads to, where there is one.
        span: characters of that document: the passage, or the words of a link.
    """

    kind: HopKind
    label: str
    score: float = 0.0
    link: LinkKind | None = None
    document_id: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """Another place that says the same as a piece of evidence, nearly word for word.

    Attributes:
        document_id: its document.
        title: of that document.
        source: path or URL of that document.
        span: its characters there.
        similarity: share of the words' shingles that both have, 0–1; 1 for the same words.
    """

    document_id: str
    title: str
    source: str
    span: Span
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Calculation:
    """What a table operation that the question asks for gives, with the cells that it was made from.

    Attributes:
        operation: `lookup`, `filter`, `compare`, `maximum`, `minimum`, `count`, `sum`, `mean`, `difference`,
            `change`, `ratio`.
        statement: the result as a sentence for people, the numbers in it as the table writes them.
        value: the number, or the words of the cell or row that answers.
        unit: e.g. `%`, `$ million`; "" if none is known.
        cells: characters of the evidence's document that the result rests on, in the order in which they count.
        confidence: how well the operation fits the question, 0–1.
    """

    operation: str
    statement: str
    value: float | str
    unit: str
    cells: tuple[Span, ...]
    confidence: float = 0.0


class ConflictKind(StrEnum):
    """What pieces of evidence disagree about."""

    FIGURE = "figure"
    DATE = "date"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class ConflictSide:
    """What one document says where documents disagree.

    Attributes:
        document_id: the document.
        title: its title.
        source: path or URL.
        date: when the document says it was written, as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; "" if it does not.
        span: the sentence.
        value: the figure or date as it is written there; for versions, the document's title or version.
    """

    document_id: str
    title: str
    source: str
    date: str
    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Evidence that disagrees: two figures for one quantity, two dates for one event, two versions of a document.

    Attributes:
        kind: what it is about.
        subject: the quantity, the event, the document, in the documents' words.
        sides: two or more, the latest first where dates are known.
    """

    kind: ConflictKind
    subject: str
    sides: tuple[ConflictSide, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage with its scores and the path by which it was reached.

    Attributes:
        document: the whole document, so that spans can be resolved and neighbours read.
        section: the passage's section.
        passage: the passage.
        score: fused score; only its order means anything.
        scores: the score's parts by name, e.g. `{"dense": .61, "bm25": 8.2, "entry_dense": .55}`.
        path: the hops from the question to this passage, passage last.
        copies: other places that say the same; they are not evidence of their own.
        calculations: what table operations give with cells of this passage.
        conflicts: disagreements that this passage is a side of.
        sentence_vectors: a unit vector for each of `passage.sentences`, shape (n_sentences, dimension), float32, by
            the index's encoder, where the index keeps them.
        summary: the gist of its document, for readers that ask for it (`SummaryReader`).
    """

    document: Document
    section: Section
    passage: Passage
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    path: tuple[Hop, ...] = ()
    copies: tuple[Copy, ...] = ()
    calculations: tuple[Calculation, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    sentence_vectors: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    summary: str = field(default="", compare=False, repr=False)

    @property
    def text(self) -> str:
        """The passage's characters, verbatim."""
        return self.passage.span.of(self.document.text)
