"""Put source text into an answer: prose as it stands, turns with their speaker and time, table rows as sentences."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import regex

from odqa.reader.words import content_stems, is_stop, squeeze, unmarked, words
from odqa.schema import Block, BlockKind, Document, Span

GAP = " … "
"""Stands between quoted pieces that do not touch in the source."""
MAX_COLUMNS = 6

CONNECTIVES = (
    "however|moreover|furthermore|therefore|thus|hence|consequently|nevertheless|nonetheless|meanwhile|additionally|"
    "besides|instead|similarly|likewise|finally|also|then|so|but|and|yet|or|in addition|as a result|in contrast|"
    "on the other hand|by contrast|for example|for instance|in fact|of course|that said|after all|accordingly"
).split("|")
"""Words that tie a sentence to the one before it."""
_CONNECTIVE = regex.compile(rf"(?:{'|'.join(CONNECTIVES)})(?:\s?,\s+|(?<=^(?:but|and|so|yet|or))\s+)", regex.IGNORECASE)
_ITEM = regex.compile(r"(?:[-•*–]|\d{1,2}[.)])\s+")
_FRAME = regex.compile(
    r"(?P<speaker>[^“”\n]{1,200}?)\s(?:said|asked)(?:\s\((?P<time>\d{2,}:\d{2}:\d{2})\))?:\s“(?P<quote>.+)”",
    regex.DOTALL,
)
_NUMERIC = regex.compile(r"[\p{Sc}\s]*[-−+(]?[\d.,:/\s%–-]+\)?[\p{Sc}%\s]*")


class Quoted(NamedTuple):
    """Words for an answer and the characters of the document they were taken from."""

    text: str
    spans: tuple[Span, ...]
    verbatim: bool


class Attributed(NamedTuple):
    """A sentence of the form `Mayor Ellis said (00:14:05): “…”`, taken apart."""

    speaker: str
    time: str
    pieces: tuple[str, ...]


def clock(seconds: float) -> str:
    """Write seconds into a recording as `HH:MM:SS`."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def block_at(document: Document, position: int) -> Block | None:
    """Return the block that holds the character at `position`, or None between blocks."""
    number = bisect_right(document.blocks, position, key=lambda block: block.span.start) - 1
    if number < 0:
        return None
    block = document.blocks[number]
    return block if position < block.span.end else None


def quote_prose(document: Document, span: Span, *, opens_paragraph: bool = False) -> Quoted:
    """Return a prose sentence as it stands, without list bullet and citation marks.

    Args:
        document: where it stands.
        span: its characters.
        opens_paragraph: leave out a leading connective, which would point at nothing.
    """
    # An item of a numbered list is `- 7. …` in canonical text.
    while (item := _ITEM.match(span.of(document.text))) and item.end() < span.end - span.start:
        span = Span(span.start + item.end(), span.end)
    text = span.of(document.text)
    connective = _CONNECTIVE.match(text) if opens_paragraph else None
    if connective and len(text) - connective.end() > 20:
        span = Span(span.start + connective.end(), span.end)
        text = span.of(document.text)
        return Quoted(unmarked(squeeze(text[0].upper() + text[1:])), (span,), text[0].isupper())
    shown = unmarked(squeeze(text))
    closed = _close_quotation(shown)
    return Quoted(closed, (span,), closed == shown)


def _close_quotation(text: str) -> str:
    """Give a sentence of longer direct speech the quotation mark that stands before or after it in the source."""
    if text.count("“") == text.count("”") and text.count('"') % 2 == 0:
        return text
    straight = '"' in text
    opening, closing = ('"', '"') if straight else ("“", "”")
    if text.startswith(opening) and text.count(closing) == (1 if straight else 0):
        return text + closing
    if text.endswith(closing) and text.count(opening) == (1 if straight else 0):
        return opening + text
    return text


def quote_turns(document: Document, block: Block, spans: Sequence[Span]) -> Quoted:
    """Return sentences of one turn, with who said them and when.

    Args:
        document: the transcript.
        block: the turn.
        spans: sentences of the turn, in order.
    """
    pieces: list[Span] = []
    for span in spans:
        if pieces and not document.text[pieces[-1].end : span.start].strip():
            pieces[-1] = Span(pieces[-1].start, span.end)
        else:
            pieces.append(span)
    said = GAP.join(unmarked(squeeze(piece.of(document.text))) for piece in pieces)
    time = f" ({clock(block.start_s)})" if block.start_s is not None else ""
    if not block.speaker:
        if block.start_s is None:
            return Quoted(said, tuple(pieces), len(pieces) == 1)
        return Quoted(f"At {clock(block.start_s)}: “{said}”", tuple(pieces), False)
    verb = "asked" if said.endswith("?") and said.count("?") == len(pieces) and "." not in said else "said"
    return Quoted(f"{squeeze(block.speaker)} {verb}{time}: “{said}”", tuple(pieces), False)


