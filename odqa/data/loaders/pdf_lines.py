"""Lines of PDF pages: what a page's text layer gives, running headers left out, tables found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from odqa.data.builder import clean

_BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|[-,]bd\b", re.IGNORECASE)
_MONOSPACED = re.compile(r"mono|courier|cmtt|consol|menlo|typewriter", re.IGNORECASE)
_LEADER = re.compile(r"(?:\.\s?){4,}\s*(?:\d+|[ivxlc]+)?$")
_CONTENTS = re.compile(r"(?:table of )?contents|(?:list of )?(?:figures|tables)", re.IGNORECASE)
_BULLETS = "•‣▪◦●■∙·"
_PAGE_NUMBER = re.compile(r"^\W*(\d{1,4})\b|\b(\d{1,4})\W*$")
_NUMBER = re.compile(r"\d+|\b[ivxlc]+\b")
_EDGE_LINES = 2
_EDGE_SHARE = 0.12
_CHARACTER_WIDTH = 0.45
"""Mean width of a character in ems, rather too narrow, so that a gap between columns is not overlooked."""
_MIN_GAP = 0.9
"""Least white space between two columns, in ems."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Text drawn in one go: where it starts (points from the lower left), its size and its font."""

    text: str
    x: float
    y: float
    size: float
    font: str
    is_upright: bool = True

    def followed_by(self, text: str) -> Fragment:
        """Return this fragment with more text, such as the blank that separates it from the next."""
        return replace(self, text=self.text + text)

    @property
    def end(self) -> float:
        """Where it ends, estimated: the text layer does not tell."""
        return self.x + len(self.text.strip()) * self.size * _CHARACTER_WIDTH


@dataclass(frozen=True)
class Line:
    """One line of a page, as fragments in drawing order."""

    page: int
    fragments: tuple[Fragment, ...]

    @cached_property
    def text(self) -> str:
        """Its text, clean."""
        return clean("".join(fragment.text for fragment in self.fragments))

    @cached_property
    def size(self) -> float:
        """The font size of most of its characters, in points."""
        sizes: Counter[float] = Counter()
        for fragment in self.fragments:
            sizes[fragment.size] += len(fragment.text)
        return sizes.most_common(1)[0][0]

    @cached_property
    def is_bold(self) -> bool:
        """Whether all of it is set in bold."""
        return all(_BOLD.search(fragment.font) for fragment in self.fragments)

    @cached_property
    def is_monospaced(self) -> bool:
        """Whether all of it is set in a typewriter face, as code is."""
        return all(_MONOSPACED.search(fragment.font) for fragment in self.fragments)

    @property
    def x(self) -> float:
        """Where it starts, in points from the left."""
        return self.fragments[0].x

    @property
    def y(self) -> float:
        """Its height on the page, in points from the bottom."""
        return self.fragments[0].y


@dataclass(frozen=True, slots=True)
class Page:
    """A page's number, height in points and lines."""

    number: int
    height: float
    lines: tuple[Line, ...]


def without_running_lines(pages: Sequence[Page]) -> Iterator[Page]:
    """Yield the pages without the headers, footers and page numbers that come back on many of them.

    Only the outermost lines are looked at, with numbers taken for equal. One that stands in the margin must
    come back on three pages (chapters have headers of their own) or on both of two, or hold the page's number;
    another one must come back on half of all pages.
    """
    edges = [_edge_lines(page) for page in pages]
    shapes: Counter[str] = Counter()
    margins: Counter[str] = Counter()
    offsets: Counter[int] = Counter()
    for page, numbers in zip(pages, edges, strict=True):
        inner = [n for n in numbers if _in_margin(page, n)]
        shapes.update({_shape(page.lines[n]) for n in numbers})
        margins.update({_shape(page.lines[n]) for n in inner})
        offsets.update({offset for n in inner for offset in _offsets(page.lines[n])})
    running = {shape for shape, count in shapes.items() if count >= max(3, len(pages) / 2)}
    running |= {shape for shape, count in margins.items() if count >= min(3, max(2, len(pages)))}
    counting = {offset for offset, count in offsets.items() if count >= max(3, len(pages) / 2)}
    for page, numbers in zip(pages, edges, strict=True):
        dropped = {n for n in numbers if _shape(page.lines[n]) in running}
        dropped |= {n for n in numbers if _in_margin(page, n) and not counting.isdisjoint(_offsets(page.lines[n]))}
        yield replace(page, lines=tuple(line for n, line in enumerate(page.lines) if n not in dropped))


def without_contents(page: Page) -> Page:
    """Leave out a table of contents: lines with dot leaders say what the headings say, and match every question."""
    led = {n for n, line in enumerate(page.lines) if _LEADER.search(line.text)}
    led |= {n for n, line in enumerate(page.lines) if n + 1 in led and _CONTENTS.fullmatch(line.text)}
    return replace(page, lines=tuple(line for n, line in enumerate(page.lines) if n not in led))


def _edge_lines(page: Page) -> list[int]:
    order = sorted(range(len(page.lines)), key=lambda n: -page.lines[n].y)
    return sorted({*order[:_EDGE_LINES], *order[-_EDGE_LINES:]})


def _shape(line: Line) -> str:
    return _NUMBER.sub("#", line.text.lower())


def _offsets(line: Line) -> set[int]:
    """Return how far numbers at either end of the line are from the page's number."""
    return {int(first or last) - line.page for first, last in _PAGE_NUMBER.findall(line.text)}


def _in_margin(page: Page, number: int) -> bool:
    share = page.lines[number].y / page.height if page.height > 0 else 0.5
    return share < _EDGE_SHARE or share > 1 - _EDGE_SHARE


def find_tables(lines: Sequence[Line]) -> Iterator[tuple[int, int, list[list[str]]]]:
    """Yield (first line, line after the last, rows) of each table among the lines of a page.

    A table is at least three lines in a row whose fragments leave the same vertical strips white.
    """
    start = 0
    while start < len(lines):
        end, columns = _grow(lines, start)
        if end - start >= 3:
            yield start, end, [_cells(line, columns) for line in lines[start:end]]
            start = end
        else:
            start += 1


def _grow(lines: Sequence[Line], start: int) -> tuple[int, list[tuple[float, float]]]:
    """Return the end of the run of lines from `start` that share columns, and these columns."""
    columns: list[tuple[float, float]] = []
    end = start
    while end < len(lines) and len(lines[end].fragments) > 1:
        line = lines[end]
        if line.text[0] in _BULLETS or line.is_monospaced:
            break
        merged = _strips([*columns, *((f.x, f.end) for f in line.fragments)], line.size * _MIN_GAP)
        fewer = len(merged) < 2 or (columns and len(merged) < len(columns) - 1)
        above = end > start and lines[end - 1].y - line.y <= 0
        if fewer or above or len(_filled(line, merged)) < 2:
            break
        columns = merged
        end += 1
    return end, columns


def _strips(intervals: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for left, right in sorted(intervals):
        if merged and left - merged[-1][1] < gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _filled(line: Line, columns: Sequence[tuple[float, float]]) -> set[int]:
    return {_column(fragment, columns) for fragment in line.fragments}


def _cells(line: Line, columns: Sequence[tuple[float, float]]) -> list[str]:
    cells = [""] * len(columns)
    for fragment in line.fragments:
        cells[_column(fragment, columns)] += fragment.text
    return [clean(cell) for cell in cells]


def _column(fragment: Fragment, columns: Sequence[tuple[float, float]]) -> int:
    return max((n for n, (left, _) in enumerate(columns) if left <= fragment.x + 0.5), default=0)
