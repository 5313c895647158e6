"""The operations themselves: from the values of cells, in order, to a number and the places it is written with."""

from __future__ import annotations

from collections.abc import Sequence

from odqa.retriever.tables.patterns import Operation

_ONE_NUMBER = {Operation.SUM, Operation.MEAN, Operation.DIFFERENCE, Operation.CHANGE, Operation.RATIO}


def is_arithmetic(operation: Operation) -> bool:
    """Tell whether an operation makes a new number out of those of its cells."""
    return operation in _ONE_NUMBER


def compute(operation: Operation, values: Sequence[float], *, percent: bool = False) -> float | None:
    """Return the result of an operation on numbers, or None where there is none: a division by zero.

    Args:
        operation: SUM, MEAN; or DIFFERENCE (first less second), CHANGE (from the second to the first, in percent of
            the second), RATIO (first by second) of exactly two.
        values: at least one; two for those.
        percent: a ratio is wanted in percent.
    """
    if operation is Operation.SUM:
        return _exact(sum(values))
    if operation is Operation.MEAN:
        return _exact(sum(values) / len(values)) if values else None
    if len(values) != 2:
        return None
    first, second = values
    if operation is Operation.DIFFERENCE:
        return _exact(first - second)
    if second == 0:
        return None
    if operation is Operation.CHANGE:
        return _exact(100 * (first - second) / second)
    return _exact(100 * first / second if percent else first / second)


def places(operation: Operation, value: float, written: Sequence[int]) -> int:
    """Return the decimal places to show a result with: those of the cells, two more for means and quotients.

    Args:
        operation: that gave the result.
        value: the result.
        written: decimal places of the cells.
    """
    most = max(written, default=0)
    if operation in (Operation.SUM, Operation.DIFFERENCE):
        return most
    fewest, last = (most, most + 2) if operation is Operation.MEAN else (0, 2)
    return next((n for n in range(fewest, last) if abs(value - round(value, n)) < 1e-9), last)


def _exact(value: float) -> float:
    """Drop the digits that only binary fractions have: 44.1 − 56.7 is −12.6."""
    return float(f"{value:.12g}")
