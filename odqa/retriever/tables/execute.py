"""Run what a question asks of a table and say it in a sentence, with the cells as evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from odqa.retriever.tables import whole
from odqa.retriever.tables.arithmetic import compute, is_arithmetic, places
from odqa.retriever.tables.cells import CellKind, Unit
from odqa.retriever.tables.match import Match, Operand, Period
from odqa.retriever.tables.patterns import Operation
from odqa.retriever.tables.ranking import compared, counts, extremes, filtered, superlative_over_rows
from odqa.retriever.tables.select import Selection, among_items, one_cell, over_years
from odqa.retriever.tables.statement import as_written, decimals, joined, listed, quantity, shown, with_unit
from odqa.schema import Calculation

_IMPLIED = 0.85  # What it counts that the question leaves the years of a change to the table.
_LISTED = 0.8
_READ = 0.9  # A cell that was only looked up says less than the row that it stands in.
_OPPOSED = 0.55  # Costs in brackets beside income without: whether the sign is meant, no table says.
_TWO = 2


_RATE = re.compile(
    r"\bper\b|%|\b(?:average|avg|mean|rates?|ratio)\b", re.IGNORECASE
)  # What sums and means say nothing of.


def run(match: Match) -> Iterator[Calculation]:
    """Yield what the question's operation gives on the table; several where it can be read in several ways."""
    operation = match.question.operation
    if operation in (Operation.DIFFERENCE, Operation.CHANGE):
        yield from _changes(match)
    elif operation is Operation.RATIO:
        yield from _ratios(match)
    elif operation in (Operation.MEAN, Operation.SUM):
        yield from _aggregates(match)
    elif operation in (Operation.MAXIMUM, Operation.MINIMUM):
        yield from _superlatives(match)
    elif operation is Operation.COMPARE:
        selections = [*among_items(match, _TWO), *over_years(match, _pair(match))]
        yield from compared(match, selections)
    elif operation in (Operation.COUNT, Operation.FILTER) and match.question.threshold is not None:
        yield from filtered(match)
    elif operation is Operation.COUNT:
        yield from counts(match)
        yield from _lookups(match)
    else:
        yield from _lookups(match)


def _pair(match: Match) -> list[Period] | None:
    """Return the two times that a change lies between, or None for the only two that there are."""
    named = sorted(set(match.periods))
    if len(named) == _TWO:
        return named
    if len(named) == 1:
        known = sorted({item.period for item in (*match.columns, *match.rows) if item.period})
        before = [time for time in known if len(time) == len(named[0]) and time < named[0]]
        return [before[-1], named[0]] if before else [named[0]]
    return None


def _changes(match: Match) -> Iterator[Calculation]:
    operation = match.question.operation
    for selection in among_items(match, _TWO)[:2] if not match.question.others else []:
        unit = _common_unit(match, selection.operands)
        if operation is Operation.CHANGE and unit is not None and unit.name == "%":
            continue  # The percentage by which percentages differ is not what anyone asks for.
        yield from _result(match, operation, _unsigned(match, selection))
    pair = _pair(match)
    if len(match.periods) > _TWO or (pair is not None and len(pair) < _TWO):
        return
    implied = len(match.periods) < _TWO and not match.question.every_year
    for selection in over_years(match, pair)[:2]:
        if len(selection.operands) == _TWO:
            yield from _result(match, operation, _unsigned(match, _reversed(selection)), _IMPLIED if implied else 1.0)


def _unsigned(match: Match, selection: Selection) -> Selection:
    """Put the larger number first where the question asks for a difference: that has no direction, as a change has."""
    first, second = (each.cell.value or 0.0 for each in selection.operands)
    return _reversed(selection) if "differ" in match.question.trigger and first < second else selection


def _reversed(selection: Selection) -> Selection:
    """Put the later of two times first: a change is what it has now, less what it had."""
    return replace(selection, operands=selection.operands[::-1], names=selection.names[::-1])


