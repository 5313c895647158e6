"""The Arrow tables of a segment: their columns, and the way from documents to rows and back.

All tables are flat; a document's rows stand together, and `documents` holds where they begin. Positions are
int32 characters, lists of spans are flat lists of start, end, start, end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from odqa.schema import (
    Block,
    BlockKind,
    Document,
    FieldKind,
    Link,
    ParsedDocument,
    Passage,
    PassageKind,
    PooledEntry,
    Section,
    Span,
    Statement,
    StructuredSummary,
    SummaryField,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_I = pa.int32()
_S = pa.string()

SCHEMAS: dict[str, pa.Schema] = {
    "documents": pa.schema(
        {
            "uid": pa.uint64(),
            "id": _S,
            "title": _S,
            "source": _S,
            "media_type": _S,
            "metadata": _S,
            "hash": _S,
            "pipeline": _S,
            "text": pa.large_string(),
            # One more row than documents would be needed for pure offsets; counts keep rows self-contained.
            **{f"n_{name}": _I for name in ("blocks", "sections", "passages", "summaries", "entries", "links")},
        }
    ),
    "blocks": pa.schema(
        {
            "kind": _S,
            "start": _I,
            "end": _I,
            "level": _I,
            "page": _I,
            "speaker": _S,
            "start_s": pa.float64(),
            "end_s": pa.float64(),
            "header_rows": _I,
            "rows": pa.list_(pa.list_(_I)),
        }
    ),
    "sections": pa.schema({"title": _S, "path": pa.list_(_S), "start": _I, "end": _I, "level": _I}),
    "passages": pa.schema(
        {"section": _I, "start": _I, "end": _I, "kind": _S, "context": _S, "sentences": pa.list_(_I)}
    ),
    "summaries": pa.schema(
        {
            "section": _I,
            "schema": _S,
            "method": _S,
            "field": _S,
            "kind": _S,
            "text": _S,
            "label": _S,
            "weight": pa.float64(),
            "support": pa.float64(),
            "spans": pa.list_(_I),
        }
    ),
    "entries": pa.schema({"first": _I, "last": _I}),
    "links": pa.schema({"start": _I, "end": _I, "target": _S}),
}
CHILDREN = tuple(name for name in SCHEMAS if name != "documents")


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document with all that the index keeps of it.

    Attributes:
        parsed: document, sections, passages.
        summaries: of the document and its sections.
        entries: pooled entries.
        passage_vectors: shape (n_passages, dimension).
        summary_vector: of the document's own summary, zero if it has none; shape (dimension,).
        pipeline: fingerprint of the settings it was indexed with.
    """

    parsed: ParsedDocument
    summaries: tuple[StructuredSummary, ...]
    entries: tuple[PooledEntry, ...]
    passage_vectors: NDArray[np.float32]
    summary_vector: NDArray[np.float32]
    pipeline: str

    @property
    def content_hash(self) -> str:
        """Hash of the document's content."""
        return self.parsed.document.content_hash


def uid_of(document_id: str, content_hash: str) -> int:
    """Return 64 bits that name one version of one document, the same in every segment it is ever written to."""
    digest = hashlib.sha256(f"{document_id}\0{content_hash}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little")


def to_tables(documents: Sequence[IndexedDocument]) -> dict[str, pa.Table]:
    """Lay documents out as the tables of a segment."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
    for item in documents:
        document = item.parsed.document
        own = {
            "blocks": [_block_row(block) for block in document.blocks],
            "sections": [_section_row(section) for section in item.parsed.sections],
            "passages": [_passage_row(passage) for passage in item.parsed.passages],
            "summaries": [row for summary in item.summaries for row in _summary_rows(summary)],
            "entries": [{"first": e.first, "last": e.last} for e in item.entries],
            "links": [{"start": k.span.start, "end": k.span.end, "target": k.target} for k in document.links],
        }
        content_hash = item.content_hash
        rows["documents"].append(
            {
                "uid": uid_of(document.id, content_hash),
                "id": document.id,
                "title": document.title,
                "source": document.source,
                "media_type": document.media_type,
                "metadata": json.dumps(dict(document.metadata), ensure_ascii=False, default=str),
                "hash": content_hash,
                "pipeline": item.pipeline,
                "text": document.text,
                **{f"n_{name}": len(own[name]) for name in CHILDREN},
            }
        )
        for name, new in own.items():
            rows[name].extend(new)
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in SCHEMAS.items()}


def document_from(row: dict[str, Any], blocks: pa.Table, links: pa.Table) -> Document:
    """Rebuild a document from its row of `documents` and its rows of `blocks` and `links`."""
    return Document(
        id=row["id"],
        title=row["title"],
        text=row["text"],
        blocks=tuple(_blocks_from(blocks)),
        source=row["source"],
        links=tuple(
            Link(Span(start, end), target)
            for start, end, target in zip(*(links[n].to_pylist() for n in ("start", "end", "target")), strict=True)
        ),
        metadata=json.loads(row["metadata"]),
        media_type=row["media_type"],
    )


def sections_from(table: pa.Table) -> tuple[Section, ...]:
    """Rebuild a document's sections from its rows."""
    columns = (table[name].to_pylist() for name in ("title", "path", "start", "end", "level"))
    return tuple(
        Section(index, title, tuple(path), Span(start, end), level)
        for index, (title, path, start, end, level) in enumerate(zip(*columns, strict=True))
    )


