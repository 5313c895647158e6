"""Check a calculation against the characters of its cells, for those who did not make it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from odqa.index.summary.analysis import normalize
from odqa.retriever.tables.arithmetic import compute, is_arithmetic, places
from odqa.retriever.tables.cells import Cell, CellKind, read_cell
from odqa.retriever.tables.patterns import Operation
from odqa.retriever.tables.statement import MOST_LISTED, as_written, decimals, shown
from odqa.retriever.tables.terms import years
from odqa.retriever.tables.view import unmarked
from odqa.schema import BlockKind, Calculation, Document, Span

_TOLERANCE = 1e-9


def recompute(calculation: Calculation, document: Document) -> bool:
    """Tell whether a calculation's result follows from the cells that it cites, read anew from the document.

    The cells must be cells of the document's tables, the sentence must give them as the tables write them, and the
    arithmetic, the order or the number of them must be what value and sentence say. Of more than
    `statement.MOST_LISTED` cells the sentence gives only the first, and only those are compared with it. That no other
    row would have been larger, or would have counted, is not checked: the cells do not say which rows were asked about.

    Args:
        calculation: by `calculate`.
        document: as it stands now.
    """
    try:
        operation = Operation(calculation.operation)
    except ValueError:
        return False
    known = {span for block in document.blocks if block.kind is BlockKind.TABLE for row in block.rows for span in row}
    if not calculation.cells or not known.issuperset(calculation.cells):
        return False
    cells = [read_cell(document.text, span) for span in calculation.cells]
    if is_arithmetic(operation):
        return _is_computed(operation, calculation, cells)
    if operation is Operation.LOOKUP:
        return cells[0].value == calculation.value and _is_written(cells[0], calculation.statement)
    return _is_ranked(operation, calculation, cells)


def _is_computed(operation: Operation, calculation: Calculation, cells: Sequence[Cell]) -> bool:
    values = [cell.value for cell in cells if cell.value is not None]
    percent = operation is Operation.CHANGE or (operation is Operation.RATIO and calculation.unit == "%")
    value = compute(operation, values, percent=percent)
    if len(values) < len(cells) or value is None or isinstance(calculation.value, str):
        return False
    number = shown(value, places(operation, value, [decimals(cell.text) for cell in cells]))
    said = _has_number(number.lstrip("−"), calculation.statement)
    close = math.isclose(value, calculation.value, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return close and said and all(_is_written(cell, calculation.statement) for cell in cells[:MOST_LISTED])


def _is_ranked(operation: Operation, calculation: Calculation, cells: Sequence[Cell]) -> bool:
    """Check operations whose cells come in twos: a number, and the cell that says whose it is."""
    statement = calculation.statement
    pairs = list(zip(cells[::2], cells[1::2], strict=False))
    if len(cells) % 2:
        return False
    if operation in (Operation.MAXIMUM, Operation.MINIMUM):
        return _is_extreme(operation, pairs, statement)
    if not all(_is_paired(*pair, statement) for pair in pairs[:MOST_LISTED]):
        return False
    if operation is Operation.COUNT:
        return calculation.value == len(pairs) and statement.startswith(f"{len(pairs)} ")
    if operation is Operation.FILTER:
        return True
    values = [number.value for number, _ in pairs if number.value is not None]
    if len(values) != 2:
        return False
    if calculation.value == "equal":
        return values[0] == values[1]
    return values[0] > values[1] if " is higher than " in statement else values[0] < values[1]


def _is_extreme(operation: Operation, pairs: Sequence[tuple[Cell, Cell]], statement: str) -> bool:
    """Check that the first cells are equal, are those of the sentence, and lie beyond the last, or short of it."""
    *best, last = pairs
    values = [number.value for number, _ in pairs if number.value is not None]
    if not best or len(values) < len(pairs) or not _is_paired(*last, statement):
        return False
    for number, name in best:
        written = re.search(rf" is [^:]*?(?<![\d.,]){re.escape(as_written(number))}(?![.,]?\d)", statement)
        if number.value != values[0] or (written is None and number is best[0][0]):
            return False
        if not any(
            re.search(rf"(?:: | and ){re.escape(called)}(?:, | and |\.$)", statement) for called in _called(name)
        ):
            return False
    ahead = any(f", after {name} (" in statement for name in _called(last[1]))
    falling = (operation is Operation.MAXIMUM) is not ahead
    return values[0] > values[-1] if falling else values[0] < values[-1]


def _is_paired(number: Cell, name: Cell, statement: str) -> bool:
    """Tell whether a sentence has a number behind its name, in brackets; a cell that is its own name stands alone."""
    text = as_written(number)
    if number.span == name.span:
        return re.search(rf"(?:[;:] |\(){re.escape(text)}(?:;|\.$|\))", statement) is not None
    called = "|".join(map(re.escape, _called(name)))
    # A column's name goes on with the words of its other headers.
    return re.search(rf"(?:{called})[^():;]* \({re.escape(text)}\)", statement) is not None


def _called(cell: Cell) -> list[str]:
    """Return what a sentence may call the row or year that a cell names."""
    when = years(cell.text)
    names = [as_written(cell), normalize(unmarked(cell.text)), "/".join(map(str, when))]
    return [name for name in names if name] if cell.kind is not CellKind.MISSING else [""]


def _is_written(cell: Cell, statement: str) -> bool:
    return _has_number(as_written(cell), statement)


def _has_number(text: str, statement: str) -> bool:
    """Tell whether a sentence has these characters, and not only as a part of a longer number."""
    return re.search(rf"(?<!\d)(?<!\d[.,]){re.escape(text)}(?![.,]?\d)", statement) is not None


def cells_in(calculation: Calculation, span: Span) -> bool:
    """Tell whether any cell that a calculation rests on lies in a span, e.g. that of a passage."""
    return any(span.contains(cell) for cell in calculation.cells)
