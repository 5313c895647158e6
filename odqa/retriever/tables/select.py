"""Which cells a question means: one quantity over several years, several things at one time, or all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from odqa.retriever.tables.cells import CellKind
from odqa.retriever.tables.match import Item, Match, Operand, Period, is_telling, operand
from odqa.retriever.tables.measures import MEASURED_BY
from odqa.retriever.tables.table import Column, Row
from odqa.retriever.tables.terms import tokens

Axis = Literal["years", "items", "all"]

_UNNAMED_YEAR = 0.3  # What is left of a selection that a year of the question plays no part in.
_TIMES = (CellKind.YEAR, CellKind.DATE)
_RIVAL = 0.98  # A second selection this close to the best one makes both doubtful.
_DOUBT = 0.55


@dataclass(frozen=True, slots=True)
class Selection:
    """Cells for an operation.

    Attributes:
        axis: what tells the cells apart: their years, their names, or that they are all there are.
        subject: what they have in common: the name of the row, or of the column.
        operands: the cells, in the order of the question, years ascending.
        names: what tells each of them apart.
        confidence: how surely these are the cells that are meant, 0–1.
        period: the year of the cells, where it is one.
    """

    axis: Axis
    subject: str
    operands: tuple[Operand, ...]
    names: tuple[str, ...]
    confidence: float
    period: str = ""


def over_years(match: Match, wanted: Sequence[Period] | None) -> list[Selection]:
    """Return selections of one quantity at several times, the best first.

    Args:
        match: question and table.
        wanted: the times; None for all that there are.
    """
    found = [
        *_over_years(match, match.rows, match.columns, wanted),
        *_over_years(match, match.columns, match.rows, wanted),
    ]
    return _ranked(found)


def _over_years(
    match: Match, subjects: Sequence[Item], moments: Sequence[Item], wanted: Sequence[Period] | None
) -> Iterator[Selection]:
    series = [(words, line) for words, line in _series(match, moments) if wanted is None or set(wanted) <= line.keys()]
    if not series:
        return
    for subject in subjects:
        source = subject.source
        if match.asked.isdisjoint(subject.terms) or (isinstance(source, Column) and source.kind in _TIMES):
            continue
        share = match.share(subject.terms) if subject.terms and match.is_meant(subject) else 0.0
        if share == 0.0 or (subject.period and isinstance(subject.source, Column)):
            continue
        for words, line in series:
            times = sorted(line) if wanted is None else list(wanted)
            chosen = [line[time] for time in times]
            if len(chosen) < 2:
                continue
            operands = tuple(operand(subject, item) for item in chosen)
            if any(each.cell.value is None or each.cell.kind is CellKind.RANK for each in operands):
                continue
            around = {*subject.group, *(term for item in chosen for term in (*item.terms, *item.group))}
            fit = match.coverage(subject.terms, around) * (0.35 + 0.65 * share) * (0.75 + 0.25 * match.share(words))
            fit *= _fits_unit(match, operands)
            named = {year for time in times for year in time} | set(_context_years(match))
            named |= set(subject.period)
            if not set(match.question.years) <= named and wanted is not None:
                fit *= _UNNAMED_YEAR
            name = _in_series(subject, chosen) if len(series) > 1 else subject.name
            yield Selection("years", name, operands, tuple(_time(item) for item in chosen), fit)


def _series(match: Match, moments: Sequence[Item]) -> list[tuple[tuple[str, ...], dict[Period, Item]]]:
    """Group items that differ only in time, e.g. the columns 2018 and 2019 under `Domestic`.

    A second column of the same year, its share in percent mostly, makes a second series. Rows of the same year do not
    tell which one is meant, and make none.
    """
    lines: dict[tuple[frozenset[str], int], dict[Period, Item]] = {}
    doubtful: set[tuple[frozenset[str], Period]] = set()
    for item in moments:
        if not item.period:
            continue
        own = frozenset(term for term in (*item.terms, *item.group) if is_telling(term))
        if isinstance(item.source, Row):
            own &= match.asked
        place = next(n for n in count() if item.period not in lines.get((own, n), ()))
        if place and isinstance(item.source, Row):
            doubtful.add((own, item.period))
        else:
            lines.setdefault((own, place), {})[item.period] = item
    return [
        (tuple(words), {time: item for time, item in line.items() if (words, time) not in doubtful})
        for (words, _), line in lines.items()
    ]


def _in_series(subject: Item, chosen: Sequence[Item]) -> str:
    """Return the name of a quantity with what tells its years from other ones: `Passengers (Domestic)`."""
    over = [tokens(item.name) for item in chosen if isinstance(item.source, Column)]
    words = [dict.fromkeys(token.word for token in name if is_telling(token.term)) for name in over]
    shared = " ".join(word for word in words[0] if all(word in other for other in words)) if words else ""
    return f"{subject.name} ({shared})" if shared else subject.name


def _fits_unit(match: Match, operands: Sequence[Operand]) -> float:
    """Return how well the cells' unit goes with what is asked: percentages where the question says so."""
    if not all(match.view.unit_of(each.row, each.column).name == "%" for each in operands):
        return 0.9 if match.question.of_percent else 1.0
    return 1.0 if match.question.percent else 0.95