def passages_from(document_id: str, table: pa.Table, first: int = 0) -> tuple[Passage, ...]:
    """Rebuild passages from rows of one document, the first of which is its passage number `first`."""
    columns = (table[name].to_pylist() for name in ("section", "start", "end", "kind", "context", "sentences"))
    return tuple(
        Passage(document_id, index, section, Span(start, end), _spans(flat), PassageKind(kind), context)
        for index, (section, start, end, kind, context, flat) in enumerate(zip(*columns, strict=True), first)
    )


def summaries_from(document_id: str, table: pa.Table) -> tuple[StructuredSummary, ...]:
    """Rebuild a document's structured summaries from its rows, one row a statement."""
    summaries: list[StructuredSummary] = []
    fields: dict[tuple[str, str], list[Statement]] = {}
    current: tuple[Any, ...] | None = None

    def close() -> None:
        if current is not None:
            section, schema, method = current
            made = tuple(SummaryField(n, FieldKind(k), tuple(s)) for (n, k), s in fields.items())
            summaries.append(StructuredSummary(document_id, None if section < 0 else section, schema, made, method))
            fields.clear()

    for row in table.to_pylist():
        key = (row["section"], row["schema"], row["method"])
        if key != current:
            close()
            current = key
        statement = Statement(row["text"], _spans(row["spans"]), row["weight"], row["label"], row["support"])
        fields.setdefault((row["field"], row["kind"]), []).append(statement)
    close()
    return tuple(summaries)


def entries_from(document_id: str, table: pa.Table) -> tuple[PooledEntry, ...]:
    """Rebuild a document's pooled entries from its rows."""
    columns = (table[name].to_pylist() for name in ("first", "last"))
    return tuple(PooledEntry(document_id, index, *span) for index, span in enumerate(zip(*columns, strict=True)))


def _flat(spans: Iterable[Span]) -> list[int]:
    return list(chain.from_iterable(spans))


def _spans(flat: Sequence[int]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in zip(flat[::2], flat[1::2], strict=True))


def _block_row(block: Block) -> dict[str, Any]:
    return {
        "kind": block.kind.value,
        "start": block.span.start,
        "end": block.span.end,
        "level": block.level,
        "page": block.page,
        "speaker": block.speaker,
        "start_s": block.start_s,
        "end_s": block.end_s,
        "header_rows": block.header_rows,
        "rows": [_flat(row) for row in block.rows],
    }


def _blocks_from(table: pa.Table) -> Iterable[Block]:
    columns = [table[name].to_pylist() for name in SCHEMAS["blocks"].names]
    for kind, start, end, level, page, speaker, start_s, end_s, header_rows, rows in zip(*columns, strict=True):
        cells = tuple(_spans(row) for row in rows)
        yield Block(BlockKind(kind), Span(start, end), level, page, speaker, start_s, end_s, cells, header_rows)


def _section_row(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "path": list(section.path),
        "start": section.span.start,
        "end": section.span.end,
        "level": section.level,
    }


def _passage_row(passage: Passage) -> dict[str, Any]:
    return {
        "section": passage.section,
        "start": passage.span.start,
        "end": passage.span.end,
        "kind": passage.kind.value,
        "context": passage.context,
        "sentences": _flat(passage.sentences),
    }


def _summary_rows(summary: StructuredSummary) -> Iterable[dict[str, Any]]:
    for field in summary.fields:
        for statement in field.statements:
            yield {
                "section": -1 if summary.section is None else summary.section,
                "schema": summary.schema,
                "method": summary.method,
                "field": field.name,
                "kind": field.kind.value,
                "text": statement.text,
                "label": statement.label,
                "weight": statement.weight,
                "support": statement.support,
                "spans": _flat(statement.spans),
            }
