"""Documents as JSON, for the pipe between the sandbox and the process that reads from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from odqa.errors import LoadError
from odqa.schema import Block, BlockKind, Document, Link, Span


def to_json(document: Document) -> bytes:
    """Encode a document as compact JSON; `from_json` gives back an equal one."""
    encoded = {
        "id": document.id,
        "title": document.title,
        "text": document.text,
        "source": document.source,
        "media_type": document.media_type,
        "metadata": dict(document.metadata),
        "links": [(*link.span, link.target) for link in document.links],
        "blocks": [
            (str(b.kind), *b.span, b.level, b.page, b.speaker, b.start_s, b.end_s, b.header_rows, b.rows)
            for b in document.blocks
        ],
    }
    return json.dumps(encoded, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_json(data: bytes) -> Document:
    """Decode a document that an untrusted process has written; every offset is checked.

    Raises:
        LoadError: it is no document, or one whose blocks overlap or point outside the text.
    """
    try:
        document = _decode(json.loads(data.decode("utf-8", "surrogatepass")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise LoadError(f"the parser's answer is no document ({type(error).__name__})") from error
    return document


def _decode(encoded: Any) -> Document:
    text = _typed(encoded["text"], str)
    metadata = _typed(encoded["metadata"], dict)
    return Document(
        id=_typed(encoded["id"], str),
        title=_typed(encoded["title"], str),
        text=text,
        blocks=_decode_blocks(encoded["blocks"], len(text)),
        source=_typed(encoded["source"], str),
        links=tuple(_decode_link(link, len(text)) for link in encoded["links"]),
        metadata=metadata,
        media_type=_typed(encoded["media_type"], str),
    )


def _decode_blocks(encoded: Sequence[Any], length: int) -> tuple[Block, ...]:
    blocks: list[Block] = []
    end = 0
    for kind, first, last, level, page, speaker, start_s, end_s, header_rows, rows in encoded:
        span = _span(first, last, end, length)
        if span.start == span.end:
            raise ValueError("empty block")
        end = span.end
        cells = tuple(tuple(_span(left, right, *span) for left, right in row) for row in rows)
        if not 0 <= _typed(level, int) <= 6 or not 0 <= _typed(header_rows, int) <= len(cells):
            raise ValueError("level or header out of bounds")
        blocks.append(
            Block(
                BlockKind(kind),
                span,
                level=level,
                page=_optional(page, int),
                speaker=_optional(speaker, str),
                start_s=_optional(start_s, float, int),
                end_s=_optional(end_s, float, int),
                rows=cells,
                header_rows=header_rows,
            )
        )
    return tuple(blocks)


def _decode_link(encoded: Any, length: int) -> Link:
    first, last, target = encoded
    span = _span(first, last, 0, length)
    if span.start == span.end:
        raise ValueError("empty link")
    return Link(span, _typed(target, str))


def _span(first: object, last: object, low: int, high: int) -> Span:
    start, end = _typed(first, int), _typed(last, int)
    if not low <= start <= end <= high:
        raise ValueError("span out of bounds")
    return Span(start, end)


def _typed(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where {kinds[0].__name__} was expected")
    return value


def _optional(value: Any, *kinds: type) -> Any:
    return None if value is None else _typed(value, *kinds)
