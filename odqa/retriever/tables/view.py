"""Read the tables of a document: header, labels, groups, totals, units."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from odqa.index.summary.analysis import normalize
from odqa.retriever.tables.cells import CURRENCY_SIGNS, Cell, CellKind, Unit, column_kind, find_unit, read_cell
from odqa.retriever.tables.table import Column, Row, TableView
from odqa.retriever.tables.terms import terms, years
from odqa.schema import Block, BlockKind, Document, Span

_TOTAL = re.compile(
    r"(?:grand |sub[- ]?)?totals?\b(?!.*\bper\b)|.*\b(?:sub)?totals?$|(?:overall|all|sum|combined|average|mean)$", re.I
)
_VOTES_CAST = re.compile(
    r"(?:registered|electorate|turnout|majority|(?:in)?valid|blank|none of the above|swing)\b", re.I
)
_NOTE_MARKS = re.compile(r"\s*(?:\((?:\d{1,2}|[a-z]|see note.*|notes?\s.*)\)|\[\w{1,6}\]|[*†‡]+|[¹²³⁴-⁹]+)\s*$", re.I)
_IN_UNIT = re.compile(r"\s*\((?:in\s|[$€£¥₹])[^()]*\)\s*", re.I)
_ALIAS = re.compile(r"\([“\"]([^()”\"]{2,40})[”\"]\)")  # Apple Inc. (“Apple”)
_ASIDE = re.compile(r"\([^()]*\)")
_FEWEST_SUMMED = 3
_DISTINCT = 0.7


def views(document: Document, *, within: Span | None = None) -> Iterator[TableView]:
    """Yield the tables of a document; a table whose header changes half-way is two.

    Args:
        document: the document.
        within: only tables that share a character with this span.
    """
    for number, block in enumerate(document.blocks):
        if block.kind is BlockKind.TABLE and block.rows and (within is None or block.span.overlaps(within)):
            yield from table_views(document, number)


def table_views(document: Document, number: int) -> Iterator[TableView]:
    """Yield the parts of the table that is the document's block `number`, each with its header."""
    block = document.blocks[number]
    grid = _grid(document.text, block)
    headers, body = grid[: block.header_rows], grid[block.header_rows :]
    context = _context(document, number)
    start = 0
    for at, row in enumerate(body):
        if at and _is_header(row, body[at + 1 :]):
            yield from _view(document, block, headers, body[start:at], context)
            headers, start = [row], at + 1
    yield from _view(document, block, headers, body[start:], context)


def _grid(text: str, block: Block) -> list[list[Cell]]:
    width = max(len(row) for row in block.rows)
    rows = []
    for spans in block.rows:
        end = spans[-1].end if spans else block.span.start
        cells = [read_cell(text, span) for span in spans]
        cells += [Cell(Span(end, end), "", CellKind.MISSING)] * (width - len(cells))
        rows.append(cells)
    return rows


