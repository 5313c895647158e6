"""Structured summaries and the pooled entries made from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from odqa.schema.document import Span


class FieldKind(StrEnum):
    """What the statements of a summary field are."""

    STATEMENT = "statement"
    ENTITY = "entity"
    FIGURE = "figure"
    DATE = "date"
    QUOTE = "quote"
    QUESTION = "question"
    TERM = "term"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a summary and the characters it rests on (never empty).

    Attributes:
        text: the statement as a person reads it.
        spans: characters of the document that support it.
        weight: importance within its field, 0–1.
        label: for dates the normalised date, for figures the unit, for entities the kind; else "".
        support: how well the document supports it, 0–1, as a verifier scored it; 1 for the document's own words.
    """

    text: str
    spans: tuple[Span, ...]
    weight: float = 1.0
    label: str = ""
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class SummaryField:
    """One named field of a structured summary."""

    name: str
    kind: FieldKind
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class StructuredSummary:
    """A document or one of its sections, compressed into named fields.

    Attributes:
        document_id: the document summarised.
        section: index of the section, or None for the whole document.
        schema: name of the template it follows, e.g. `default`, `meeting`.
        fields: in the template's order; fields with nothing to say are left out.
        method: who made it, e.g. `extractive`.
    """

    document_id: str
    section: int | None
    schema: str
    fields: tuple[SummaryField, ...]
    method: str = "extractive"

    def __getitem__(self, name: str) -> tuple[Statement, ...]:
        """Return the statements of the field called `name`; empty where the summary lacks it."""
        return next((f.statements for f in self.fields if f.name == name), ())

    @property
    def gist(self) -> str:
        """What the whole is about, in one line; "" where the template has no such field."""
        return " ".join(statement.text for statement in self["gist"])

    @property
    def text(self) -> str:
        """All statements as plain text, one field a line: what is encoded and indexed."""
        return "\n".join(" ".join(s.text for s in f.statements) for f in self.fields if f.statements)


@dataclass(frozen=True, slots=True)
class PooledEntry:
    """One searchable row that stands for a run of passages.

    Attributes:
        document_id: the document it belongs to.
        index: position among the document's entries.
        first: index of the first passage it owns.
        last: index after the last passage it owns.
    """

    document_id: str
    index: int
    first: int
    last: int
