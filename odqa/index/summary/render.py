"""Show a structured summary: as Markdown for people, as JSON for programs."""

from __future__ import annotations

import re
from bisect import bisect_right

from odqa.schema import (
    Block,
    Document,
    FieldKind,
    MetadataValue,
    Span,
    Statement,
    StructuredSummary,
    SummaryField,
)
from odqa.schema.dates import readable_date

_MARKUP = re.compile(r"([\\`*_\[\]<>|])|^([#+-])(?=\s)|^(\d+)([.)])(?=\s)")
_LABELLED = (FieldKind.ENTITY, FieldKind.DATE)
ONE_LINE = (FieldKind.TERM, FieldKind.ENTITY, FieldKind.FIGURE)
"""Kinds of fields whose statements are so short that a list of them is one line."""


def to_markdown(summary: StructuredSummary, document: Document, threshold: float = 0.0) -> str:
    """Return the summary as Markdown: a heading for each field, a place (page, time) for each sentence.

    The document's words are escaped, so that they read as they are stored and cannot become links or markup.

    Args:
        summary: of the document, or of one of its sections.
        document: the document.
        threshold: statements with less support are marked as unsupported.
    """
    title = document.title or document.id
    part = "" if summary.section is None else f", section {summary.section + 1}"
    lines = [f"# {escape(title)}{part}", ""]
    for field in summary.fields:
        lines += [f"## {escape(field_title(field.name))}", "", *_field_lines(field, document, threshold), ""]
    return "\n".join(lines).rstrip() + "\n"


def to_dict(summary: StructuredSummary, document: Document) -> dict[str, MetadataValue | dict[str, object]]:
    """Return the summary as JSON values; every statement has text, spans, quote, label, weight, support."""
    return {
        "document": document.id,
        "title": document.title,
        "source": document.source,
        "section": summary.section,
        "schema": summary.schema,
        "method": summary.method,
        "fields": [
            {
                "name": field.name,
                "kind": field.kind.value,
                "statements": [_statement_dict(statement, document) for statement in field.statements],
            }
            for field in summary.fields
        ],
    }


def _statement_dict(statement: Statement, document: Document) -> dict[str, object]:
    entry: dict[str, object] = {
        "text": statement.text,
        "spans": [list(span) for span in statement.spans],
        "quote": " … ".join(span.of(document.text) for span in statement.spans),
        "label": statement.label,
        "weight": statement.weight,
        "support": statement.support,
    }
    return entry | place_dict(document, statement.spans[0])


def _field_lines(field: SummaryField, document: Document, threshold: float) -> list[str]:
    said = [f"{escape(s.text)}{' *(unsupported)*' if s.support < threshold else ''}" for s in field.statements]
    if field.name == "gist":
        return [" ".join(said)]
    if field.kind in ONE_LINE and all(len(statement.text) < 40 for statement in field.statements):
        return [", ".join(text + _kind(s, field.kind) for text, s in zip(said, field.statements, strict=True))]
    placed = [(text, s.label, _place(s, document)) for text, s in zip(said, field.statements, strict=True)]
    if field.kind is FieldKind.DATE:
        return [f"- **{readable_date(label)}** {text}{place}" for text, label, place in placed]
    if field.kind is FieldKind.HEADING:
        return [f"- {text}" for text in said]
    mark = "> " if field.kind is FieldKind.QUOTE else ""
    return [f"- {mark}{text}{place}" for text, _, place in placed]


def _kind(statement: Statement, kind: FieldKind) -> str:
    return f" ({statement.label})" if kind in _LABELLED and statement.label else ""


def _place(statement: Statement, document: Document) -> str:
    place = place_of(document, statement.spans[0])
    return f" ({place})" if place else ""


def field_title(name: str) -> str:
    """Return what a person calls a field."""
    return name.replace("_", " ").capitalize()


def place_of(document: Document, span: Span) -> str:
    """Say on which page or at what time of a recording a span begins; "" where the document has neither."""
    block = _block_at(document, span.start)
    if block is None:
        return ""
    if block.page is not None:
        return f"p. {block.page}"
    if block.start_s is not None:
        minutes, seconds = divmod(int(block.start_s), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return ""


def place_dict(document: Document, span: Span) -> dict[str, object]:
    """Return page and time at which a span begins as JSON values, where the document has them."""
    block = _block_at(document, span.start)
    places = {"page": block.page, "start_s": block.start_s} if block is not None else {}
    return {name: value for name, value in places.items() if value is not None}


def _block_at(document: Document, position: int) -> Block | None:
    number = bisect_right(document.blocks, position, key=lambda block: block.span.start) - 1
    return document.blocks[number] if number >= 0 else None


def escape(text: str) -> str:
    """Return text so that Markdown shows its characters and reads none of them as markup."""
    return _MARKUP.sub(lambda m: f"{m[3]}\\{m[4]}" if m[3] else f"\\{m[1] or m[2]}", text)
