"""All rows of a column, or those that fit the question's conditions: for superlatives, counts, sums and means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from odqa.retriever.tables.cells import Cell, CellKind
from odqa.retriever.tables.match import Match, Operand
from odqa.retriever.tables.measures import MEASURED_BY
from odqa.retriever.tables.patterns import Operation
from odqa.retriever.tables.table import Column, Row
from odqa.retriever.tables.terms import terms

_FALLS = frozenset({"slowest"})  # The adjective that wants the small values of what it measures by, and is no minimum.
_IN_TIME = frozenset({"earliest", "latest", "newest"})
_ADJECTIVE = 0.85  # What it counts that only the adjective names the column.
_MOST_MISSING = 0.3


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that an operation over a column runs over.

    Attributes:
        column: the column that it reads.
        answers: the column that names the rows to a person who asks.
        operands: the cells with a value, one a row, totals left out.
        names: the cell of `answers` in the same rows.
        conditions: the cells' words that the rows were chosen by, e.g. `("Romania",)`.
        inverted: the largest value is the least of what the adjective means.
        confidence: how surely this is what the question is about, 0–1.
        total: the row that sums these rows up, where the table has it.
    """

    column: Column
    answers: Column
    operands: tuple[Operand, ...]
    names: tuple[Cell, ...]
    conditions: tuple[str, ...]
    inverted: bool
    confidence: float
    total: Row | None = None


def scopes(match: Match) -> list[Scope]:
    """Return the columns that the question may mean, with the rows that it is about, the best first."""
    chosen = _Chosen.of(match)
    found = [
        scope for column, fit, inverted in _measures(match) if (scope := _scope(match, chosen, column, fit, inverted))
    ]
    return sorted(found, key=lambda scope: -scope.confidence)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The rows that fit the question's conditions, and the words that say so."""

    rows: tuple[Row, ...]
    conditions: tuple[str, ...]
    terms: frozenset[str]
    timed: bool

    @classmethod
    def of(cls, match: Match) -> _Chosen:
        rows = [row for row in match.view.rows if not row.total]
        conditions: list[str] = []
        words: set[str] = set()
        for column in match.view.columns:
            if column.kind is not CellKind.TEXT:
                continue
            hits = {row.cells[column.index].text for row in rows if match.has_value(row.cells[column.index])}
            hits = {text for text in hits if not any(text != other and text in other for other in hits)}
            new = {term for text in hits for term in terms(text)} - words
            if not hits or not new - set(column.terms):
                continue
            rows = [row for row in rows if row.cells[column.index].text in hits]
            conditions.extend(sorted(hits))
            words |= new
        rows, group = _of_group(match, rows)
        when = set(match.question.years)
        dated = [row for row in rows if when & set(row.years)] if len(when) == 1 else []
        return cls(tuple(dated or rows), tuple(conditions), frozenset(words | group), bool(dated))


def _of_group(match: Match, rows: list[Row]) -> tuple[list[Row], set[str]]:
    """Keep the rows under the group label that the question names, where it names one wholly."""
    groups = {row.group for row in rows}
    named = [group for group in groups if group and all(term in match.asked for term in group)]
    if len(named) != 1 or len(groups) == 1:
        return rows, set()
    group = named[0]
    return [row for row in rows if row.group == group], set(group)


def _measures(match: Match) -> Iterator[tuple[Column, float, bool]]:
    """Yield the columns of quantities that the question names, by words, by year or by its adjective."""
    forward, backward = MEASURED_BY.get(match.question.adjective, ((), ()))
    for column in (column for column in match.view.columns if column.is_measured):
        share = match.share(column.terms) if column.terms else 0.0
        single = len(match.question.years) == 1 and column.years == match.question.years
        timed = column.kind in (CellKind.YEAR, CellKind.DATE)
        if match.question.adjective in _IN_TIME and not timed:
            continue
        if match.question.threshold is not None and match.question.threshold.in_time:
            if timed:
                yield column, 1.0, False
            continue
        if timed and not set(match.question.asked).isdisjoint(column.terms):
            continue  # `In which year was …` wants a year; it is not measured by it.
        if share > 0.5 and not match.asked.isdisjoint(column.terms):
            inverted = bool(set(backward) & set(column.terms)) or match.question.adjective in _FALLS
            yield column, 0.5 + 0.5 * share, inverted
        elif set(forward) & set(column.terms):
            yield column, _ADJECTIVE, match.question.adjective in _FALLS
        elif set(backward) & set(column.terms):
            yield column, _ADJECTIVE, match.question.adjective not in _FALLS
        elif single and (not column.terms or share == 1.0):
            yield column, 0.9, False


