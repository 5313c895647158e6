"""What an example of a training set is made of: named arrays and numbers, alike in every example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from odqa.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Example: TypeAlias = "Mapping[str, NDArray[Any] | float]"
"""What is written: names to arrays of one or two dimensions, or numbers."""
Arrays: TypeAlias = "dict[str, NDArray[Any]]"
"""What is read back: the same; a number comes back as an array of no dimensions."""

DTYPES = frozenset("int8 uint8 int16 uint16 int32 int64 float32 float64".split())
"""Types of which Arrow lays out the same bytes as numpy does."""


@dataclass(frozen=True, slots=True)
class Field:
    """One name of an example.

    Attributes:
        name: a Python identifier; the columns that odqa adds have names that are none.
        dtype: numpy's name of the type of its values.
        ndim: 0, 1 or 2.
    """

    name: str
    dtype: str
    ndim: int

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.dtype not in DTYPES or self.ndim not in (0, 1, 2):
            kinds = ", ".join(sorted(DTYPES))
            raise UsageError(
                f"{self.name!r}: an array of {self.dtype} with {self.ndim} dimensions cannot be kept",
                f"name it with an identifier, and give a number or an array of 1 or 2 dimensions of {kinds}",
            )


def fields_of(example: Example) -> tuple[Field, ...]:
    """Read off an example what all others must be like.

    Raises:
        UsageError: it has no fields, or one of a kind that cannot be kept.
    """
    if not example:
        raise UsageError("the first example has no fields", "give at least one named array or number")
    given = ((name, _array(name, value)) for name, value in example.items())
    return tuple(Field(name, value.dtype.name, value.ndim) for name, value in given)


def conform(example: Example, fields: Iterable[Field], number: int) -> list[NDArray[Any]]:
    """Return the arrays of an example in the order and the types of `fields`.

    Args:
        example: what is to be kept.
        fields: what the first example was made of.
        number: of the example, to name it in the error.

    Raises:
        UsageError: it has other names, other dimensions, or values that the type does not hold.
    """
    fields = tuple(fields)
    if example.keys() != {field.name for field in fields}:
        names = ", ".join(field.name for field in fields)
        raise UsageError(f"example {number} has fields {', '.join(example)}, not {names}", "give all of them the same")
    arrays = []
    for field in fields:
        value = _array(field.name, example[field.name])
        if value.ndim != field.ndim or not np.can_cast(value.dtype, field.dtype, "safe"):
            raise UsageError(
                f"example {number}: {field.name!r} is {value.dtype} of {value.ndim} dimensions, "
                f"in the first example {field.dtype} of {field.ndim}",
                "give all examples the same types",
            )
        arrays.append(np.ascontiguousarray(value, field.dtype) if field.ndim else value.astype(field.dtype))
    return arrays


def _array(name: str, value: NDArray[Any] | float) -> NDArray[Any]:
    if isinstance(value, np.ndarray | np.generic | int | float):
        try:
            return np.asarray(value, np.int64) if isinstance(value, int) else np.asarray(value)
        except OverflowError:
            raise UsageError(f"{name!r}: {value} does not fit into 64 bits") from None
    raise UsageError(f"{name!r} is a {type(value).__name__}", "give a numpy array or a number")
