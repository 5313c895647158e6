"""Inline text with hyperlinks, gathered piece by piece from markup."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import unquote, urljoin, urlsplit

from odqa.data.builder import DocumentBuilder, clean

_MAX_ITEMS = 200
_MAX_TARGET = 2048


class InlineText:
    """Text of one paragraph, heading, item or cell, with the characters that carry links.

    White space is merged as it comes, so that `text` is clean already and every link offset holds in it.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._blank = True
        self._open: list[tuple[int, str]] = []
        self._links: list[tuple[int, int, str]] = []

    def add(self, text: str) -> None:
        """Append text; white space at the seam becomes one blank."""
        cleaned = clean(text)
        if not cleaned:
            if not self._blank and any(map(str.isspace, text)):
                self._append(" ")
            return
        if text[0].isspace() and not self._blank:
            self._append(" ")
        self._append(cleaned)
        if text[-1].isspace():
            self._append(" ")

    def open_link(self, target: str) -> None:
        """Say that what is added from now on links to `target` ("" for nowhere)."""
        self._open.append((self._length, target))

    def close_link(self) -> None:
        """End the innermost link."""
        if not self._open:
            return
        start, target = self._open.pop()
        if target and self._length > start:
            self._links.append((start, self._length, target))

    def take(self) -> tuple[str, list[tuple[int, int, str]]]:
        """Return the text and its links (start, end, target), and begin anew; links still open stay open."""
        for start, target in self._open:
            if target and self._length > start:
                self._links.append((start, self._length, target))
        raw = "".join(self._pieces)
        text = raw.rstrip()
        links = []
        for start, end, target in self._links:
            shown = text[start:end]
            first = start + len(shown) - len(shown.lstrip())
            last = start + len(shown.rstrip())
            if first < last:
                links.append((first, last, target))
        self._pieces, self._links, self._length, self._blank = [], [], 0, True
        self._open = [(0, target) for _, target in self._open]
        return text, sorted(links)

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)
        self._blank = text.endswith(" ")


class ItemList:
    """List items with links, added to a document in blocks of bounded size."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._links: list[tuple[int, int, int, str]] = []
        self._counters: list[int | None] = []
        self._number = ""

    @property
    def depth(self) -> int:
        """How many lists are open, one inside the other."""
        return len(self._counters)

    def open(self, first: int | None = None) -> None:
        """Begin a list; `first` is the number of its first item where the items are numbered."""
        self._counters.append(first)

    def close(self) -> None:
        """End the innermost list."""
        if self._counters:
            self._counters.pop()

    def start_item(self) -> None:
        """Say that the text added next begins an item: it stands after its number, as a reader sees it."""
        number = self._counters[-1] if self._counters else None
        self._number = "" if number is None else f"{number}. "
        if number is not None:
            self._counters[-1] = number + 1

    def add(self, text: str, links: Sequence[tuple[int, int, str]] = ()) -> None:
        """Append the text of an item; empty ones are left out."""
        if text:
            shift = len(self._number)
            self._links += [(len(self._items), start + shift, end + shift, target) for start, end, target in links]
            self._items.append(self._number + text)
            self._number = ""

    def flush(self, builder: DocumentBuilder) -> None:
        """Add the items to the document and begin anew; a very long list becomes several blocks."""
        for first in range(0, len(self._items), _MAX_ITEMS):
            last = first + _MAX_ITEMS
            links = [(item - first, start, end, to) for item, start, end, to in self._links if first <= item < last]
            builder.list(self._items[first:last], links)
        self._items, self._links = [], []


def resolve_target(href: str, base: str) -> str:
    """Return what a link points to, or "" where that is no document.

    A relative link of a local file becomes the absolute path of its target, which is the id of that document
    where it is in the same index; a fragment is left out.

    Args:
        href: the link as written.
        base: URL of the page it stands in, or the path of the file.
    """
    href = clean(href)
    if not href or href.startswith("#") or len(href) > _MAX_TARGET:
        return ""
    try:
        parts = urlsplit(href)
        if parts.scheme in ("http", "https"):
            return href
        if parts.scheme:
            return ""
        if base.startswith(("http://", "https://")):
            return urljoin(base, href).partition("#")[0]
    except ValueError:  # for instance a bracket that opens no IPv6 address
        return ""
    if parts.netloc or not parts.path:
        return ""
    path = clean(unquote(parts.path, errors="replace"))
    return os.path.normpath(os.path.join(os.path.dirname(base), path)) if path else ""
