"""Web pages: the main content as blocks, without menus, banners, scripts and hidden parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.loaders.files import build_titled, decode, identify, read_bytes, readable_title
from odqa.data.loaders.html_blocks import add_blocks
from odqa.errors import LoadError
from odqa.schema import Document

if TYPE_CHECKING:
    from resiliparse.parse.html import ElementNode, HTMLTree

_HEAD_BYTES = 1 << 14
_DECLARED = re.compile(rb"""(?:charset|encoding)\s{0,4}=\s{0,4}["']?\s{0,4}([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
# An HTML parser takes these as opened and never closed, and a title swallows all that follows.
_SELF_CLOSED = re.compile(
    r"<(title|script|style|textarea|iframe|noscript|a|div|span|p|td|th|li|ul|ol)((?:\s[^<>]{0,2000})?)/>", re.IGNORECASE
)
_MAIN = ("main", "[role=main]", "article")
_MAIN_SHARE = 0.3
"""A `main` element with a smaller share of the page's text is no main content."""
_METADATA = {
    "author": ("author", "article:author", "dc.creator", "dcterms.creator", "citation_author"),
    "date": ("article:published_time", "date", "dc.date", "dcterms.date", "citation_publication_date", "pubdate"),
    "description": ("description", "og:description", "twitter:description"),
}


class HtmlLoader:
    """Reads HTML and XHTML."""

    suffixes = (".html", ".htm", ".xhtml")
    sandboxed = True

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the one document of the file.

        Raises:
            LoadError: the file cannot be read, is not text, or holds no text once menus and scripts are left out.
        """
        from resiliparse.parse.html import HTMLTree

        data = read_bytes(path)
        decoded = decode(data, str(path), declared_encoding(data))
        text = decoded.text
        if "<?xml" in text[:200] or "xhtml" in text[:1000].lower():
            text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
        try:
            tree = HTMLTree.parse(text.encode("utf-8", "replace").decode())
        except ValueError as error:
            raise LoadError(f"{path}: the page cannot be parsed: {error}", "save it again from a browser") from error
        builder = DocumentBuilder(identify(path), media_type="text/html")
        if decoded.encoding != "utf-8":
            builder.metadata["encoding"] = decoded.encoding
        base = _read_head(tree, builder) or builder.id
        root = find_main(tree)
        if root is not None:
            add_blocks(builder, root, base)
        if builder.is_empty:
            remedy = "if a script draws the page, save it from a browser once it is shown"
            raise LoadError(f"{path}: the page holds no text", remedy)
        yield build_titled(builder, readable_title(path))


def declared_encoding(data: bytes) -> str | None:
    """Return the encoding that a page declares for itself, as Python names it."""
    from resiliparse.parse.encoding import map_encoding_to_html5

    match = _DECLARED.search(data[:_HEAD_BYTES])
    name: str | None = map_encoding_to_html5(match[1].decode("ascii"), fallback_utf8=False) if match else None
    return name


def find_main(tree: HTMLTree) -> ElementNode | None:
    """Return the element that holds the main content: `main` or a lone `article`, else the body.

    Resiliparse's own main-content extraction returns running text and would cost tables, links and offsets, so
    that its idea is applied to the tree: unmistakable containers here, boilerplate elements left out on the way.
    """
    body = tree.body
    if body is None:
        return None
    enough = _MAIN_SHARE * len(body.text_content or "")
    for selector in _MAIN:
        found = body.query_selector_all(selector)
        if len(found) == 1 and len(found[0].text_content or "") >= enough:
            return found[0]
    return body


def _read_head(tree: HTMLTree, builder: DocumentBuilder) -> str:
    """Take title and metadata from the head; return the address that relative links start from, if any."""
    found: dict[str, str] = {}
    head = tree.head
    document = tree.document
    if head is None or document is None:
        return ""
    for meta in head.query_selector_all("meta[content]"):
        name = (meta.get_attribute("name") or meta.get_attribute("property") or "").lower()
        found.setdefault(name, clean(meta.get_attribute("content") or ""))
    builder.title = clean(tree.title or "") or found.get("og:title", "")
    for field, names in _METADATA.items():
        if value := next(filter(None, (found.get(name) for name in names)), ""):
            builder.metadata[field] = value
    root = document.document_element
    if root is not None and (language := clean(root.get_attribute("lang") or root.get_attribute("xml:lang") or "")):
        builder.metadata["language"] = language
    canonical = head.query_selector("link[rel=canonical]")
    url = clean(canonical.get_attribute("href") or "") if canonical else found.get("og:url", "")
    if url.startswith(("http://", "https://")):
        builder.metadata["url"] = url
    base = head.query_selector("base[href]")
    address = clean(base.get_attribute("href") or "") if base else ""
    return address if address.startswith(("http://", "https://")) else str(builder.metadata.get("url", ""))
