"""A document's text as HTML, what is cited marked in it, and a target for every link."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from html import escape
from itertools import pairwise

from odqa.index.summary.pages.outline import UNPRINTABLE
from odqa.index.summary.render import place_of
from odqa.schema import Block, BlockKind, Document, Span

_TAGS = {BlockKind.CODE: "pre", BlockKind.TABLE: "pre"}
_DEEPEST_HEADING = 6


def verbatim(text: str) -> str:
    """Return characters as HTML that shows them; those that would hide or reorder others are shown as unknown."""
    return escape(UNPRINTABLE.sub("\ufffd", text))


def anchor(number: int, span: Span) -> str:
    """Return the name of the target of a span in the text of document `number`."""
    return f"d{number}-{span.start}-{span.end}"


def document_text(document: Document, number: int, spans: Collection[Span]) -> Iterator[str]:
    """Yield a document's text as HTML, block by block.

    Args:
        document: the document.
        number: its number in the names of targets.
        spans: what is cited; every one of them gets a target, wherever it lies.
    """
    marks = _Marks(document.text, number, spans)
    page = None
    for block in document.blocks:
        if block.page is not None and block.page != page:
            page = block.page
            yield f'<p class="place">p. {page}</p>\n'
        yield from _block(document, block, marks)
    yield marks.rest()


def _block(document: Document, block: Block, marks: _Marks) -> Iterator[str]:
    if block.rows:
        yield '<div class="wide"><table>\n'
        for number, row in enumerate(block.rows):
            tag = "th" if number < block.header_rows else "td"
            yield f"<tr>{''.join(f'<{tag}>{marks.shown(cell)}</{tag}>' for cell in row)}</tr>\n"
        yield "</table></div>\n"
        return
    tag = (
        f"h{min(block.level + 2, _DEEPEST_HEADING)}" if block.kind is BlockKind.HEADING else _TAGS.get(block.kind, "p")
    )
    time = place_of(document, block.span) if block.start_s is not None else ""
    lead = f'<span class="place">{time}</span> ' if time else ""
    yield f'<{tag} dir="auto">{lead}{marks.shown(block.span)}</{tag}>\n'


class _Marks:
    """Writes runs of a text in order, cut where a cited span begins or ends."""

    def __init__(self, text: str, number: int, spans: Collection[Span]) -> None:
        self._text, self._number = text, number
        self._targets = sorted(set(spans))
        self._next = 0
        self._cuts = sorted({position for span in self._targets for position in span})
        self._covered = _merged(self._targets)
        self._starts = [span.start for span in self._covered]

    def shown(self, run: Span) -> str:
        """Return the characters of a run, what is cited in it marked; runs must come in the order of the text."""
        low, high = bisect_right(self._cuts, run.start), bisect_left(self._cuts, run.end)
        points = [run.start, *self._cuts[low:high], run.end]
        return "".join(self._piece(Span(start, end)) for start, end in pairwise(points))

    def rest(self) -> str:
        """Return the targets of spans that lie behind everything shown."""
        return self._until(None)

    def _piece(self, piece: Span) -> str:
        targets, text = self._until(piece.start), verbatim(piece.of(self._text))
        holder = bisect_right(self._starts, piece.start) - 1
        if holder >= 0 and piece.end <= self._covered[holder].end and text:
            text = f'<mark data-s="{piece.start}" data-e="{piece.end}">{text}</mark>'
        return targets + text

    def _until(self, position: int | None) -> str:
        """Return the targets of all spans that begin up to `position` and have none yet."""
        first = self._next
        while self._next < len(self._targets) and (position is None or self._targets[self._next].start <= position):
            self._next += 1
        new = self._targets[first : self._next]
        return "".join(f'<a id="{anchor(self._number, span)}"></a>' for span in new)


def _merged(spans: Collection[Span]) -> list[Span]:
    """Return the union of sorted spans as spans that do not touch."""
    merged: list[Span] = []
    for span in spans:
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged
