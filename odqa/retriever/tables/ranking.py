"""Superlatives, comparisons, filters and counts: which rows or years, and how many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from odqa.retriever.tables import whole
from odqa.retriever.tables.cells import Cell, CellKind
from odqa.retriever.tables.match import Match, Operand
from odqa.retriever.tables.patterns import Operation
from odqa.retriever.tables.question import Threshold
from odqa.retriever.tables.select import Selection, over_years
from odqa.retriever.tables.statement import as_written, listed, quantity
from odqa.schema import Calculation, Span

_MOST_TIED = 5
_LEAST = frozenset("least lowest smallest fewest shortest youngest earliest lightest slowest".split())
_RANK_WORDS = {1: "", 2: "second ", 3: "third ", 4: "fourth ", 5: "fifth "}
_UNSURE_ROWS = 0.9  # A count of rows rests on their all being there.


@dataclass(frozen=True, slots=True)
class _Pair:
    """A number and the cell that says whose it is."""

    operand: Operand
    name: Span
    called: str

    @property
    def value(self) -> float:
        """The number."""
        return self.operand.cell.value or 0.0

    @property
    def whole(self) -> float:
        """The number, and of a date its year: a day of 2010 is not after 2010."""
        return math.floor(self.value) if self.operand.cell.kind is CellKind.DATE else self.value

    @property
    def spans(self) -> tuple[Span, Span]:
        """The number's cell, then that of its name."""
        return self.operand.cell.span, self.name

    @property
    def shown(self) -> str:
        """Both, for a sentence."""
        return f"{self.called} ({as_written(self.operand.cell)})"


def superlative_over_rows(match: Match) -> Iterator[Calculation]:
    """Yield the rows that have the most or least of what the question names."""
    for scope in whole.scopes(match)[:2]:
        if len(scope.operands) < 2:
            continue
        wants_most = (match.question.operation is Operation.MAXIMUM) is not scope.inverted
        pairs = [_row_pair(each, name) for each, name in zip(scope.operands, scope.names, strict=True)]
        what = " ".join([scope.column.name or "value", *(f"({words})" for words in scope.conditions)])
        yield from _ranked(match, pairs, wants_most, what, scope.confidence)


def extremes(match: Match, selection: Selection) -> Iterator[Calculation]:
    """Yield the time at which a quantity is highest or lowest."""
    wants_most = match.question.operation is Operation.MAXIMUM
    pairs = [_moment_pair(each, name) for each, name in zip(selection.operands, selection.names, strict=True)]
    yield from _ranked(match, pairs, wants_most, selection.subject, selection.confidence)


def _ranked(match: Match, pairs: Sequence[_Pair], most: bool, what: str, fit: float) -> Iterator[Calculation]:
    """Yield the pair at the rank asked for, with all that tie with it and the next one."""
    values = sorted({pair.value for pair in pairs}, reverse=most)
    rank = match.question.rank
    if len(values) < max(rank, 2) or _mixed(match, pairs):
        return
    best = [pair for pair in pairs if pair.value == values[rank - 1]]
    if len(best) > _MOST_TIED:
        return
    ahead = [pair for pair in pairs if rank > 1 and pair.value == values[rank - 2]][:1]
    after = ahead or [pair for pair in pairs if pair.value == values[rank]][:1]
    unit = match.view.unit_of(best[0].operand.row, best[0].operand.column)
    number = quantity(best[0].operand.cell, unit)
    word = f"{_RANK_WORDS.get(rank, '')}{'highest' if most else 'lowest'}"
    if best[0].operand.cell.kind in (CellKind.DATE, CellKind.YEAR):
        word = f"{_RANK_WORDS.get(rank, '')}{'latest' if most else 'earliest'}"
    names = " and ".join(pair.called for pair in best)
    tie = f", a tie of {len(best)}" if len(best) > 1 else ""
    beside = f"{'after' if ahead else 'before'} {after[0].shown}" if after else ""
    statement = f"The {word} {what} is {number}: {names}{tie}{f', {beside}' if beside else ''}."
    operation = Operation.MAXIMUM if most else Operation.MINIMUM
    spans = tuple(span for pair in (*best, *after) for span in pair.spans)
    yield Calculation(operation, statement, " and ".join(pair.called for pair in best), str(unit), spans, fit)


def _mixed(match: Match, pairs: Sequence[_Pair]) -> bool:
    units = {match.view.unit_of(pair.operand.row, pair.operand.column).name for pair in pairs}
    return len(units - {""}) > 1


