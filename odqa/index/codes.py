"""How the vectors of pooled entries are coded in memory: as few bits as the compression that was asked for allows."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_ROWS = 0.75


@dataclass(frozen=True, slots=True)
class Code:
    """A coding of vectors.

    Attributes:
        factory: its part of a FAISS index factory string.
        size: bytes of a vector.
        rotated: whether vectors are rotated at random first, so that every bit carries as much as any other.
    """

    factory: str
    size: int
    rotated: bool


def half_precision(dimension: int) -> Code:
    """Return the coding of vectors as an index stores them on disk."""
    return Code("SQfp16", 2 * dimension, rotated=False)


def choose_code(pooling: float, dimension: int) -> Code:
    """Return the most precise code by which vectors are about `pooling` times smaller; else the smallest there is.

    From half precision over scalar quantisation to four, two and one bits a dimension with RaBitQ (Gao and Long 2024,
    "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound"), which needs no codebook: what is
    added later is coded as what was there before. What a code does not save, merging neighbours does (`pool.runs`):
    up to a quarter of the entries for any code, for the smallest as many as it takes.
    """
    codes = [half_precision(dimension), Code("SQ8", dimension, rotated=False)]
    codes += [Code(f"RaBitQ{bits}", -(-bits * dimension // 8) + 20, rotated=True) for bits in (4, 2)]
    codes.append(Code("RaBitQ", -(-dimension // 8) + 8, rotated=True))
    return next((code for code in codes if _LEAST_ROWS * code.size * pooling <= 2 * dimension), codes[-1])


def rows_for(passages: int, pooling: float, dimension: int) -> int:
    """Return how many coded vectors may stand for a document of that many passages; at least one if it has any."""
    if not passages:
        return 0
    budget = passages * 2 * dimension / pooling
    return min(passages, max(1, int(budget / choose_code(pooling, dimension).size)))