def parse_attributed(text: str) -> Attributed | None:
    """Take apart a sentence that `quote_turns` wrote; None for any other sentence."""
    match = _FRAME.fullmatch(text.strip())
    if match is None:
        return None
    return Attributed(match["speaker"], match["time"] or "", tuple(match["quote"].split(GAP)))


def row_of(block: Block, span: Span) -> int | None:
    """Return the number of the table row that `span` begins in, or None."""
    for number, cells in enumerate(block.rows):
        if cells and cells[0].start <= span.start <= cells[-1].end:
            return number
    return None


def headers(document: Document, block: Block) -> list[str]:
    """Return the header of each column; header rows are joined, repetitions left out."""
    width = max((len(cells) for cells in block.rows), default=0)
    columns: list[list[str]] = [[] for _ in range(width)]
    for cells in block.rows[: block.header_rows]:
        for column, cell in enumerate(cells):
            text = squeeze(cell.of(document.text))
            if text and text not in columns[column]:
                columns[column].append(text)
    return [" ".join(parts) for parts in columns]


@lru_cache(maxsize=256)
def _key_column(text: str, block: Block) -> int:
    """The column that names a row: the first whose cells are words and rarely repeat; else the first."""
    body = block.rows[block.header_rows :][:200]
    for column in range(max((len(cells) for cells in body), default=0)):
        values = [cells[column].of(text).strip() for cells in body if column < len(cells)]
        filled = [value for value in values if value]
        worded = sum(not _NUMERIC.fullmatch(value) for value in filled)
        short = sum(len(value) <= 80 for value in filled)
        if filled and len(set(filled)) >= 0.7 * len(values) and min(worded, short) >= 0.7 * len(filled):
            return column
    return 0


def quote_row(document: Document, block: Block, row: int, terms: Collection[str]) -> Quoted:
    """Return a table row as a sentence: its key, then the columns that the question names, then the others.

    Args:
        document: where the table stands.
        block: the table.
        row: number of the row in `block.rows`.
        terms: stems of the question, which choose the columns where there are more than six.
    """
    cells = block.rows[row]
    names = headers(document, block)
    values = [unmarked(squeeze(cell.of(document.text))) for cell in cells]
    key = _key_column(document.text, block)
    if key >= len(values) or not values[key]:
        key = next((n for n, value in enumerate(values) if value), 0)
    wanted = set(terms)
    filled = [column for column, value in enumerate(values) if value and column != key]

    def interest(column: int) -> tuple[int, int]:
        name = names[column] if column < len(names) else ""
        return (-len(wanted.intersection(content_stems(f"{name} {values[column]}"))), column)

    shown = sorted(sorted(filled, key=interest)[: MAX_COLUMNS - 1])
    parts = [f"{names[c]} {values[c]}" if c < len(names) and names[c] else values[c] for c in shown]
    separator = "; " if any(", " in part or ";" in part for part in parts) else ", "
    label = values[key]
    if _NUMERIC.fullmatch(label) and key < len(names) and names[key]:
        label = f"{names[key]} {label}"
    sentence = f"{label}: {separator.join(parts)}" if parts else label
    spans = tuple(cells[column] for column in sorted([key, *shown]))
    return Quoted(sentence if sentence.endswith((".", "!", "?")) else f"{sentence}.", spans, False)


def quote(
    document: Document, spans: Sequence[Span], terms: Collection[str], *, opens_paragraph: bool = False
) -> Quoted:
    """Return source text as a sentence of an answer, in the manner of the block it stands in.

    Args:
        document: where it stands.
        spans: neighbouring sentences of one block, or one table row.
        terms: stems of the question.
        opens_paragraph: it will stand at the start of a paragraph.
    """
    block = block_at(document, spans[0].start)
    if block is not None and block.kind is BlockKind.TABLE:
        row = row_of(block, spans[0])
        if row is not None:
            return quote_row(document, block, row, terms)
    if block is not None and block.kind is BlockKind.TURN:
        return quote_turns(document, block, spans)
    return quote_prose(document, Span(spans[0].start, spans[-1].end), opens_paragraph=opens_paragraph)


def is_filler(text: str) -> bool:
    """Tell whether a sentence says nothing by itself: `Yeah, okay.`, a line of capitals, an imprint."""
    found = words(text)
    content = [word for word in found if not is_stop(word.text)]
    letters = [c for c in text if c.isalpha()]
    shouted = len(letters) > 8 and sum(c.isupper() for c in letters) > 0.8 * len(letters)
    return len(content) < 2 or shouted or "://" in text
