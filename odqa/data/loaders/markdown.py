"""Markdown (CommonMark with tables), front matter included."""

from __future__ import annotations

import datetime
import html
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.loaders.files import build_titled, identify, read_text, readable_title
from odqa.data.loaders.inline import InlineText, ItemList, resolve_target
from odqa.errors import LoadError
from odqa.schema import Document, MetadataValue

if TYPE_CHECKING:
    from markdown_it.token import Token

_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,40}\](?::\s)?")
"""The mark of a footnote in the text, and before the note itself, which stays as a paragraph."""
_FRONT_MATTER = re.compile(r"---[^\S\n]*\n(?P<yaml>.*?\n)(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL)
_MAX_FRONT_MATTER = 1 << 14
_MAX_DEPTH = 12
"""Deeper brackets are no metadata, and PyYAML takes time quadratic in their depth."""
_BREAK = re.compile(r"<(?:br|hr|/?(?:p|div|li|tr|h[1-6]|summary|details))\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<raw>script|style)\b.*?(?:</(?P=raw)[^<>]*>?|\Z)|</?[a-z][^<>]*>|<[!?][^<>]*>",
    re.DOTALL | re.IGNORECASE,
)


class MarkdownLoader:
    """Reads Markdown.

    Sandboxed because emphasis and link brackets can be nested so that any Markdown parser takes long.
    """

    suffixes = (".md", ".markdown")
    sandboxed = True

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the one document of the file.

        Raises:
            LoadError: the file cannot be read, is not text, or holds no text.
        """
        from markdown_it import MarkdownIt

        decoded = read_text(path)
        text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
        metadata, body = read_front_matter(text)
        builder = DocumentBuilder(identify(path), media_type="text/markdown")
        if decoded.encoding != "utf-8":
            builder.metadata["encoding"] = decoded.encoding
        title = metadata.pop("title", None)
        builder.title = str(title) if isinstance(title, str | int | float) else ""
        builder.metadata.update(metadata)
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body)
        _Writer(builder, tokens).write()
        if builder.is_empty:
            raise LoadError(f"{path}: the file holds no text", "leave it out, or check how it was saved")
        yield build_titled(builder, readable_title(path))


def read_front_matter(text: str) -> tuple[dict[str, MetadataValue], str]:
    """Split YAML front matter off a text; what is no valid front matter is left in the text."""
    import yaml

    match = _FRONT_MATTER.match(text[:_MAX_FRONT_MATTER]) if text.startswith("---") else None
    if match is None or _depth(match["yaml"]) > _MAX_DEPTH:
        return {}, text
    try:
        # An alias can make a few lines mean gigabytes once they are written out.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(match["yaml"], Loader=yaml.SafeLoader)):
            return {}, text
        values = yaml.safe_load(match["yaml"])
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError, OverflowError):
        return {}, text
    if values is not None and not isinstance(values, Mapping):
        return {}, text
    metadata = {clean(str(name)): _metadata_value(value) for name, value in (values or {}).items()}
    return {name: value for name, value in metadata.items() if name}, text[match.end() :]


def _depth(text: str) -> int:
    steps = accumulate((c in "[{") - (c in "]}") for c in text if c in "[]{}")
    return max(steps, default=0)


def _metadata_value(value: Any) -> MetadataValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else hex(value)[:64]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_metadata_value(item) for item in value]
    return clean(json.dumps(value, ensure_ascii=False, default=str, skipkeys=True))


class _Writer:
    """Adds the blocks that a list of markdown-it tokens describes."""

    def __init__(self, builder: DocumentBuilder, tokens: Sequence[Token]) -> None:
        self._builder = builder
        self._tokens = tokens
        self._inline = InlineText()
        self._images: list[str] = []
        self._items = ItemList()
        self._rows: list[list[str]] = []
        self._cell_links: list[tuple[int, int, str]] = []

    def write(self) -> None:
        for token in self._tokens:
            match token.type:
                case "inline":
                    self._add_inline(token.children or ())
                case "heading_open":
                    self._end_list_block()
                case "heading_close":
                    self._end_block(heading=int(token.tag[1:]))
                case "paragraph_close":
                    self._end_block()
                case "bullet_list_open" | "ordered_list_open":
                    self._end_item()
                    self._items.open(int(token.attrGet("start") or 1) if token.type.startswith("o") else None)
                case "list_item_open":
                    self._end_item()
                    self._items.start_item()
                case "list_item_close":
                    self._end_item()
                case "bullet_list_close" | "ordered_list_close":
                    self._items.close()
                    if not self._items.depth:
                        self._items.flush(self._builder)
                case "fence" | "code_block":
                    self._end_list_block()
                    self._builder.code(token.content)
                case "html_block":
                    self._add_html(token.content)
                case "table_open":
                    self._end_list_block()
                    self._rows, self._cell_links = [], []
                case "tr_open":
                    self._rows.append([])
                case "th_close" | "td_close":
                    self._end_cell()
                case "table_close":
                    self._builder.table(self._rows, 1, self._cell_links)
                    self._add_captions()
        self._end_block()
        self._items.flush(self._builder)

    def _add_inline(self, children: Sequence[Token]) -> None:
        for child in children:
            match child.type:
                case "text":
                    self._inline.add(_FOOTNOTE.sub("", child.content))
                case "code_inline" | "text_special":
                    self._inline.add(child.content)
                case "softbreak" | "hardbreak":
                    self._inline.add(" ")
                case "link_open":
                    self._inline.open_link(resolve_target(str(child.attrGet("href") or ""), self._builder.id))
                case "link_close":
                    self._inline.close_link()
                case "image":
                    self._images.append(child.content)
                case "html_inline":
                    self._inline.add(" " if _BREAK.fullmatch(child.content) else "")

    def _add_html(self, content: str) -> None:
        """Keep the words of raw HTML; its structure is for the HTML loader."""
        for part in _BREAK.split(content):
            words = html.unescape(_TAG.sub("", part))
            if self._items.depth:
                self._inline.add(f" {words} ")
            else:
                self._builder.paragraph(words)

    def _end_block(self, heading: int = 0) -> None:
        if self._items.depth and not heading:
            self._inline.add(" ")  # A further paragraph of the same item goes on in its line.
            return
        text, links = self._inline.take()
        if heading:
            self._builder.heading(text, heading)
        else:
            self._builder.paragraph(text, links)
        self._add_captions()

    def _end_item(self) -> None:
        if self._items.depth:
            self._items.add(*self._inline.take())
            if self._images:
                self._end_list_block()

    def _end_list_block(self) -> None:
        """Add the items so far, so that what follows stands after them."""
        if self._items.depth:
            self._items.add(*self._inline.take())
            self._items.flush(self._builder)
        self._add_captions()

    def _end_cell(self) -> None:
        text, links = self._inline.take()
        if links:
            self._cell_links.append((len(self._rows) - 1, len(self._rows[-1]), links[0][2]))
        self._rows[-1].append(text)

    def _add_captions(self) -> None:
        for alternative in self._images:
            self._builder.caption(alternative)
        self._images = []
