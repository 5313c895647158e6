"""The pieces that pages of a tree are made of: the page around them, nodes, fields, statements.

Documents are untrusted. Their words come out as the characters they are, and a page carries a policy that lets the
browser run its own script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from odqa.index.summary.pages.outline import UNPRINTABLE, source_link
from odqa.index.summary.pages.text import anchor
from odqa.index.summary.render import ONE_LINE, field_title, place_of
from odqa.index.summary.tree import SummaryTree
from odqa.schema import CitedField, CitedStatement, FieldKind, Mention, NodeKind, Span, TreeNode
from odqa.schema.dates import readable_date

_MORE_PLACES = 4
_INLINE = (*ONE_LINE, FieldKind.HEADING)


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page lies among the others, for links.

    Attributes:
        tree: what is shown.
        folder: folder of the page, for links to the sources of documents; None makes them absolute.
        others: prefix of links to the pages of documents; None where all texts are on this page.
        own: number of the document whose page this is; 0 for none.
    """

    tree: SummaryTree
    folder: Path | None = None
    others: str | None = None
    own: int = 0

    def link(self, document_id: str, span: Span | None = None) -> str:
        """Return the link to a document's text, at a span of it."""
        number = self.tree.number(document_id)
        target = anchor(number, span) if span is not None else f"t{number}"
        here = self.others is None or number == self.own
        return f"#{target}" if here else f"{self.others}{page_name(number)}#{target}"


def page_name(number: int) -> str:
    """Return the file name of the page of document `number`."""
    return f"{number:06d}.html"


def shown(text: str) -> str:
    """Return words as HTML on one line."""
    return escape(" ".join(UNPRINTABLE.sub(" ", text).split()))


@cache
def _part(name: str) -> str:
    return files("odqa.index.summary.pages").joinpath(name).read_text("utf-8")


def head(title: str, facts: str, back: str = "") -> str:
    """Return the beginning of a page.

    Args:
        title: as text.
        facts: what is said below it, as text.
        back: a link to the page above, if any.
    """
    digest = base64.b64encode(hashlib.sha256(_part("page.js").encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    nav = f'<nav><a href="{escape(back)}">← The whole collection</a></nav>\n' if back else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{shown(title)}</title>\n<style>\n{_part('page.css')}</style></head>\n<body><main>\n{nav}"
        f'<header><h1 dir="auto">{shown(title)}</h1><p class="facts">{shown(facts)}</p></header>\n'
        # Shown by the script, since it does nothing without it.
        '<div class="tools" hidden role="search">'
        '<input type="search" aria-label="Filter by words" placeholder="Filter by words">'
        '<output class="count" aria-live="polite"></output>'
        '<button type="button" value="open">Open all</button><button type="button" value="close">Close all</button>'
        "</div>\n"
    )


def foot() -> str:
    """Return the end of a page."""
    return f"</main>\n<script>{_part('page.js')}</script>\n</body></html>\n"


def node_start(page: Page, node: TreeNode, *, opened: bool = False, href: str = "") -> Iterator[str]:
    """Yield a node up to where its children go; `</details>` ends it.

    Args:
        page: where it stands.
        node: the node.
        opened: show it unfolded.
        href: link to a page of its own, if it has one.
    """
    count = f"{node.documents:,} documents" if node.documents != 1 else "1 document"
    about = count if node.kind in (NodeKind.COLLECTION, NodeKind.CLUSTER) else ""
    yield (
        f'<details class="node {node.kind.value}"{" open" if opened else ""}><summary>'
        f'<span class="kind">{node.kind.value}</span><span dir="auto">{shown(node.title)}</span> '
        f'<span class="count">{about}</span></summary>\n'
    )
    links = [f'<a href="{escape(href)}">Open its page</a>'] if href else []
    if node.kind is NodeKind.DOCUMENT:
        links += _document_links(page, node)
    if links:
        yield f'<p class="about">{" · ".join(links)}</p>\n'
    yield from fields(page, node)


def _document_links(page: Page, node: TreeNode) -> Iterator[str]:
    document = page.tree.document(node.id)
    yield f'<a href="{escape(page.link(node.id))}">Read the text</a>'
    source, link = shown(document.source or document.id), source_link(document, None, page.folder)
    yield f'<a href="{escape(link)}" rel="noopener noreferrer nofollow">{source}</a>' if link else source
    if node.template:
        yield shown(f"template {node.template}, {node.method}")


def fields(page: Page, node: TreeNode) -> Iterator[str]:
    """Yield the summary of a node: its gist as a list, the other fields by name."""
    named = node.kind in (NodeKind.COLLECTION, NodeKind.CLUSTER)
    rest = [field for field in node.fields if field.name != "gist"]
    for field in node.fields:
        if field.name == "gist":
            yield f'<ul class="gist">{_items(page, field, named=named)}</ul>\n'
    if rest:
        yield "<dl>\n"
        for field in rest:
            if field.kind in _INLINE:
                between = " · " if field.kind is FieldKind.HEADING else ", "
                said = between.join(_statement(page, field, s, named=False) for s in field.statements)
            else:
                said = f"<ul>{_items(page, field, named=named)}</ul>"
            yield f"<dt>{shown(field_title(field.name))}</dt><dd>{said}</dd>\n"
        yield "</dl>\n"


def _items(page: Page, field: CitedField, *, named: bool) -> str:
    return "".join(f'<li dir="auto">{_statement(page, field, s, named=named)}</li>' for s in field.statements)


def _statement(page: Page, field: CitedField, statement: CitedStatement, *, named: bool) -> str:
    """Return a statement as links to the characters it rests on, marked if these do not bear it out."""
    places = [(mention, span) for mention in statement.mentions for span in mention.spans]
    (first, span), more = places[0], places[1 : 1 + _MORE_PLACES]
    quoted = " quote" if field.kind is FieldKind.QUOTE else ""
    said = f'<a class="s{quoted}" href="{escape(page.link(first.document_id, span))}">{shown(statement.text)}</a>'
    if field.kind is FieldKind.DATE and statement.label:
        said = f"<b>{shown(readable_date(statement.label))}</b> {said}"
    said += "".join(
        f'<a class="n" href="{escape(page.link(mention.document_id, other))}" aria-label="place {number}">{number}</a>'
        for number, (mention, other) in enumerate(more, 2)
    )
    if page.tree.is_unsupported(statement):
        said += ' <span class="flag">unsupported</span>'
    if statement.documents > 1:
        said += f' <span class="count">({statement.documents} documents)</span>'
    place = _place(page, first, span, named=named) if field.kind not in _INLINE else ""
    return f'{said} <span class="place">({place})</span>' if place else said


def _place(page: Page, mention: Mention, span: Span, *, named: bool) -> str:
    document = page.tree.document(mention.document_id)
    return ", ".join(filter(None, [shown(document.title) if named else "", place_of(document, span)]))
