"""Results as sentences: computed numbers as tables write numbers, cells as they stand."""

from __future__ import annotations

from collections.abc import Sequence

from odqa.retriever.tables.cells import CURRENCY_SIGNS, Cell, CellKind, Unit

MOST_LISTED = 12
"""Cells that a sentence names one by one; of more, the first ones and an ellipsis."""


def decimals(text: str) -> int:
    """Return how many decimal places the number in a cell is written with."""
    digits = text.rpartition(".")[2] if "." in text else ""
    return len(digits) - len(digits.lstrip("0123456789"))


def shown(value: float, places: int) -> str:
    """Return a number with thousands separators, rounded to `places`, a true minus before negative ones."""
    text = f"{abs(value):,.{places}f}"
    return f"−{text}" if value < 0 and text.strip("0.,") else text


def with_unit(number: str, unit: Unit | str) -> str:
    """Return a number with its unit where people look for it: `$12.5 million`, `12.5 %`, `12.5 km`."""
    name, scale = (unit.name, unit.scale) if isinstance(unit, Unit) else (unit, "")
    if name and name[-1] in CURRENCY_SIGNS:
        sign = "−" if number.startswith("−") else ""
        number, name = f"{sign}{name}{number.removeprefix('−')}", ""
    return " ".join(filter(None, (number, scale, name)))


def quantity(cell: Cell, unit: Unit) -> str:
    """Return a cell as the table writes it, with what only headers and captions say of its unit."""
    text = as_written(cell)
    if cell.kind is not CellKind.NUMBER or cell.unit.scale:
        return text
    if cell.unit.name or not unit.name:
        return f"{text} {unit.scale}".strip()
    return with_unit(text, unit) if text[0].isdecimal() else f"{text} {unit}"


def as_written(cell: Cell) -> str:
    """Return a cell's characters in one line."""
    return " ".join(cell.text.split())


def listed(parts: Sequence[str]) -> str:
    """Return parts as a list in a sentence, the first ones only where there are many."""
    some = list(parts[:MOST_LISTED])
    return "; ".join(some) + ("; …" if len(parts) > len(some) else "")


def joined(names: Sequence[str]) -> str:
    """Return names as people list them: `2017, 2018 and 2019`."""
    some = list(names[:MOST_LISTED]) + (["others"] if len(names) > MOST_LISTED else [])
    return f"{', '.join(some[:-1])} and {some[-1]}" if len(some) > 1 else "".join(some)