def among_items(match: Match, size: int | None) -> list[Selection]:
    """Return selections of several named rows in one column, or several named columns in one row, the best first.

    Args:
        match: question and table.
        size: how many must be named; None for two or more.
    """
    found: list[Selection] = []
    for subjects, others in ((match.rows, match.columns), (match.columns, match.rows)):
        named = match.mentions([_by_group(match, item) for item in subjects if _may_name(match, item)])
        named = _same_names(named)
        if size is not None and len(named) > size:
            named = [item for item in named if item.terms != ("total",)]  # `total notes to total lease obligations`
        if len(named) < 2 or (size is not None and len(named) != size):
            continue
        for other in others:
            if (fit := _at(match, named, other)) > 0:
                operands = tuple(operand(item, other) for item in named)
                if all(each.cell.value is not None for each in operands):
                    names = tuple(item.name for item in named)
                    found.append(Selection("items", other.name, operands, names, fit, _when(other)))
    return _ranked(found)


def _may_name(match: Match, item: Item) -> bool:
    """Columns of years are told apart by their years, save in the one year that a question names."""
    return isinstance(item.source, Row) or not item.period or match.periods == [item.period]


def _by_group(match: Match, item: Item) -> Item:
    """Name a column of a year by the header over it: `Domestic` over 2018 and 2019."""
    if isinstance(item.source, Row) or not item.period:
        return item
    return replace(item, terms=tuple(term for term in (*item.group, *item.terms) if is_telling(term)))


def _same_names(named: list[Item]) -> list[Item]:
    return list({item.terms: item for item in reversed(named)}.values())[::-1]


def _at(match: Match, named: Sequence[Item], other: Item) -> float:
    """Return how well named items fit together with the item of the other axis that they are looked up at."""
    own = {term for item in named for term in item.terms}
    around = {*other.group, *(term for item in named for term in item.group)}
    share = min(match.share(item.terms) for item in named)
    fit = match.coverage({*own, *other.terms}, around) * (0.35 + 0.65 * share)
    if all(item.period and [item.period] == match.periods for item in named):
        return fit * _by_words(match, other)  # The named columns are those of the year.
    return fit * _at_time(match, other)


def _at_time(match: Match, other: Item) -> float:
    """Return how well an item fits as the one place to look at: by its time and its words."""
    fit = _by_words(match, other)
    if match.question.years:
        allowed = set(other.period) | set(_context_years(match))
        if isinstance(other.source, Row):
            allowed |= set(other.source.years)
        fit *= 1.0 if set(match.question.years) <= allowed and (other.period or not _dated(match)) else _UNNAMED_YEAR
    return fit


def _by_words(match: Match, other: Item) -> float:
    by_adjective = not set(MEASURED_BY.get(match.question.adjective, ((), ()))[0]).isdisjoint(other.terms)
    return 1.0 if by_adjective or not other.terms else 0.7 + 0.3 * match.share(other.terms)


def _dated(match: Match) -> bool:
    return any(item.period for item in (*match.columns, *match.rows))


def one_cell(match: Match) -> list[Selection]:
    """Return single cells that the question names by row and column, the best first."""
    found = []
    rows = [item for item in match.rows if not match.asked.isdisjoint(item.terms) or item.period]
    for row in rows:
        for column in match.columns:
            each = operand(row, column)
            if each.cell.value is None:
                continue
            share = match.share(row.terms) if row.terms else 1.0
            fit = match.coverage({*row.terms, *column.terms}, {*row.group, *column.group}) * (0.35 + 0.65 * share)
            fit *= _at_time(match, column if column.period or not row.period else row)
            if not _is_asked(match, column, each):
                continue
            found.append(Selection("items", row.name, (each,), (column.name,), fit, _when(column)))
    return _ranked(found)


def _is_asked(match: Match, column: Item, each: Operand) -> bool:
    """Tell whether a question asks for what a column holds: by its name, its year, or with `when`."""
    if each.column.index == match.view.naming:
        return False
    if each.column.kind in _TIMES:
        return match.question.text.lower().startswith("when") or not match.asked.isdisjoint(column.terms)
    return bool(column.period) or not column.terms or not match.asked.isdisjoint(column.terms)


def _ranked(found: Sequence[Selection]) -> list[Selection]:
    """Put selections in order; where the best ones are as good as each other and differ in value, trust them less."""
    ranked = sorted(found, key=lambda selection: -selection.confidence)
    if len(ranked) < 2:
        return ranked
    first = ranked[0]
    values = [each.cell.value for each in first.operands]
    rival = next((s for s in ranked[1:] if [each.cell.value for each in s.operands] != values), None)
    if rival is None or rival.confidence < _RIVAL * first.confidence:
        return ranked
    doubted = [
        replace(s, confidence=_DOUBT * s.confidence) for s in ranked if s.confidence >= _RIVAL * first.confidence
    ]
    return doubted + ranked[len(doubted) :]


def _context_years(match: Match) -> set[int]:
    return {int(term) for term in match.view.context if term.isdecimal() and len(term) == 4}


def _time(item: Item) -> str:
    return "/".join(map(str, item.period))


def _when(item: Item) -> str:
    return _time(item) if isinstance(item.source, Column) else ""
