"""Which documents a condition such as `year >= 2019` takes in; what can be written is told in `conditions`."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import UsageError
from odqa.retriever.conditions import And, Condition, Not, Or, Test, Where, parse_where
from odqa.retriever.fields import METADATA, Column, Fields, fields_of, fold, normal_name, parse_date, parse_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.snapshot import Snapshot

__all__ = ["Where", "matching", "parse_where"]

_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def matching(snapshot: Snapshot, where: Where) -> NDArray[np.int64]:
    """Return the numbers of the live documents for which a condition holds, ascending.

    The columns that it asks for are read once for each snapshot; no document is opened.

    Raises:
        UsageError: it names a field that no document has, or compares a date or a year with something else.
    """
    fields = fields_of(snapshot)
    return np.flatnonzero(_evaluate(where.condition, fields) & snapshot.live)


def _evaluate(condition: Condition, fields: Fields) -> NDArray[np.bool_]:
    """Return for which documents a condition holds; shape (documents,)."""
    match condition:
        case Not(inner):
            return ~_evaluate(inner, fields)
        case And(parts):
            return reduce(operator.and_, (_evaluate(part, fields) for part in parts))
        case Or(parts):
            return reduce(operator.or_, (_evaluate(part, fields) for part in parts))
        case Test():
            return _passes(condition, fields)


def _passes(test: Test, fields: Fields) -> NDArray[np.bool_]:
    column = fields.column(test.field)
    if column is None:
        raise _unknown(test, fields)
    known, passed = np.zeros((2, fields.documents), np.bool_)
    known[column.rows] = True
    if test.operator == "missing":
        return known if test.negated else ~known
    for value in test.values:
        passed[column.rows[_fits(test, value, column)]] = True
    return known & ~passed if test.negated else passed


def _fits(test: Test, value: str, column: Column) -> NDArray[np.bool_]:
    """Return which values of a column one comparison holds for; shape (values,)."""
    wanted = fold(value)
    if test.operator == "~":
        return np.array([wanted in text for text in column.folded], np.bool_)
    if test.operator == "has":
        return np.array([wanted == text or wanted in _listed(text) for text in column.folded], np.bool_)
    number, days = parse_number(value), parse_date(value)
    name = normal_name(test.field)
    if name == "date":
        if days is None:
            raise _mistyped(test, value, "date", "write YYYY, YYYY-MM or YYYY-MM-DD")
        return _compare_days(test.operator, column, days)
    if name == "year" and number is None:
        raise _mistyped(test, value, "year", "e.g. year >= 2019; dates compare with the field `date`")
    compare = _ORDER[test.operator]
    passed = np.zeros(len(column.values), np.bool_)
    if test.operator == "=" or (number is None and days is None):
        passed |= np.array([compare(text, wanted) for text in column.folded], np.bool_)
    if number is not None:
        passed |= compare(column.numbers, number)  # NaN compares false.
    if days is not None:
        passed |= np.isnan(column.numbers) & _compare_days(test.operator, column, days)
    return passed


def _listed(text: str) -> Iterator[str]:
    """Yield the items of a list that is written as one text, as in `tags: budget, roads`."""
    return (item.strip() for item in re.split("[,;]", text))


def _compare_days(sign: str, column: Column, days: tuple[int, int]) -> NDArray[np.bool_]:
    """Compare dates for certain: true only where it holds for every day that a value may mean."""
    first, end = column.intervals.T
    holds = {
        "=": (first >= days[0]) & (end <= days[1]),
        "<": end <= days[0],
        "<=": end <= days[1],
        ">": first >= days[1],
        ">=": first >= days[0],
    }[sign]
    passed: NDArray[np.bool_] = holds & (end > 0)
    return passed


def _unknown(test: Test, fields: Fields) -> UsageError:
    name = normal_name(test.field).removeprefix(METADATA)
    close = difflib.get_close_matches(name, fields.names, n=3)
    known = ", ".join(fields.names[:20]) + (" …" if len(fields.names) > 20 else "")
    remedy = f"did you mean {' or '.join(close)}?" if close else f"fields here: {known}"
    return UsageError(f"where: no document has a field {test.field!r}, at column {test.column}", remedy)


def _mistyped(test: Test, value: str, what: str, remedy: str) -> UsageError:
    return UsageError(f"where: {value!r} is no {what}, at column {test.column}", remedy)
