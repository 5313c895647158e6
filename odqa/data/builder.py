"""Build a `Document` block by block, so that every loader gets canonical text and exact spans the same way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from odqa.schema import Block, BlockKind, Document, Link, MetadataValue, Span

CELL_SEPARATOR = " | "
# Controls, lone surrogates, byte-order marks and bidirectional overrides can hide or reorder text on a
# person's screen, so that a quote would not read as it is stored.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_WHITE = re.compile(r"\s+")


def clean(text: str, *, keep_lines: bool = False) -> str:
    """Normalise text to what may stand in canonical text: NFC, no controls, runs of white space as one blank.

    Args:
        text: any text.
        keep_lines: keep line breaks (code, lists, verse); otherwise they become blanks.
    """
    text = _UNPRINTABLE.sub("", unicodedata.normalize("NFC", _LINE_END.sub("\n", text)))
    if not keep_lines:
        return _WHITE.sub(" ", text).strip()
    return "\n".join(_BLANKS.sub(" ", line).rstrip() for line in text.split("\n")).strip("\n")


class DocumentBuilder:
    r"""Collects blocks; `build()` returns the document.

    Every method cleans the text it is given and ignores what is empty then. Blocks are joined by one blank
    line (`"\n\n"`), turns of a transcript by a single line break.
    """

    def __init__(self, id: str, *, title: str = "", source: str = "", media_type: str = "text/plain") -> None:
        self.id, self.title, self.source, self.media_type = id, title, source, media_type
        self.metadata: dict[str, MetadataValue] = {}
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._links: list[Link] = []
        self._length = 0
        self._page: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no block has been added."""
        return not self._blocks

    def page(self, number: int) -> None:
        """Say that the blocks added from now on stand on page `number` (1-based)."""
        self._page = number

    def heading(self, text: str, level: int = 1) -> None:
        """Add a heading of level 1 (outermost) to 6."""
        if text := clean(text):
            self._append(BlockKind.HEADING, text, level=min(max(level, 1), 6))

    def paragraph(self, text: str, links: Sequence[tuple[int, int, str]] = ()) -> None:
        """Add a paragraph.

        Args:
            text: its text.
            links: (start, end, target) in characters of `text`; kept where cleaning leaves `text` as it is.
        """
        cleaned = clean(text)
        if cleaned:
            start = self._append(BlockKind.PARAGRAPH, cleaned)
            self._add_links(start, text, cleaned, links)

    def list(self, items: Sequence[str], links: Sequence[tuple[int, int, int, str]] = ()) -> None:
        """Add a list, one item a line, each after `"- "`; links are (item, start, end, target)."""
        lines = [(number, item, line) for number, item in enumerate(items) if (line := clean(item))]
        if not lines:
            return
        start = self._append(BlockKind.LIST, "\n".join(f"- {line}" for _, _, line in lines))
        for number, item, line in lines:
            self._add_links(start + 2, item, line, [(a, b, to) for n, a, b, to in links if n == number])
            start += len(line) + 3

    def caption(self, text: str) -> None:
        """Add the caption of the table or figure that follows."""
        if text := clean(text):
            self._append(BlockKind.CAPTION, text)

    def code(self, text: str) -> None:
        """Add preformatted text; its line breaks stay."""
        if text := clean(text, keep_lines=True):
            self._append(BlockKind.CODE, text)

    def turn(
        self, text: str, speaker: str | None = None, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        """Add what one speaker says, with seconds into the recording where known."""
        body, speaker = clean(text), clean(speaker or "") or None
        if body:
            line = f"{speaker}: {body}" if speaker else body
            self._append(BlockKind.TURN, line, speaker=speaker, start_s=start_s, end_s=end_s)

    def table(
        self,
        rows: Sequence[Sequence[str]],
        header_rows: int = 1,
        links: Sequence[tuple[int, int, str]] = (),
    ) -> None:
        """Add a table: one line a row, cells joined by `" | "`; rows with no text at all are left out.

        Args:
            rows: cells by row; rows may differ in length.
            header_rows: how many leading rows are the header.
            links: (row, column, target) of cells that link somewhere.
        """
        start = self._next_start(BlockKind.TABLE)
        spans: list[tuple[Span, ...]] = []
        lines: list[str] = []
        headers = 0
        targets = {(row, column): target for row, column, target in links}
        for number, row in enumerate(rows):
            cells = [clean(cell) for cell in row]
            if not any(cells):
                continue
            headers += number < header_rows
            position, row_spans = start, []
            for column, cell in enumerate(cells):
                span = Span(position, position + len(cell))
                row_spans.append(span)
                position = span.end + len(CELL_SEPARATOR)
                if cell and (number, column) in targets:
                    self._links.append(Link(span, targets[number, column]))
            line = CELL_SEPARATOR.join(cells)
            # Trailing empty cells leave a separator at the end, which stays so that spans hold.
            lines.append(line)
            spans.append(tuple(row_spans))
            start += len(line) + 1
        if lines:
            self._append(BlockKind.TABLE, "\n".join(lines), rows=tuple(spans), header_rows=headers)

    def build(self, metadata: Mapping[str, MetadataValue] | None = None) -> Document:
        """Return the document; the title falls back to the first heading, then to the id's last part."""
        text = "".join(self._parts)
        if not self.title:
            heading = next((b for b in self._blocks if b.kind is BlockKind.HEADING), None)
            self.title = heading.span.of(text) if heading else self.id.replace("\\", "/").rsplit("/", 1)[-1]
        return Document(
            id=self.id,
            title=clean(self.title),
            text=text,
            blocks=tuple(self._blocks),
            source=self.source or self.id,
            links=tuple(self._links),
            metadata={**self.metadata, **(metadata or {})},
            media_type=self.media_type,
        )

    def _separator(self, kind: BlockKind) -> str:
        if not self._blocks:
            return ""
        return "\n" if kind is self._blocks[-1].kind is BlockKind.TURN else "\n\n"

    def _next_start(self, kind: BlockKind) -> int:
        return self._length + len(self._separator(kind))

    def _append(self, kind: BlockKind, text: str, **fields: object) -> int:
        separator = self._separator(kind)
        start = self._length + len(separator)
        self._parts += [separator, text]
        self._length = start + len(text)
        self._blocks.append(Block(kind, Span(start, self._length), page=self._page, **fields))  # type: ignore[arg-type]
        return start

    def _add_links(self, start: int, raw: str, cleaned: str, links: Sequence[tuple[int, int, str]]) -> None:
        for begin, end, target in links:
            # Cleaning only removes characters or merges white space, so the cleaned prefix gives the offset.
            offset = begin if raw == cleaned else len(clean(raw[:begin] + "\x00|")) - 1
            shown = clean(raw[begin:end])
            if shown and cleaned[offset : offset + len(shown)] == shown:
                self._links.append(Link(Span(start + offset, start + offset + len(shown)), target))
