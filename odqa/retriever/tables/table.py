"""A table as questions see it: rows and columns with their names, years, units and kinds, and typed cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from odqa.retriever.tables.cells import ORDERED, Cell, CellKind, Unit
from odqa.schema import Block, Document, Span

_NUMBERING = frozenset({"note", "rank", "rk", "po", "pos", "posit", "place", "no", "number", "ref", "refer", "seed"})


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table's body.

    Attributes:
        name: what it is called; for a total without a label, `Total` and its group.
        label: the cell that names it.
        terms: of the name, without what stands in brackets.
        group: terms that also belong to it: those of the label over it, and those in brackets.
        years: that its name or its group's name, and else its column of years, names.
        dated: the cell that names them.
        total: it sums up others.
        unit: that its name names.
        cells: typed; as many as the table has columns.
    """

    name: str
    label: Span | None
    terms: tuple[str, ...]
    group: frozenset[str]
    years: tuple[int, ...]
    dated: Span | None
    total: bool
    unit: Unit
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        index: position in a row's cells.
        name: the words over it, from the outermost header row to the innermost.
        header: the innermost header cell that has words.
        dated: the innermost header cell that names a year.
        terms: of the innermost header with words beside years; without brackets.
        group: terms of the other headers over it.
        years: that the headers name.
        kind: of most of its cells.
        unit: that the headers name.
    """

    index: int
    name: str
    header: Span | None
    dated: Span | None
    terms: tuple[str, ...]
    group: frozenset[str]
    years: tuple[int, ...]
    kind: CellKind
    unit: Unit

    @property
    def is_measured(self) -> bool:
        """Whether it holds quantities, rather than words, ranks, or numbers of notes."""
        numbering = self.name in ("#", "№") or (self.terms and set(self.terms) <= _NUMBERING)
        return self.kind in ORDERED and not numbering


@dataclass(frozen=True, slots=True)
class TableView:
    """One table, or the part of one under one header.

    Attributes:
        document: the document it stands in.
        block: the table's block.
        rows: of the body; rows that only name a group are not among them.
        columns: of the body; the first may be the rows' labels.
        naming: index of the column that names rows.
        unit: of the whole table, as corner, header or caption say.
        context: terms of the caption, the headings and the title.
        weights: how telling each term of its labels, headers and context is, 0–1.
    """

    document: Document
    block: Block
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    naming: int
    unit: Unit
    context: frozenset[str]
    weights: Mapping[str, float]

    def unit_of(self, row: Row, column: Column) -> Unit:
        """Return the unit of a cell: as the cell says, else its header, its label, the table."""
        own = [row.cells[column.index].unit, row.unit, column.unit, self.unit]
        name = next((unit.name for unit in own if unit.name), "")
        if name.islower() or name == "%" or " per " in f" {row.name.lower()} ":
            # Measures, percentages and ratios are not counted in the thousands of the sums of money around them.
            return Unit(name, next((unit.scale for unit in own[:1] if unit.scale), ""))
        return Unit(name, next((unit.scale for unit in own if unit.scale), ""))
