"""From lines of PDF pages to blocks: headings by their type, paragraphs by gaps and indents, tables by columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from odqa.data.builder import DocumentBuilder
from odqa.data.loaders.pdf_lines import Line, Page, find_tables, without_contents, without_running_lines
from odqa.data.loaders.table import count_header_rows
from odqa.data.loaders.text import heading_level

_BULLET = re.compile(r"[•‣▪◦●■–—∙·]\s*(?=\S)|[-*]\s+(?=\S)")
_CAPTION = re.compile(
    r"(?:table|figure|fig\.|tab\.|plate|chart|exhibit|box)\s*\d[\w.]{0,6}(?:[:.]\s|\s[A-Z]|$)", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"(?:(?:chapter|part|appendix|section)\s+[\dA-Z]|\d{1,2}(?:\.\d{1,2}){0,4}\.?\s+[^\W\d_])", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_WORD = re.compile(r"([^\W\d_]+)[-\xad]$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_ENDS = (".", "?", "!", ":", "…")
_CLOSING = "\"'”’)]"
_MAX_HEADING = 200


@dataclass(frozen=True, slots=True)
class _Typography:
    """How a document is set.

    Attributes:
        size: font size of the running text, in points.
        is_bold: the running text itself is bold.
        is_monospaced: the running text itself is set in a typewriter face.
        spacing: distance between its lines, in points.
        width: characters in a full line.
        levels: heading level by (size, bold).
        words: words and hyphenated compounds of the document.
    """

    size: float
    is_bold: bool
    is_monospaced: bool
    spacing: float
    width: float
    levels: dict[tuple[float, bool], int]
    words: frozenset[str]

    def heading_level(self, line: Line) -> int:
        return self.levels.get((round(line.size), line.is_bold), 0) if _may_be_heading(line) else 0


def add_pages(builder: DocumentBuilder, pages: Sequence[Page]) -> str:
    """Add the blocks of a document's pages; return the largest heading of the first pages, for a title."""
    pages = [without_contents(page) for page in without_running_lines(pages)]
    lines = [line for page in pages for line in page.lines]
    if not lines:
        return ""
    typography = _measure(lines)
    writer = _Writer(builder, typography)
    for page in pages:
        start = 0
        for first, last, rows in find_tables(page.lines):
            for line in page.lines[start:first]:
                writer.add(line)
            writer.add_table(page.number, rows)
            start = last
        for line in page.lines[start:]:
            writer.add(line)
    writer.finish()
    return writer.title


def _measure(lines: Sequence[Line]) -> _Typography:
    styles: Counter[tuple[float, bool]] = Counter()
    for line in lines:
        styles[round(line.size), line.is_bold] += len(line.text)
    size, is_bold = styles.most_common(1)[0][0]
    body = [line for line in lines if (round(line.size), line.is_bold) == (size, is_bold)]
    gaps = Counter(
        round(above.y - line.y)
        for above, line in pairwise(body)
        if above.page == line.page and 0.5 * size < above.y - line.y < 4 * size
    )
    lengths = sorted(len(line.text) for line in body)
    # Headings are larger than the text, or as large and bold where the text is not.
    candidates = {
        style
        for line in lines
        if _may_be_heading(line)
        and (
            (style := (round(line.size), line.is_bold))[0] > 1.1 * size
            or (style[1] and not is_bold and style[0] >= size)
        )
    }
    ranked = sorted(candidates, reverse=True)
    words = Counter(word.lower() for line in lines for word in _WORD.findall(line.text))
    return _Typography(
        size,
        is_bold,
        2 * sum(line.is_monospaced for line in body) > len(body),
        gaps.most_common(1)[0][0] if gaps else 1.2 * size,
        lengths[int(0.9 * (len(lengths) - 1))],
        {style: min(level, 6) for level, style in enumerate(ranked, 1)},
        frozenset(words),
    )


def _may_be_heading(line: Line) -> bool:
    text = line.text
    return len(text) <= _MAX_HEADING and sum(map(str.isalpha, text)) > 1 and not text.endswith((",", ";"))


@dataclass(slots=True)
class _Writer:
    """Groups lines into blocks and adds them."""

    builder: DocumentBuilder
    typography: _Typography
    title: str = ""
    _title_size: float = 0.0
    _lines: list[Line] = field(default_factory=list)
    _level: int = 0
    _items: list[str] = field(default_factory=list)

    def add(self, line: Line) -> None:
        level = self.typography.heading_level(line)
        if self._lines and (level != self._level or self._starts_block(line)):
            self._end_block()
        self._level = level
        self._lines.append(line)

    def add_table(self, page: int, rows: list[list[str]]) -> None:
        self.finish()
        self.builder.page(page)
        self.builder.table(rows, count_header_rows(rows))

    def finish(self) -> None:
        self._end_block()
        self._end_list()

    def _starts_block(self, line: Line) -> bool:
        above, size = self._lines[-1], self.typography.size
        if (_BULLET.match(line.text) and not line.is_monospaced) or (_CAPTION.match(line.text) and not self._level):
            return True
        ended = above.text.rstrip(_CLOSING).endswith(_ENDS)
        short = len(above.text) < 0.8 * self.typography.width
        gap = above.y - line.y
        if self._level:  # A heading may run over several lines, but a numbered one begins another.
            return above.page != line.page or not 0 < gap < 2.2 * line.size or _NUMBERED.match(line.text) is not None
        if abs(above.size - line.size) > 0.1 * size + 0.5 or above.is_monospaced != line.is_monospaced:
            return True
        if above.page != line.page or gap <= -size:  # the next page or column
            return ended and (short or not line.text[:1].islower())
        if gap > 1.3 * self.typography.spacing + 0.5:
            return True
        indented = line.x - above.x > 0.8 * size
        return ended and (short or indented) and abs(gap) > 0.5 * size

    def _end_block(self) -> None:
        if not self._lines:
            return
        first, text = self._lines[0], self._join(self._lines)
        lines, self._lines = self._lines, []
        bullet = _BULLET.match(text) if not first.is_monospaced else None
        if bullet and not self._level:
            if not self._items:
                self.builder.page(first.page)
            self._items.append(text[bullet.end() :])
            return
        self._end_list()
        self.builder.page(first.page)
        if not self.typography.levels and len(lines) == 1:  # All set in one type: only the words can tell.
            self._level = heading_level([text], is_first=not self.title)
        if self._level and len(text) <= _MAX_HEADING and len(lines) <= 4:
            self.builder.heading(text, self._level)
            if first.page <= 2 and first.size > self._title_size:
                self.title, self._title_size = text, first.size
        elif first.is_monospaced and not self.typography.is_monospaced:
            self.builder.code("\n".join(line.text for line in lines))
        elif _CAPTION.match(text) and len(text) < 400:
            self.builder.caption(text)
        else:
            self.builder.paragraph(text)

    def _end_list(self) -> None:
        self.builder.list(self._items)
        self._items = []

    def _join(self, lines: Sequence[Line]) -> str:
        text = ""
        pieces: list[str] = []
        for line in lines:
            text = line.text
            if pieces and (broken := _LAST_WORD.search(pieces[-1])) and (rest := _FIRST_WORD.match(text)):
                pieces[-1] = self._mended(pieces[-1], broken[1], rest[0])
            elif pieces:
                pieces.append(" ")
            pieces.append(text)
        return "".join(pieces)

    def _mended(self, before: str, head: str, tail: str) -> str:
        """Drop the hyphen of a word broken at the line's end, unless the document writes it with one."""
        if not tail[0].islower() or f"{head}-{tail}".lower() in self.typography.words:
            return before
        return before[:-1]
