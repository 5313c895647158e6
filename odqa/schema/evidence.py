"""Evidence: passages found for a question, with scores and paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from odqa.schema.document import Document, Passage, Section


class HopKind(StrEnum):
    """What a step of an evidence path went through."""

    QUESTION = "question"
    DOCUMENT = "document"
    ENTRY = "entry"
    LINK = "link"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Hop:
    """One step on the way from the question to a piece of evidence."""

    kind: HopKind
    label: str
    score: float = 0.0


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
    """

    document: Document
    section: Section
    passage: Passage
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    path: tuple[Hop, ...] = ()

    @property
    def text(self) -> str:
        """The passage's characters, verbatim."""
        return self.passage.span.of(self.document.text)
