"""Put calculations onto the evidence that holds their cells, and bring the rows that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from odqa.retriever.tables.calculate import calculate
from odqa.retriever.tables.patterns import Operation
from odqa.retriever.tables.question import read_question
from odqa.retriever.tables.verify import cells_in
from odqa.retriever.tables.view import table_views
from odqa.schema import BlockKind, Calculation, Document, Evidence, PassageKind, Span

if TYPE_CHECKING:
    from odqa.protocols import Encoder

ReadRow = Callable[[str, int], Evidence | None]

MOST_TABLES = 5
"""Tables looked at for one question, those of the best evidence first."""

MOST_ROWS = 6
"""Rows brought in for one question; a sum over a long table is shown with the rows that were found."""

MOST_SHOWN = 3
"""Calculations attached for one question."""

MOST_CELLS = 20_000
"""Cells up to which a table is read: about as many as take half a second."""

_CLOSE = 0.9  # A calculation is shown beside the surest one from this share of its confidence on.


def attach(
    question: str,
    evidence: Sequence[Evidence],
    encoder: Encoder | None = None,
    read_row: ReadRow | None = None,
) -> list[Evidence]:
    """Return the evidence with what the question's table operation gives, on every item that holds a cell of it.

    Args:
        question: in words.
        evidence: best first; tables are those that its row passages lie in.
        encoder: finds columns that are called otherwise in the question; None for words only.
        read_row: reads passage `index` of a document as evidence, None where there is no such passage; called for cells
            that the evidence does not hold. None to do without.

    Returns:
        The same items in the same order, then the rows that were read.
    """
    found = _found(question, evidence, encoder)
    if not found:
        return list(evidence)
    items = list(evidence)
    if read_row is not None:
        room = MOST_ROWS
        for item, calculation in found:
            for row in _missing(item, calculation, items, read_row):
                if room == 0:
                    break
                items.append(row)
                room -= 1
    return [_with(item, [calc for holder, calc in found if _same(holder, item)]) for item in items]


def _found(question: str, evidence: Sequence[Evidence], encoder: Encoder | None) -> list[tuple[Evidence, Calculation]]:
    """Return the surest calculations over the tables of the evidence, each with the item that its table came with."""
    found: list[tuple[Evidence, Calculation]] = []
    seen: set[tuple[str, int]] = set()
    # To look a cell up is to find its row, which search has done: of further tables it is not worth the time.
    only_looks_up = all(reading.operation is Operation.LOOKUP for reading in read_question(question))
    most = 1 if only_looks_up else MOST_TABLES
    for item in evidence:
        if len(seen) >= most:
            break
        for number in _tables(item):
            key = (item.document.id, number)
            if key in seen or len(seen) >= most:
                continue
            seen.add(key)
            for view in table_views(item.document, number):
                found += [(item, each) for each in calculate(question, view, encoder=encoder)]
    found.sort(key=lambda pair: -pair[1].confidence)
    return [pair for pair in found if pair[1].confidence >= _CLOSE * found[0][1].confidence][:MOST_SHOWN]


def _tables(item: Evidence) -> Iterator[int]:
    if item.passage.kind is PassageKind.ROW:
        for number, block in enumerate(item.document.blocks):
            size = len(block.rows) * len(block.rows[0]) if block.rows else 0
            if block.kind is BlockKind.TABLE and 0 < size <= MOST_CELLS and block.span.overlaps(item.passage.span):
                yield number


def _same(one: Evidence, other: Evidence) -> bool:
    return one.document.id == other.document.id


def _with(item: Evidence, calculations: Sequence[Calculation]) -> Evidence:
    own = [calculation for calculation in calculations if cells_in(calculation, item.passage.span)]
    new = tuple(calculation for calculation in own if calculation not in item.calculations)
    return replace(item, calculations=(*item.calculations, *new)) if new else item


def _missing(
    item: Evidence, calculation: Calculation, items: Sequence[Evidence], read_row: ReadRow
) -> Iterator[Evidence]:
    """Yield the passages of the calculation's rows that no item holds; header cells need none, contexts have them."""
    held = [each.passage.span for each in items if _same(each, item)]
    header = _header(item.document, calculation)
    wanted = [span for span in calculation.cells if not header.contains(span)]
    for _, cells in groupby(wanted, key=lambda span: _line(item.document, span)):
        cell = next(cells)
        if not any(span.contains(cell) for span in held) and (row := _read(item, cell, read_row)) is not None:
            held.append(row.passage.span)
            yield row


def _header(document: Document, calculation: Calculation) -> Span:
    """Return the characters of the header of the table that a calculation is made from."""
    for block in document.blocks:
        if block.rows and block.header_rows and block.span.contains(calculation.cells[0]):
            return Span(block.span.start, block.rows[block.header_rows - 1][-1].end)
    return Span(0, 0)


def _line(document: Document, span: Span) -> int:
    """Return where the row begins that a cell stands in."""
    return document.text.rfind("\n", 0, span.start) + 1


def _read(item: Evidence, cell: Span, read_row: ReadRow) -> Evidence | None:
    """Find the passage that holds a cell: rows are passages of their own mostly, so it is as many away as lines are."""
    text, index, place = item.document.text, item.passage.index, item.passage.span
    tried = {index}
    while not place.contains(cell):
        if cell.start < place.start:
            step = -max(text.count("\n", cell.start, place.start), 1)
        else:
            step = max(text.count("\n", place.end, cell.start), 1)
        index += step
        if index in tried or index < 0 or (row := read_row(item.document.id, index)) is None:
            return None
        tried.add(index)
        item, place = row, row.passage.span
    return item
