"""Walk an HTML tree and add what it shows as blocks: without recursion, in time linear in its size."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.loaders.inline import InlineText, ItemList, resolve_target
from odqa.data.loaders.table import count_header_rows

if TYPE_CHECKING:
    from resiliparse.parse.html import ElementNode, Node

_DROPPED = frozenset(
    """
    script style template noscript nav footer aside head title svg canvas iframe object embed applet audio video
    map input button select option datalist textarea dialog menu colgroup rp rt annotation annotation-xml
    """.split()
)
_BLOCKS = frozenset(
    """
    address article blockquote body caption center dd details div dl dt fieldset figcaption figure form
    h1 h2 h3 h4 h5 h6 header hr legend li main ol p pre section summary table tbody td tfoot th thead tr ul
    """.split()
)
_LISTS = frozenset({"ul", "ol", "dl"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar", "dialog", "alert"}
)
# Unmistakable names only: "comment" could be the subject of a page, "menu" a restaurant's.
_PART_OF_SITE = re.compile(
    r"(?:^|[_-])(?:navbar|navigation|breadcrumbs?|sidebar|cookies?-?(?:banner|consent|notice|bar)|newsletter|advert"
    r"|advertisement|social-?(?:share|links|media)|share-?(?:buttons|links)|skip-?link|sr-only|visually-hidden"
    r"|screen-reader-text|mw-editsection|mw-jump-link|toc|navbox|noprint|related-?(?:posts|articles)|pagination"
    r"|site-?(?:footer|header|nav)|page-?footer)(?:$|[_-])",
    re.IGNORECASE,
)
_STATES = ("has-", "with-", "no-", "is-", "js-")
"""Classes that begin so describe the layout around an element, not the element."""
_HIDDEN_STYLE = re.compile(r"display\s{0,4}:\s{0,4}none|visibility\s{0,4}:\s{0,4}hidden", re.IGNORECASE)
_REFERENCES = frozenset({"reference", "footnote-ref", "noteref"})
_MAX_ATTRIBUTE = 400
_MAX_MEASURED = 1000
_MAX_REPEATED = 200
"""A longer cell is not repeated in the rows that it spans."""


def add_blocks(builder: DocumentBuilder, root: ElementNode, base: str) -> None:
    """Add what `root` shows to a document.

    Args:
        builder: the document.
        root: the element to walk.
        base: path of the file or URL of the page, for relative links.
    """
    writer = _Writer(builder, base)
    boilerplate = _Boilerplate(len(root.text_content or ""))
    ancestors: list[tuple[str, Node]] = [(root.tag or "", root)]
    node = root.first_child
    while ancestors:
        if node is None:
            name, parent = ancestors.pop()
            writer.leave(name)
            node = parent.next_sibling if ancestors else None
            continue
        name = node.tag or ""
        if name == "#text":
            writer.text(node.node_value or "")
        elif name[:1] != "#" and not boilerplate.matches(name, element := cast("ElementNode", node)):
            writer.enter(name, element)
            ancestors.append((name, node))
            node = node.first_child
            continue
        node = node.next_sibling
    writer.finish()


class _Boilerplate:
    """Tells which elements are hidden, or belong to the site rather than to the page."""

    def __init__(self, characters: int) -> None:
        self._half = characters / 2
        self._measured = 0

    def matches(self, name: str, element: ElementNode) -> bool:
        if name in _DROPPED:
            return True
        if not element.attribute_names:
            return False
        if element.has_attribute("hidden") or element.get_attribute("aria-hidden") == "true":
            return True
        if (element.get_attribute("role") or "").lower() in _ROLES:
            return True
        if _HIDDEN_STYLE.search((element.get_attribute("style") or "")[:_MAX_ATTRIBUTE]):
            return True
        words = f"{(element.class_name or '')[:_MAX_ATTRIBUTE]} {(element.id or '')[:_MAX_ATTRIBUTE]}".split()
        if name == "sup" and not _REFERENCES.isdisjoint(words):
            return True
        if any(_PART_OF_SITE.search(word) and not word.startswith(_STATES) for word in words):
            # What holds most of the text is the page, whatever it is called. Measuring is bounded, since
            # elements nested ten thousand deep would make it quadratic.
            self._measured += 1
            return self._measured <= _MAX_MEASURED and len(element.text_content or "") < self._half
        return False


@dataclass(slots=True)
class _Table:
    """A table under way.

    Attributes:
        rows: cells by row.
        headers: for each row whether all of its cells head columns.
        links: (row, column, target) of cells.
        spanned: by column, how many further rows a cell reaches into, and its text.
        reach: columns and rows that the cell under way spans.
        is_layout: it only arranges the page; its cells are ordinary blocks.
        in_head: inside a `thead`.
    """

    rows: list[list[str]] = field(default_factory=list)
    headers: list[bool] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    spanned: dict[int, tuple[int, str]] = field(default_factory=dict)
    reach: tuple[int, int] = (1, 1)
    is_layout: bool = False
    in_head: bool = False

    def start_row(self) -> None:
        self.rows.append([])
        self.headers.append(True)
        self._repeat_spanned()

    def add_cell(self, text: str, links: list[tuple[int, int, str]], *, heads: bool) -> None:
        if not self.rows:
            self.start_row()
        row, (columns, rows) = self.rows[-1], self.reach
        self.headers[-1] &= heads or self.in_head
        if links:
            self.links.append((len(self.rows) - 1, len(row), links[0][2]))
        repeated = text if len(text) <= _MAX_REPEATED else ""
        for number in range(columns):
            if rows > 1:
                self.spanned[len(row)] = (rows - 1, repeated)
            # A heading over two columns names both of them; a value that spans two stands once.
            row.append(text if number == 0 else repeated if heads else "")
        self._repeat_spanned()

    def _repeat_spanned(self) -> None:
        row = self.rows[-1]
        while (waiting := self.spanned.pop(len(row), None)) is not None:
            left, text = waiting
            if left > 1:
                self.spanned[len(row)] = (left - 1, text)
            row.append(text)

    @property
    def header_rows(self) -> int:
        if True not in self.headers:
            return count_header_rows(self.rows)
        return next((n for n, heads in enumerate(self.headers) if not heads), 0)

    @property
    def holds_data(self) -> bool:
        cells = [cell for row in self.rows for cell in row if cell]
        several = len(self.rows) > 1 and any(sum(map(bool, row)) > 1 for row in self.rows)
        return several and (True in self.headers or sum(map(len, cells)) < 400 * len(cells))


class _Writer:
    """Turns the steps of the walk into blocks."""

    def __init__(self, builder: DocumentBuilder, base: str) -> None:
        self._builder = builder
        self._base = base
        self._inline = InlineText()
        self._items = ItemList()
        self._tables: list[_Table] = []
        self._code: list[str] | None = None
        self._pictures: list[str] = []
        self._figures = 0

    @property
    def _in_cell(self) -> bool:
        return bool(self._tables) and not self._tables[-1].is_layout

    def text(self, text: str) -> None:
        if self._code is not None:
            self._code.append(text)
        else:
            self._inline.add(text)

    def enter(self, name: str, element: ElementNode) -> None:
        if name == "a":
            self._inline.open_link(resolve_target(element.get_attribute("href") or "", self._base))
        elif name == "br":
            self.text("\n")
        elif name == "img" and self._figures:
            self._pictures.append(clean(element.get_attribute("alt") or ""))
        elif name not in _BLOCKS or self._code is not None:
            return
        elif name in _HEADINGS or name == "table":
            self._let_cells_through()
            self._flush_list()
            if name == "table":
                self._tables.append(_Table(is_layout=element.get_attribute("role") == "presentation"))
        elif self._in_cell:
            self._enter_cell_part(name, element)
        elif name == "pre":
            self._flush_list()
            self._code = []
        else:
            self._flush(starts_item=name in _LISTS or name in ("li", "dt"))
            self._figures += name == "figure"
            if name in _LISTS:
                self._items.open(_number(element, "start", 1) if name == "ol" else None)
            elif name == "li":
                self._items.start_item()

    def leave(self, name: str) -> None:
        if name == "a":
            self._inline.close_link()
        elif name == "pre" and self._code is not None:
            self._builder.code("".join(self._code))
            self._code = None
        elif name not in _BLOCKS or self._code is not None:
            return
        elif name in _HEADINGS:
            self._builder.heading(self._inline.take()[0], int(name[1]))
        elif name == "table" and self._tables:
            self._end_table()
        elif name in ("caption", "figcaption"):
            self._builder.caption(self._inline.take()[0])
            self._pictures = []
        elif self._in_cell:
            self._leave_cell_part(name)
        else:
            self._flush(starts_item=name in _LISTS or name in ("li", "dd"))
            self._end_list_or_figure(name)

    def finish(self) -> None:
        self._flush_list()

    def _flush(self, *, starts_item: bool) -> None:
        """End the paragraph, or the item, that is under way; within an item blocks only add a blank."""
        if self._in_cell or (self._items.depth and not starts_item):
            self._inline.add(" ")
            return
        text, links = self._inline.take()
        if self._items.depth:
            self._items.add(text, links)
        else:
            self._builder.paragraph(text, links)

    def _flush_list(self) -> None:
        """Add all that came so far, so that what follows stands after it."""
        self._flush(starts_item=True)
        self._items.flush(self._builder)

    def _end_list_or_figure(self, name: str) -> None:
        if name in _LISTS:
            self._items.close()
            if not self._items.depth:
                self._items.flush(self._builder)
        elif name == "figure" and self._figures:
            self._figures -= 1
            for alternative in self._pictures:
                self._builder.caption(alternative)
            self._pictures = []

    def _enter_cell_part(self, name: str, element: ElementNode) -> None:
        table = self._tables[-1]
        if name == "tr":
            table.start_row()
        elif name == "thead":
            table.in_head = True
        elif name in ("td", "th"):
            self._inline.take()  # Stray text between cells was moved out of the table by the parser.
            table.reach = (min(_number(element, "colspan", 1), 50), min(_number(element, "rowspan", 1), 500))
        else:
            self._inline.add(" ")

    def _leave_cell_part(self, name: str) -> None:
        table = self._tables[-1]
        if name in ("td", "th"):
            table.add_cell(*self._inline.take(), heads=name == "th")
        elif name == "thead":
            table.in_head = False
        else:
            self._inline.add(" ")

    def _end_table(self) -> None:
        table = self._tables[-1]
        if not table.is_layout and table.holds_data:
            self._builder.table(table.rows, table.header_rows, table.links)
        else:
            self._let_cells_through()
        self._flush(starts_item=True)
        self._tables.pop()

    def _let_cells_through(self) -> None:
        """Turn the table under way into a layout table: what its cells held so far becomes paragraphs."""
        if self._in_cell:
            table = self._tables[-1]
            table.is_layout = True
            for row in table.rows:
                for cell in row:
                    self._builder.paragraph(cell)


def _number(element: ElementNode, attribute: str, default: int) -> int:
    value = (element.get_attribute(attribute) or "").strip()
    return max(int(value), 1) if value.isascii() and value.isdigit() and len(value) < 5 else default