def compared(match: Match, selections: Sequence[Selection]) -> Iterator[Calculation]:
    """Yield which of two is more, or less."""
    for selection in selections[:2]:
        if len(selection.operands) != 2:
            continue
        make = _moment_pair if selection.axis == "years" else _item_pair
        pairs = [make(each, name) for each, name in zip(selection.operands, selection.names, strict=True)]
        if _mixed(match, pairs):
            continue
        most = match.question.adjective not in _LEAST
        first, second = sorted(pairs, key=lambda pair: pair.value, reverse=most)
        what = selection.subject or "the value"
        spans = (*first.spans, *second.spans)
        if first.value == second.value:
            statement = f"{what}: {first.shown} and {second.shown} are equal."
            yield Calculation(Operation.COMPARE, statement, "equal", "", spans, selection.confidence)
            continue
        word = "higher" if most else "lower"
        statement = f"{what}: {first.shown} is {word} than {second.shown}."
        yield Calculation(Operation.COMPARE, statement, first.called, "", spans, selection.confidence)


def filtered(match: Match) -> Iterator[Calculation]:
    """Yield which years or rows are on one side of a threshold, or how many."""
    limit = match.question.threshold
    if limit is None:
        return
    if match.question.yearly:
        wanted = match.periods if len(match.periods) > 1 else None
        for selection in over_years(match, wanted)[:2]:
            pairs = [_moment_pair(each, name) for each, name in zip(selection.operands, selection.names, strict=True)]
            yield from _kept(match, pairs, limit, selection.subject, selection.confidence)
        return
    for scope in [scope for scope in whole.scopes(match) if not scope.inverted][:1]:
        pairs = [_row_pair(each, name) for each, name in zip(scope.operands, scope.names, strict=True)]
        what = " ".join([scope.column.name, *(f"({words})" for words in scope.conditions)])
        yield from _kept(match, pairs, limit, what, scope.confidence * _UNSURE_ROWS)


def _kept(match: Match, pairs: Sequence[_Pair], limit: Threshold, what: str, fit: float) -> Iterator[Calculation]:
    bound = _limit(match, pairs, limit) if pairs and not _mixed(match, pairs) else None
    kept = [pair for pair in pairs if limit.holds(pair.whole, bound)] if bound is not None else []
    if not kept:
        return
    spans = tuple(span for pair in kept for span in pair.spans)
    names = listed([pair.shown for pair in kept])
    condition = f"{what} {limit}"
    if match.question.operation is Operation.COUNT:
        statement = f"{len(kept)} of {len(pairs)} with {condition}: {names}."
        yield Calculation(Operation.COUNT, statement, float(len(kept)), "", spans, fit)
    else:
        value = "; ".join(pair.called for pair in kept)
        yield Calculation(Operation.FILTER, f"With {condition}: {names}.", value, "", spans, fit)


def _limit(match: Match, pairs: Sequence[_Pair], limit: Threshold) -> float | None:
    """Return the threshold as the cells are counted; None where they do not go together.

    Where neither table nor question says in what the cells are counted, the threshold is taken at the scale at which
    it lies among them: reports often name it in another place.
    """
    each = pairs[0].operand
    unit = match.view.unit_of(each.row, each.column)
    if (limit.unit.name == "%") is not (unit.name == "%") and limit.unit.name:
        return None
    if limit.unit.name.islower() and unit.name and limit.unit.name != unit.name:
        return None
    if unit.scale or not (limit.unit.scale or limit.unit.name):
        return limit.value * limit.unit.factor / (unit.factor if limit.unit.scale or limit.unit.name else 1.0)
    full, bare = limit.value * limit.unit.factor, limit.value
    low, high = min(pair.value for pair in pairs), max(pair.value for pair in pairs)
    return bare if limit.unit.scale and not low / 10 <= full <= high * 10 else full


def counts(match: Match) -> Iterator[Calculation]:
    """Yield how many rows fit the question's conditions, or how many different values a column has in them."""
    found = whole.counted(match)
    if found is None:
        return
    column, cells, conditions, fit = found
    spans = tuple(span for cell in cells for span in (cell.span, cell.span))
    what = " ".join([column.name or "rows", *(f"({words})" for words in conditions)])
    statement = f"{len(cells)} in the column {what}: {listed([as_written(cell) for cell in cells])}."
    yield Calculation(Operation.COUNT, statement, float(len(cells)), "", spans, fit)


def _row_pair(each: Operand, name: Cell) -> _Pair:
    if not name.is_filled:
        return _Pair(each, each.cell.span, as_written(each.cell))
    return _Pair(each, name.span, each.row.name if name.span == each.row.label else as_written(name))


def _moment_pair(each: Operand, name: str) -> _Pair:
    """Name a number by its year: the header over it, or the row's own cell."""
    over = each.column.dated if name == "/".join(map(str, each.column.years)) else each.row.dated
    return _Pair(each, over or each.cell.span, name)


def _item_pair(each: Operand, name: str) -> _Pair:
    if name == each.column.name and each.column.header is not None:
        return _Pair(each, each.column.header, name)
    return _Pair(each, each.row.label or each.cell.span, name)
