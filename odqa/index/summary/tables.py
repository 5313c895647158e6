"""What tables hold: their columns, usual values and extremes, each resting on its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from odqa.index.summary.analysis import normalize
from odqa.index.summary.scope import Scope
from odqa.index.summary.statements import MAX_MENTIONS
from odqa.schema import BlockKind, Span, Statement

_NUMBER = re.compile(
    r"(?P<negative>[(−–-])?\s?(?P<symbol>[£$€¥₹])?\s?(?P<digits>\d{1,3}(?:[,\s]\d{3})+(?:\.\d+)?|\d*\.?\d+)\s?"
    r"(?P<unit>%|[^\W\d_]{1,4})?\)?"
)
_NUMERIC_SHARE = 0.6
_MAX_NAMES = 12
_MAX_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: the header's cell, where there is one, and the cells under it."""

    name: str
    header: Span | None
    cells: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The part of a table that lies in a scope, column by column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Span, ...], ...]
    span: Span


def tables(scope: Scope) -> Iterator[Table]:
    """Yield the tables of the scope that have cells."""
    text = scope.analysis.text
    for block in scope.blocks:
        if block.kind is not BlockKind.TABLE or not block.rows:
            continue
        body = block.rows[block.header_rows :]
        header = block.rows[block.header_rows - 1] if block.header_rows else ()
        width = max(len(row) for row in block.rows)
        columns = []
        for number in range(width):
            cell = header[number] if number < len(header) and header[number].of(text).strip() else None
            name = normalize(cell.of(text)) if cell else f"column {number + 1}"
            below = tuple(row[number] for row in body if number < len(row) and row[number].of(text).strip())
            columns.append(Column(name, cell, below))
        yield Table(tuple(columns), body, block.span)


def columns(scope: Scope, limit: int) -> list[Statement]:
    """Return one statement a table: its row count and the names of its columns."""
    statements = []
    for table in tables(scope):
        named = [column for column in table.columns if column.header]
        spans = tuple(column.header for column in named if column.header) or (table.span,)
        names = ", ".join(column.name for column in named[:_MAX_NAMES]) or f"{len(table.columns)} columns"
        more = f" and {len(named) - _MAX_NAMES} more" if len(named) > _MAX_NAMES else ""
        count = len(table.rows)
        statements.append(Statement(f"{count} row{'s' * (count != 1)}: {names}{more}", spans))
    return statements[:limit]


def values(scope: Scope, limit: int) -> list[Statement]:
    """Return the most frequent values of each column of words, first met first among equals."""
    text = scope.analysis.text
    statements = []
    for table in tables(scope):
        for column in table.columns:
            if not column.cells or _numbers(text, column) is not None:
                continue
            first: dict[str, Span] = {}
            for cell in column.cells:
                first.setdefault(normalize(cell.of(text)), cell)
            counts = Counter(normalize(cell.of(text)) for cell in column.cells)
            usual = [value for value, _ in counts.most_common(MAX_MENTIONS)]
            spans = tuple(first[value] for value in usual)
            more = f"; … ({len(counts)} different)" if len(counts) > MAX_MENTIONS else ""
            head = (column.header,) if column.header else ()
            statements.append(Statement(f"{column.name}: {'; '.join(usual)}{more}", (*head, *spans)))
    return statements[:limit]


def extremes(scope: Scope, limit: int) -> list[Statement]:
    """Return the lowest and highest value of each column of numbers, with the names of their rows."""
    text = scope.analysis.text
    statements = []
    for table in tables(scope):
        named = _naming(text, table)
        for column in table.columns:
            numbers = _numbers(text, column)
            if numbers is None or column is named:
                continue
            low, high = min(numbers, key=lambda pair: pair[0]), max(numbers, key=lambda pair: pair[0])
            head = (column.header,) if column.header else ()
            if low[0] == high[0]:
                words, spans = f"always {_shown(text, low[1])}", [low[1]]
            else:
                low_words, low_spans = _with_row(text, table, named, low[1])
                high_words, high_spans = _with_row(text, table, named, high[1])
                words, spans = f"from {low_words} to {high_words}", [*low_spans, *high_spans]
            statements.append(Statement(f"{column.name}: {words}", (*head, *spans), 1.0, _unit(text, column)))
    return statements[:limit]


def _naming(text: str, table: Table) -> Column | None:
    """Return the column that tells rows apart to a person: words that differ, and more than a code where possible."""

    def fitness(column: Column) -> tuple[bool, bool]:
        shown = [_shown(text, cell) for cell in column.cells]
        return len(set(shown)) >= 0.9 * len(table.rows), any(" " in value for value in shown)

    return max((c for c in table.columns if c.cells and _numbers(text, c) is None), key=fitness, default=None)


def _numbers(text: str, column: Column) -> list[tuple[float, Span]] | None:
    """Return the column's numbers with their cells, or None where most cells hold none."""
    found = [(value, cell) for cell in column.cells if (value := parse_number(cell.of(text))) is not None]
    return found if found and len(found) >= _NUMERIC_SHARE * len(column.cells) else None


def parse_number(cell: str) -> float | None:
    """Return the number a table cell holds: thousands marks, currency, percent, accounting negatives."""
    match = _NUMBER.fullmatch(cell.strip()) if len(cell) <= _MAX_NUMBER else None
    if match is None or (match["negative"] == "(") != cell.strip().endswith(")"):
        return None
    digits = re.sub(r"[,\s]", "", match["digits"])
    return -float(digits) if match["negative"] else float(digits)


def _with_row(text: str, table: Table, named: Column | None, cell: Span) -> tuple[str, tuple[Span, ...]]:
    """Return the cell's words, followed by the name of its row in brackets, and the spans of both."""
    if named is not None:
        row = next(row for row in table.rows if cell in row)
        names = set(named.cells)
        name = next((c for c in row if c in names), None)
        if name is not None and name != cell:
            return f"{_shown(text, cell)} ({_shown(text, name)})", (cell, name)
    return _shown(text, cell), (cell,)


def _shown(text: str, cell: Span) -> str:
    return normalize(cell.of(text))


def _unit(text: str, column: Column) -> str:
    """Return the unit most cells carry: a currency sign, `%`, or a short word."""
    units: Counter[str] = Counter()
    for cell in column.cells:
        match = _NUMBER.fullmatch(cell.of(text).strip()) if cell.end - cell.start <= _MAX_NUMBER else None
        if match and (unit := match["symbol"] or match["unit"]):
            units[unit] += 1
    return next((unit for unit, count in units.most_common(1) if 2 * count > len(column.cells)), "")