def _scope(match: Match, chosen: _Chosen, column: Column, fit: float, inverted: bool) -> Scope | None:
    answers = answer_column(match, column)
    pairs = [(Operand(row, column), row.cells[answers.index]) for row in chosen.rows]
    filled = [
        (each, name) for each, name in pairs if each.cell.value is not None and each.cell.kind is not CellKind.RANK
    ]
    if not filled:
        return None
    fit *= coverage(match, column, answers, chosen.terms)
    if match.question.years and not chosen.timed:
        context = {int(term) for term in match.view.context if term.isdecimal()} | set(column.years)
        fit *= 1.0 if set(match.question.years) <= context else 0.3
    if len(pairs) - len(filled) > _MOST_MISSING * len(pairs):
        fit *= 0.7
    sums = [row for row in match.view.rows if row.total and row.cells[column.index].value is not None]
    whole = len(filled) == sum(not row.total for row in match.view.rows)
    return Scope(
        column=column,
        answers=answers,
        operands=tuple(each for each, _ in filled),
        names=tuple(name for _, name in filled),
        conditions=chosen.conditions,
        inverted=inverted,
        confidence=fit,
        total=sums[-1] if whole and len(sums) == 1 else None,
    )


def coverage(match: Match, column: Column, answers: Column, more: frozenset[str]) -> float:
    """Return the share of the question that a column, the rows' names and the conditions account for."""
    heads = match.view.columns[match.view.naming].terms
    forward, backward = MEASURED_BY.get(match.question.adjective, ((), ()))
    return match.coverage({*column.terms, *answers.terms, *heads, *more, *forward, *backward}, column.group)


def answer_column(match: Match, measured: Column | None) -> Column:
    """Return the column of what the question asks for: `which country` wants the country, not the athlete."""
    naming = match.view.columns[match.view.naming]
    asked = set(match.question.asked)
    if not asked or asked & set(naming.terms):
        return naming
    others = [
        c for c in match.view.columns if c is not measured and asked & set(c.terms) and c.kind is not CellKind.NUMBER
    ]
    return others[0] if others else naming


def counted(match: Match) -> tuple[Column, tuple[Cell, ...], tuple[str, ...], float] | None:
    """Return what a question counts without a threshold: rows that fit conditions, or different values of a column.

    Returns:
        The column counted, its cells, the conditions, and how surely they are meant; None where the table has no
        column of what is counted, or where that is a quantity, which is to be read and not counted.
    """
    asked = match.question.asked
    if match.question.operation is not Operation.COUNT or not asked:
        return None
    head = asked[-1]
    if any(
        column.is_measured and column.kind is not CellKind.YEAR and head in column.terms
        for column in match.view.columns
    ):
        return None
    chosen = _Chosen.of(match)
    naming = match.view.columns[match.view.naming]
    columns = [column for column in match.view.columns if head in column.terms]
    if not columns and not (head == "time" and chosen.conditions):
        return None
    column = columns[0] if columns else naming
    first: dict[str, Cell] = {}
    for row in chosen.rows:
        cell = row.cells[column.index]
        if cell.is_filled:
            first.setdefault(f"{row.name}/{id(row)}" if not columns else cell.text.casefold(), cell)
    if not first:
        return None
    fit = match.coverage({*column.terms, *naming.terms, *chosen.terms, head}) * (0.9 if chosen.conditions else 0.7)
    if match.question.years and not chosen.timed:
        fit *= 1.0 if {str(year) for year in match.question.years} <= match.view.context else 0.3
    return column, tuple(first.values()), chosen.conditions, fit


def names_of(cells: Sequence[Cell]) -> str:
    """Return what cells say, as a list in a sentence."""
    return "; ".join(" ".join(cell.text.split()) for cell in cells)