def _is_header(row: Sequence[Cell], below: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether a row of the body begins a new header: words and years, over columns of numbers."""
    filled = [(at, cell) for at, cell in enumerate(row) if at and cell.text]
    if len(filled) < 2 or not below or any(cell.kind is CellKind.NUMBER for _, cell in filled):
        return False
    named = sum(bool(years(cell.text)) for _, cell in filled)
    numeric = [at for at, _ in filled if at < len(below[0]) and below[0][at].kind is CellKind.NUMBER]
    return 2 * named >= len(filled) and 2 * len(numeric) >= len(filled)


def _context(document: Document, number: int) -> str:
    """Return the words that say what a table is of: title, headings above, caption."""
    before = document.blocks[:number]
    caption = before[-1].span.of(document.text) if before and before[-1].kind is BlockKind.CAPTION else ""
    path: dict[int, str] = {}
    for block in before:
        if block.kind is BlockKind.HEADING:
            path = {level: text for level, text in path.items() if level < block.level}
            path[block.level] = block.span.of(document.text)
    return "\n".join([document.title, *path.values(), caption])


def _view(
    document: Document, block: Block, headers: list[list[Cell]], body: list[list[Cell]], context: str
) -> Iterator[TableView]:
    if not body:
        return
    columns = [_column(at, headers, [row[at] for row in body]) for at in range(len(body[0]))]
    naming = _naming(columns, body)
    rows = tuple(_with_sums(list(_rows(body, columns, naming)), columns))
    if not rows:
        return
    corner = " ".join(row[0].text for row in headers)
    caption = context.rsplit("\n", 1)[-1]
    across = next((unit for unit in (find_unit(corner), find_unit(caption)) if unit.scale or unit.name), Unit())
    words = frozenset(terms(context)) | frozenset(terms(corner)) | {str(year) for year in years(context)}
    yield TableView(document, block, rows, tuple(columns), naming, across, words, _weights(rows, columns, words))


def _column(at: int, headers: list[list[Cell]], cells: list[Cell]) -> Column:
    """Name a column by the header cells over it; a header over several columns stands over the first of them."""
    over = [cell for row in headers if (cell := _over(at, row)) is not None]
    own = [terms(_ASIDE.sub(" ", unmarked(cell.text))) or terms(cell.text) for cell in over]
    innermost = next((n for n in range(len(own) - 1, -1, -1) if own[n] and not _is_unit(over[n].text)), None)
    group = {term for n, found in enumerate(own) if n != innermost for term in found}
    group |= {term for cell in over for term in terms(cell.text) if not term.isdecimal()}
    named = tuple(
        dict.fromkeys(unmarked(_IN_UNIT.sub(" ", normalize(cell.text))) for cell in over if not _is_unit(cell.text))
    )
    chosen = own[innermost] if innermost is not None else ()
    units = [find_unit(cell.text) for cell in reversed(over)]
    unit = Unit(
        next((unit.name for unit in units if unit.name), "") or _currency(cells),
        next((unit.scale for unit in units if unit.scale), ""),
    )
    when = tuple(dict.fromkeys(year for cell in over for year in years(cell.text)))
    header = over[innermost].span if innermost is not None else (over[-1].span if over else None)
    return Column(
        index=at,
        name=" ".join(named),
        header=header,
        dated=next((cell.span for cell in reversed(over) if years(cell.text)), None),
        terms=chosen,
        group=frozenset(group) - set(chosen),
        years=when,
        kind=column_kind(cells),
        unit=unit,
    )


def _currency(cells: Sequence[Cell]) -> str:
    """Return the currency that some cells of a column carry and no cell contradicts: `$` often stands only once."""
    names = {cell.unit.name for cell in cells if cell.unit.name and cell.unit.name != "%"}
    return names.pop() if len(names) == 1 and any(symbol in next(iter(names)) for symbol in CURRENCY_SIGNS) else ""


def _over(at: int, row: Sequence[Cell]) -> Cell | None:
    """Return the cell of a header row that stands over a column; merged cells reach to the right."""
    if row[at].is_filled or at == 0:
        return row[at] if row[at].is_filled else None
    filled = [n for n in range(1, len(row)) if row[n].is_filled]
    if len(filled) == 1:
        return row[filled[0]]  # One cell over all columns, set over the middle.
    left = [n for n in filled if n < at]
    return row[left[-1]] if left else None


def _is_unit(text: str) -> bool:
    """Tell whether a header only names a unit: `$`, `£m`, `(in millions)`."""
    bare = re.sub(
        r"[()$€£¥₹%'’.,\s]|\b(?:in|of|us|usd|rmb|dollars?|thousands?|millions?|billions?|000|m|bn|k)\b",
        "",
        text.lower(),
    )
    return bool(text) and not bare


def unmarked(text: str) -> str:
    """Return a label without the marks of its notes: `Other (2)`, `Profit (Note 3)`, `restated3`."""
    bare = _NOTE_MARKS.sub("", text)
    return re.sub(r"(?<=[^\W\d_]{3})\d$", "", bare).strip(" :.…") or text


def _naming(columns: Sequence[Column], body: Sequence[Sequence[Cell]]) -> int:
    """Return the column that tells rows apart: the first of words, nearly all of them different."""
    words = [column.index for column in columns if column.kind is CellKind.TEXT]
    for at in words:
        filled = [row[at].text.casefold() for row in body if row[at].text]
        if len(set(filled)) >= _DISTINCT * len(filled) and 2 * len(filled) >= len(body):
            return at
    return words[0] if words and words[0] == 0 else 0


def _rows(body: Sequence[Sequence[Cell]], columns: Sequence[Column], naming: int) -> Iterator[Row]:
    groups: list[Cell] = []
    after_group = False
    seasons = [column.index for column in columns if column.kind in (CellKind.YEAR, CellKind.DATE)]
    above: Cell | None = None
    for cells in body:
        if _is_group(cells):
            groups = [*groups, cells[0]] if after_group else [cells[0]]
            after_group = True
            continue
        after_group = False
        outer = groups
        if naming and columns[0].kind is CellKind.TEXT:
            above = cells[0] if cells[0].text else above  # A label that stands once for the rows under it.
            outer = [*groups, above] if above is not None else groups
        yield _row(cells, cells[naming], outer, cells[seasons[0]] if len(seasons) == 1 else None)


def _with_sums(rows: list[Row], columns: Sequence[Column]) -> Iterator[Row]:
    """Yield rows, the last or else the first one as a total if it holds the sums of the others, whatever it is called.

    One column of few small numbers adds up by chance too often to tell.
    """
    sums = next((at for at in (len(rows) - 1, 0) if _is_sum(rows, at, columns)), None)
    for at, row in enumerate(rows):
        yield replace(row, total=True) if at == sums else row


def _is_sum(rows: Sequence[Row], at: int, columns: Sequence[Column]) -> bool:
    if len(rows) < _FEWEST_SUMMED + 1 or rows[at].total or any(row.total for row in rows):
        return False
    matched = 0
    for column in (column for column in columns if column.kind is CellKind.NUMBER):
        own = rows[at].cells[column.index].value
        others = [
            value for n, row in enumerate(rows) if n != at and (value := row.cells[column.index].value) is not None
        ]
        if own is None or not own or len(others) < 2:
            continue
        # Rounded summands may miss a rounded sum by half a last digit each.
        if abs(sum(others) - own) > max(1e-6 * abs(own), 0.002 * abs(own)):
            return False
        matched += 1
    return matched > 1 or (matched == 1 and len(rows) > 2 * _FEWEST_SUMMED)


def _is_group(cells: Sequence[Cell]) -> bool:
    """Tell whether a row only holds a label for the rows under it, in its first cell or over all of them."""
    filled = [cell.text for cell in cells if cell.text]
    alone = bool(cells[0].text) and len(filled) == 1
    return len(cells) > 1 and (alone or (len(filled) > 2 and len(set(filled)) == 1))


def _row(cells: Sequence[Cell], label: Cell, groups: Sequence[Cell], season: Cell | None) -> Row:
    outer = " ".join(cell.text for cell in groups)
    bare = unmarked(label.text)
    blank = not label.text and any(cell.kind is CellKind.NUMBER for cell in cells)
    alias = _ALIAS.search(bare)
    own = terms(alias[1]) if alias else terms(_ASIDE.sub(" ", bare)) or terms(bare)
    aside = set(terms(bare)) if alias else {term for part in _ASIDE.findall(bare) for term in terms(part)}
    dated = next((cell for cell in (label, *reversed(groups), season) if cell is not None and years(cell.text)), None)
    return Row(
        name=normalize(bare) or (normalize(f"Total {unmarked(outer)}") if blank else ""),
        label=label.span if label.text else None,
        terms=("total",) if blank else own,
        group=frozenset(terms(outer)) | (aside - set(own)),
        years=years(dated.text) if dated is not None else (),
        dated=dated.span if dated is not None else None,
        total=blank or _TOTAL.match(bare) is not None or _VOTES_CAST.match(bare) is not None,
        unit=find_unit(label.text) if label.kind is CellKind.TEXT else Unit(),
        cells=tuple(cells),
    )


def _weights(rows: Sequence[Row], columns: Sequence[Column], context: frozenset[str]) -> dict[str, float]:
    """Return the inverse frequency of each term among the names of rows and columns, 1 for those that stand once."""
    counts = Counter(term for row in rows for term in {*row.terms, *row.group})
    counts.update(term for column in columns for term in {*column.terms, *column.group})
    total = len(rows) + len(columns)
    weights = {term: math.log(1 + total / count) / math.log(1 + total) for term, count in counts.items()}
    return weights | {term: 0.5 for term in context if term not in weights}