def _ratios(match: Match) -> Iterator[Calculation]:
    text = match.question.text
    listed_only = " and " in text and "between" not in text  # `A and B over C` has two numerators.
    for selection in among_items(match, _TWO)[:2]:
        if (unit := _common_unit(match, selection.operands)) is None or unit.name == "%":
            continue  # Shares of one whole are not divided by each other.
        turned = _reversed(selection) if match.question.reversed else selection
        yield from _result(match, Operation.RATIO, turned, _LISTED if listed_only else 1.0)
    if len(match.periods) == _TWO:
        for selection in over_years(match, match.periods)[:2]:
            yield from _result(match, Operation.RATIO, selection)


def _aggregates(match: Match) -> Iterator[Calculation]:
    question = match.question
    for selection in among_items(match, None)[:2] if not question.others else []:
        if not any(each.row.total or "total" in each.column.terms for each in selection.operands):
            yield from _result(match, question.operation, selection)
    if (
        len(match.periods) >= _TWO
        or question.every_year
        or (not match.periods and question.operation is Operation.MEAN)
    ):
        wanted = None if question.every_year or not match.periods else _expanded(match)
        for selection in over_years(match, wanted)[:2]:
            yield from _result(match, question.operation, selection, 1.0 if match.periods else _IMPLIED)
    elif question.operation is Operation.SUM:
        yield from _lookups(match)
    if len(match.periods) < _TWO and not question.others:
        for scope in whole.scopes(match)[:1]:
            yield from _over_rows(match, scope)


def _expanded(match: Match) -> list[Period]:
    """Return the times asked about, with those between the ends of a range."""
    named = sorted(set(match.periods))
    if not match.question.ranged or len(named) != _TWO:
        return named
    known = {item.period for item in (*match.columns, *match.rows) if item.period}
    return sorted(time for time in known | set(named) if named[0] <= time <= named[1])


def _over_rows(match: Match, scope: whole.Scope) -> Iterator[Calculation]:
    operation, column = match.question.operation, scope.column
    if len(scope.operands) < _TWO or column.kind is not CellKind.NUMBER or not match.share(column.terms or ("",)) > 0.5:
        return  # All rows of a year of a balance sheet are nothing to add up.
    words = [token.term for token in match.question.tokens]
    if _RATE.search(column.name) or ("total" in column.terms and words.count("total") == 1):
        return
    if operation is Operation.SUM and scope.total is not None:
        selection = Selection(
            "items", scope.total.name, (Operand(scope.total, column),), (column.name,), scope.confidence
        )
        yield from _cell_of(match, selection)
        return
    names = tuple(as_written(name) for name in scope.names)
    subject = " ".join([column.name, *(f"({words})" for words in scope.conditions)])
    selection = Selection("all", subject, scope.operands, names, scope.confidence)
    yield from _result(match, operation, selection)


def _superlatives(match: Match) -> Iterator[Calculation]:
    if match.question.yearly:
        for selection in over_years(match, match.periods if len(match.periods) > 1 else None)[:2]:
            yield from extremes(match, selection)
        return
    yield from superlative_over_rows(match)


def _lookups(match: Match) -> Iterator[Calculation]:
    if len(match.periods) <= 1:
        for selection in one_cell(match)[:1]:
            yield from _cell_of(match, selection)


def _cell_of(match: Match, selection: Selection) -> Iterator[Calculation]:
    each = selection.operands[0]
    if each.cell.value is None:
        return
    unit = match.view.unit_of(each.row, each.column)
    place = f"{selection.subject} ({selection.names[0]})" if selection.names[0] else selection.subject
    yield Calculation(
        Operation.LOOKUP,
        f"{place}: {quantity(each.cell, unit)}.",
        each.cell.value,
        str(unit),
        (each.cell.span,),
        _READ * selection.confidence,
    )


