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

_MARKUP = re.compile(r"([\\`*_\[\]<>|])|^([#+-])(?=\s)|^(\d+)([.)])(?=\s)")
_LABELLED = (FieldKind.ENTITY, FieldKind.DATE)
_ONE_LINE = (FieldKind.TERM, FieldKind.ENTITY, FieldKind.FIGURE)


def to_markdown(summary: StructuredSummary, document: Document) -> str:
    """Return the summary as Markdown: a heading for each field, a place (page, time) for each sentence.

    The document's words are escaped, so that they read as they are stored and cannot become links or markup.
    """
    title = document.title or document.id
    part = "" if summary.section is None else f", section {summary.section + 1}"
    lines = [f"# {_escape(title)}{part}", ""]
    for field in summary.fields:
        lines += [f"## {_escape(field.name.replace('_', ' ').capitalize())}", "", *_field_lines(field, document), ""]
    return "\n".join(lines).rstrip() + "\n"


def to_dict(summary: StructuredSummary, document: Document) -> dict[str, MetadataValue | dict[str, object]]:
    """Return the summary as JSON values; every statement has text, spans, quote, label and weight."""
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
    }
    block = _block_at(statement.spans[0], document)
    if block is not None and block.page is not None:
        entry["page"] = block.page
    if block is not None and block.start_s is not None:
        entry["start_s"] = block.start_s
    return entry


def _field_lines(field: SummaryField, document: Document) -> list[str]:
    if field.name == "gist":
        return [" ".join(_escape(statement.text) for statement in field.statements)]
    if field.kind in _ONE_LINE and all(len(statement.text) < 40 for statement in field.statements):
        return [", ".join(_named(statement, field.kind) for statement in field.statements)]
    if field.kind is FieldKind.DATE:
        return [f"- **{s.label}** {_escape(s.text)}{_place(s, document)}" for s in field.statements]
    if field.kind is FieldKind.HEADING:
        return [f"- {_escape(statement.text)}" for statement in field.statements]
    mark = "> " if field.kind is FieldKind.QUOTE else ""
    return [f"- {mark}{_escape(s.text)}{_place(s, document)}" for s in field.statements]


def _named(statement: Statement, kind: FieldKind) -> str:
    label = f" ({statement.label})" if kind in _LABELLED and statement.label else ""
    return f"{_escape(statement.text)}{label}"


def _place(statement: Statement, document: Document) -> str:
    block = _block_at(statement.spans[0], document)
    if block is None:
        return ""
    if block.page is not None:
        return f" (p. {block.page})"
    if block.start_s is not None:
        minutes, seconds = divmod(int(block.start_s), 60)
        hours, minutes = divmod(minutes, 60)
        return f" ({hours}:{minutes:02}:{seconds:02})" if hours else f" ({minutes}:{seconds:02})"
    return ""


def _block_at(span: Span, document: Document) -> Block | None:
    number = bisect_right(document.blocks, span.start, key=lambda block: block.span.start) - 1
    return document.blocks[number] if number >= 0 else None


def _escape(text: str) -> str:
    return _MARKUP.sub(lambda m: f"{m[3]}\\{m[4]}" if m[3] else f"\\{m[1] or m[2]}", text)
