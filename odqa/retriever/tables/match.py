"""How well the words of a question fit the rows and columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from odqa.retriever.tables.cells import Cell, CellKind
from odqa.retriever.tables.question import TableQuestion
from odqa.retriever.tables.table import Column, Row, TableView
from odqa.retriever.tables.terms import join, terms

Period = tuple[int, ...]

_COMPOSITE = re.compile(r"(?<!\d)((?:19|20)\d\d)\s?[/–-]\s?((?:19|20)\d\d)(?!\d)")
_EMPTY = frozenset(
    """
    year end month day week quarter date januari februari march april june juli august septemb octob novemb decemb
    fy fiscal financi restat unaudit audit period balanc
    """.split()
)  # Header words that no question has to repeat.
_CONTEXT = 0.9  # What a word counts that only the table's surroundings or its outer headers account for.
_SYNONYM = 0.8  # What a word counts that only means nearly the same.
_MENTIONED = 0.75


@dataclass(frozen=True, slots=True)
class Item:
    """A row or a column as something that a question names.

    Attributes:
        source: the row or column.
        terms: that name it.
        group: that also belong to it.
        period: the year, or two of a fiscal year, that it stands for; () for none.
        order: position in the table.
    """

    source: Row | Column
    terms: tuple[str, ...]
    group: frozenset[str]
    period: Period
    order: int

    @property
    def name(self) -> str:
        """What it is called."""
        return self.source.name


@dataclass(frozen=True, slots=True)
class Operand:
    """A cell that an operation reads, with its row and column."""

    row: Row
    column: Column

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.row.cells[self.column.index]


def is_telling(term: str) -> bool:
    """Tell whether a term of a header tells it from others: neither a month nor a day nor `year ended`."""
    return term not in _EMPTY and not term.isdecimal()


def operand(one: Item, other: Item) -> Operand:
    """Return the cell where a row and a column meet, in whichever order they are given."""
    a, b = one.source, other.source
    return Operand(a, b) if isinstance(a, Row) and isinstance(b, Column) else _swapped(a, b)


def _swapped(column: Row | Column, row: Row | Column) -> Operand:
    if not isinstance(row, Row) or not isinstance(column, Column):
        raise TypeError("a row and a column meet in a cell, two rows do not")
    return Operand(row, column)


class Match:
    """A question beside a table: which of its words the table accounts for."""

    def __init__(
        self, question: TableQuestion, view: TableView, synonyms: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """Take the question and the table.

        Args:
            question: read already.
            view: the table.
            synonyms: for terms of the question that the table has not, terms of the table that mean nearly the same.
        """
        self.question, self.view = question, view
        self.meaning = dict(synonyms or {})
        self.asked = question.terms.union(*self.meaning.values())

    @cached_property
    def rows(self) -> list[Item]:
        """The rows, in order."""
        return [
            Item(row, row.terms, row.group, _period(row.name, row.years), order)
            for order, row in enumerate(self.view.rows)
        ]

    @cached_property
    def columns(self) -> list[Item]:
        """The columns that hold quantities, in order."""
        return [
            Item(column, column.terms, column.group, _period(column.name, column.years), column.index)
            for column in self.view.columns
            if column.is_measured
        ]

    @cached_property
    def periods(self) -> list[Period]:
        """The years that the question names, as the table divides time, in the order of the question."""
        text = join(self.question.text)
        known = {item.period for item in (*self.rows, *self.columns) if len(item.period) == 2}
        both = [(int(match[1]), int(match[2])) for match in _COMPOSITE.finditer(text)]
        if both and all(pair in known for pair in both):
            return list(dict.fromkeys(both))
        return [(year,) for year in self.question.years]

    def weight(self, term: str) -> float:
        """Return how telling a term is: what the table does not have counts full."""
        return self.view.weights.get(term, 1.0)

    def share(self, found: Iterable[str]) -> float:
        """Return the share of some terms, by weight, that the question has; 1 where there are none to have."""
        kept = [term for term in found if is_telling(term)]
        total = sum(map(self.weight, kept))
        return sum(self.weight(term) for term in kept if term in self.asked) / total if total else 1.0

    def is_meant(self, item: Item) -> bool:
        """Tell whether a label leaves the question its operation: `Net decrease in cash` may be all `decrease` is of.

        Words of further operations must be the label's, as `average` in `the change in the average price`.
        """
        own = {*item.terms, *item.group}
        if any(not other <= own for other in self.question.others):
            return False
        words = [token.term for token in self.question.tokens]
        return not any(term in own and words.count(term) == 1 for term in self.question.trigger & set(item.terms))

    def coverage(self, named: Iterable[str], around: Iterable[str] = ()) -> float:
        """Return the share of the question, by weight, that terms account for.

        Args:
            named: terms of the rows and columns that were chosen.
            around: terms of their groups; those of the table's context are added.
        """
        required = self.question.required
        total = sum(map(self.weight, required))
        if not total:
            return 1.0
        inner, outer = set(named), {*around, *self.view.context}
        got = 0.0
        for term in required:
            if term in inner:
                got += self.weight(term)
            elif not inner.isdisjoint(self.meaning.get(term, ())):
                got += _SYNONYM * self.weight(term)
            elif term in outer:
                got += _CONTEXT * self.weight(term)
        return min(got / total, 1.0)

    def mentions(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that the question names, in the order in which it does; longer names claim words first."""
        words = [token.term for token in self.question.tokens]
        places: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            places.setdefault(word, []).append(place)
        candidates = [item for item in items if item.terms and any(term in places for term in item.terms)]
        ranked = sorted(candidates, key=lambda item: (-self._mass(item), item.order))
        taken: set[int] = set()
        found: list[tuple[int, Item]] = []
        for item in ranked:
            if self.share(item.terms) < _MENTIONED:
                continue
            here = _window([places.get(term, []) for term in item.terms], taken, len(item.terms))
            if here:
                taken.update(here)
                found.append((min(here), item))
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]

    def _mass(self, item: Item) -> float:
        return sum(self.weight(term) for term in item.terms if term in self.asked) * self.share(item.terms)

    def has_value(self, cell: Cell) -> bool:
        """Tell whether the question names what a cell of words holds."""
        found = terms(cell.text)
        return bool(found) and cell.kind is CellKind.TEXT and f" {' '.join(found)} " in self._line

    @cached_property
    def _line(self) -> str:
        return f" {' '.join(terms(self.question.text))} "


def _window(places: Sequence[Sequence[int]], taken: set[int], size: int) -> set[int]:
    """Return the places of a name's words where they stand close together and are not part of another name."""
    first = [place for place in (places[0] if places else []) if place not in taken]
    starts = first or [place for some in places for place in some if place not in taken]
    best: set[int] = set()
    for start in starts:
        here = set()
        for some in places:
            near = [place for place in some if place not in taken and abs(place - start) <= 2 * size + 2]
            if near:
                here.add(min(near, key=lambda place: abs(place - start)))
        if len(here) > len(best):
            best = here
    return best if 2 * len(best) >= size else set()


def _period(name: str, years: Period) -> Period:
    if len(years) <= 1:
        return years
    match = _COMPOSITE.search(join(name))
    return (int(match[1]), int(match[2])) if match else ()
