"""The tree as Markdown and as JSON, in pieces, so that the tree of a large collection never is in memory as a whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from odqa.index.summary.render import ONE_LINE, escape, field_title, place_dict, place_of
from odqa.index.summary.tree import SummaryTree
from odqa.schema import CitedField, CitedStatement, Document, FieldKind, Mention, NodeKind, Span, TreeNode
from odqa.schema.dates import readable_date

# Controls and bidirectional overrides can hide or reorder what a person sees; surrogates cannot be written as UTF-8.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_URL = re.compile(r"https?://", re.IGNORECASE)
_DEEPEST_HEADING = 6
_TEXT_FRAGMENT = 8


def to_markdown(tree: SummaryTree, folder: Path | None = None) -> Iterator[str]:
    """Yield the tree as Markdown: a heading for each node, a link to its source and its characters for each statement.

    Args:
        tree: the tree.
        folder: where the Markdown is going to be, so that links to files can be relative; absolute ones if None.
    """
    for depth, node in tree:
        yield f"{'#' * min(depth + 1, _DEEPEST_HEADING)} {said(node.title)}\n\n"
        about = _about(tree, node, folder)
        if about:
            yield f"*{about}*\n\n"
        for field in node.fields:
            yield from _markdown_field(tree, node, field, folder)


def _about(tree: SummaryTree, node: TreeNode, folder: Path | None) -> str:
    if node.kind in (NodeKind.COLLECTION, NodeKind.CLUSTER):
        return f"{node.documents:,} document{'' if node.documents == 1 else 's'}"
    if node.kind is NodeKind.SECTION:
        return f"characters {node.span.start}–{node.span.end}" if node.span is not None else ""
    document = tree.document(node.id)
    link = source_link(document, None, folder)
    shown = said(document.source or document.id)
    return f"[{shown}]({link})" if link else shown


def _markdown_field(tree: SummaryTree, node: TreeNode, field: CitedField, folder: Path | None) -> Iterator[str]:
    yield f"**{said(field_title(field.name))}**"
    if field.kind in ONE_LINE:
        texts = (f"{said(s.text)}{_documents(s)}{_flag(tree, s)}" for s in field.statements)
        yield f": {', '.join(texts)}\n\n"
        return
    yield "\n\n"
    for statement in field.statements:
        label = (
            f"**{said(readable_date(statement.label))}** " if field.kind is FieldKind.DATE and statement.label else ""
        )
        place = _markdown_place(tree, statement.mentions[0], folder, named=node.kind is not NodeKind.SECTION)
        yield f"- {label}{said(statement.text)}{_flag(tree, statement)} ({place})\n"
    yield "\n"


def _markdown_place(tree: SummaryTree, mention: Mention, folder: Path | None, *, named: bool) -> str:
    document, span = tree.document(mention.document_id), mention.spans[0]
    shown = ", ".join(filter(None, [said(document.title) if named else "", place_of(document, span)]))
    link = source_link(document, span, folder)
    where = f"[{shown or 'source'}]({link})" if link else shown
    return ", ".join(filter(None, [where, ", ".join(f"{start}–{end}" for start, end in mention.spans)]))


def _documents(statement: CitedStatement) -> str:
    return f" ({statement.documents})" if statement.documents > 1 else ""


def _flag(tree: SummaryTree, statement: CitedStatement) -> str:
    return " *(unsupported)*" if tree.is_unsupported(statement) else ""


def said(text: str) -> str:
    """Return a document's words on one line, as Markdown that reads as they are."""
    return escape(" ".join(UNPRINTABLE.sub(" ", text).split()))


def source_link(document: Document, span: Span | None, folder: Path | None) -> str:
    """Return where a document's source can be opened, at the place of a span as far as its format has places.

    A PDF is opened at the page (RFC 8118), a web page at the words (URL Fragment Text Directives). Sources that are
    neither files nor web pages have no link.

    Args:
        document: the document.
        span: characters of it; None for its beginning.
        folder: what file links are relative to; None makes them absolute.
    """
    source = document.source or document.id
    if _URL.match(source):
        link = quote(source, safe="/:?&=%~+,;@", errors="replace")
    elif os.path.isabs(path := source.partition("#")[0]):
        link = quote(os.path.relpath(path, folder) if folder is not None else path, errors="replace")
    else:
        return ""
    return link if span is None else link + _fragment(document, span)


def _fragment(document: Document, span: Span) -> str:
    page = place_dict(document, span).get("page")
    if page is not None and document.media_type == "application/pdf":
        return f"#page={page}"
    if document.media_type == "text/html":
        words = " ".join(UNPRINTABLE.sub(" ", span.of(document.text)).split()[:_TEXT_FRAGMENT])
        return f"#:~:text={quote(words, safe='').replace('-', '%2D')}" if words else ""
    return ""


def to_json(tree: SummaryTree) -> Iterator[str]:
    """Yield the tree as one JSON object, a node a line, each with its children in `children`."""
    above = -1
    for depth, node in tree:
        yield from (f"\n{' ' * (level + 1)}]}}" for level in range(above, depth - 1, -1))
        yield f"{',' if depth <= above else ''}\n{' ' * depth}" if above >= 0 else ""
        body = json.dumps(node_dict(tree, node), ensure_ascii=True)
        yield f'{body[:-1]}, "children": ['
        above = depth
    yield from ("]}" for _ in range(above + 1))
    yield "\n"


def node_dict(tree: SummaryTree, node: TreeNode) -> dict[str, object]:
    """Return one node as JSON values, without its children."""
    about: dict[str, object] = {"kind": node.kind.value, "id": node.id, "title": node.title}
    if node.kind in (NodeKind.COLLECTION, NodeKind.CLUSTER):
        about["documents"] = node.documents
    else:
        about |= {"template": node.template, "method": node.method}
    if node.kind is NodeKind.DOCUMENT:
        about["source"] = tree.document(node.id).source
    if node.span is not None:
        about |= {"section": node.section, "span": list(node.span)}
    fields = [
        {"name": f.name, "kind": f.kind.value, "statements": [_statement_dict(tree, s) for s in f.statements]}
        for f in node.fields
    ]
    return {**about, "fields": fields}


def _statement_dict(tree: SummaryTree, statement: CitedStatement) -> dict[str, object]:
    return {
        "text": statement.text,
        "label": statement.label,
        "weight": statement.weight,
        "support": statement.support,
        "supported": not tree.is_unsupported(statement),
        "documents": statement.documents,
        "mentions": [_mention_dict(tree.document(mention.document_id), mention) for mention in statement.mentions],
    }


def _mention_dict(document: Document, mention: Mention) -> dict[str, object]:
    return {
        "document": mention.document_id,
        "spans": [list(span) for span in mention.spans],
        "quotes": [span.of(document.text) for span in mention.spans],
        **place_dict(document, mention.spans[0]),
    }