def _result(match: Match, operation: Operation, selection: Selection, trust: float = 1.0) -> Iterator[Calculation]:
    """Yield the result of arithmetic on the cells of a selection, if they can be reckoned with each other."""
    unit = _common_unit(match, selection.operands)
    if unit is None or not is_arithmetic(operation):
        return
    if any(each.cell.kind is not CellKind.NUMBER and not _is_plain(each) for each in selection.operands):
        return
    cells = [each.cell for each in selection.operands]
    percent = operation is Operation.CHANGE or (operation is Operation.RATIO and match.question.percent)
    values = [cell.value for cell in cells if cell.value is not None]
    value = compute(operation, values, percent=percent)
    if value is None or (len(cells) < _TWO):
        return
    if len(values) == _TWO and values[0] * values[1] < 0:
        if operation is Operation.CHANGE:
            trust *= _IMPLIED  # Of a number that changes sign the percentage says little.
        elif selection.axis == "items" and operation in (Operation.DIFFERENCE, Operation.RATIO):
            trust *= _OPPOSED
    own = Unit("%") if percent else Unit() if operation is Operation.RATIO else unit
    if operation is Operation.DIFFERENCE and unit.name == "%":
        own = Unit("percentage points")
    number = with_unit(shown(value, places(operation, value, [decimals(cell.text) for cell in cells])), own)
    yield Calculation(
        operation,
        _sentence(operation, selection, number, [as_written(cell) for cell in cells]),
        value,
        str(own),
        tuple(cell.span for cell in cells),
        selection.confidence * trust,
    )


def _is_plain(each: Operand) -> bool:
    """Tell whether a cell that looks like a year is a number all the same, as its column says."""
    return each.cell.kind is CellKind.YEAR and each.column.kind is CellKind.NUMBER


def _common_unit(match: Match, operands: Sequence[Operand]) -> Unit | None:
    """Return the unit that cells share; None where they are counted in different ones."""
    units = [match.view.unit_of(each.row, each.column) for each in operands]
    names = {unit.name for unit in units if unit.name}
    scales = {unit.scale for unit in units}
    if len(names) > 1 or len(scales) > 1 or ("%" in names and not all(unit.name for unit in units)):
        return None
    return Unit(next(iter(names), ""), units[0].scale if units else "")


def _sentence(operation: Operation, selection: Selection, number: str, written: Sequence[str]) -> str:
    names, subject = selection.names, selection.subject
    where = f" ({' '.join(filter(None, [subject]))})" if subject and selection.axis == "items" else ""
    if operation in (Operation.SUM, Operation.MEAN):
        word = "total" if operation is Operation.SUM else "average"
        if selection.axis == "all":
            return f"The {word} of {subject} over {len(written)} rows is {number} ({listed(written)})."
        return f"The {word} of {_what(selection)} is {number} ({listed(written)})."
    first, second = names[0], names[1]
    if operation is Operation.RATIO:
        parts = f"{written[0]} of {written[1]}" if "%" in number else f"{written[0]} to {written[1]}"
        kind = f"is {number} of" if "%" in number else "to"
        tail = "" if "%" in number else f" is {number}"
        of = f"{subject} in " if selection.axis == "years" else ""
        start = "" if "%" in number else "The ratio of "
        return (
            f"{start}{of}{first} {kind} that of {second}{tail} ({parts})."
            if of
            else (f"{start}{first} {kind} {second}{tail}{where} ({parts}).")
        )
    if selection.axis == "years" and operation is Operation.DIFFERENCE and int(first[:4]) < int(second[:4]):
        return (
            f"The difference in {subject} between {first} and {second} is {number} ({written[0]} against {written[1]})."
        )
    if selection.axis == "years":
        return f"The change in {subject} from {second} to {first} is {number} ({written[0]} against {written[1]})."
    word = "difference" if operation is Operation.DIFFERENCE else "change in percent"
    return f"The {word} between {first} and {second}{where} is {number} ({written[0]} against {written[1]})."


def _what(selection: Selection) -> str:
    if selection.axis == "years":
        return f"{selection.subject} over {joined(selection.names)}"
    return f"{joined(selection.names)}" + (f" ({selection.subject})" if selection.subject else "")
