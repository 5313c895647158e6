"""Which runs of words are a mention of a name, by how they are written, and which of them win where they overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from odqa.index.links.names import runs
from odqa.index.links.words import BREAK, CAPITAL, CASELESS, FUNCTION, LONGEST, NUMBER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.uint8]
    Numbers = NDArray[np.int64]

PROPER, RARE, ONE, SEVERAL = (np.uint8(1 << bit) for bit in range(4))
"""What is known of a name in a collection: its only word of content is nearly always capitalised (`PROPER`), or
rare (`RARE`); it has one word of content, or several."""

_LOWER, _SOLE = 0.7, 0.5
_INSIDE, _INSIDE_ONE = 0.7, 0.4


def quality(flags: Flags, at: Numbers, size: int, known: Flags, *, lowered: bool = False) -> NDArray[np.float32]:
    """Return how surely runs of words are mentions of the names that they spell, 0 where they are not.

    Several words of content are enough. One must be written as a name: with a capital that is not merely that of a
    sentence's beginning, or anyhow where it is rare. Function words alone must all be capitalised.

    Args:
        flags: of the words; uint8 (words,).
        at: first word of each run; (runs,).
        size: words of every run.
        known: what is known of each run's name; uint8 (runs,).
        lowered: the text does without capitals, as questions typed in haste do.
    """
    content = (flags & (FUNCTION | NUMBER)) == 0
    cased = (flags & CAPITAL) != 0
    small = content & ~cased & ((flags & CASELESS) == 0)
    capitals, smalls = _within(cased, at, size), _within(small, at, size)
    several, one = (known & SEVERAL) != 0, (known & ONE) != 0
    proper, rare = (known & PROPER) != 0, (known & RARE) != 0
    opening = (flags[at] & BREAK) != 0
    written = (smalls == 0) & (capitals > 0)
    sure = written & ((capitals > 1) | ~opening | proper)
    found = np.where(several, np.where(smalls == 0, 1.0, _LOWER), 0.0)
    sole = np.where(sure, 1.0, np.where(rare | (proper & lowered), _SOLE, 0.0))
    found = np.where(one, sole, found)
    bare = ~several & ~one & (capitals == size) & ~opening
    return np.where(bare, _SOLE, found).astype(np.float32)


def inside(flags: Flags, at: Numbers, size: Numbers) -> NDArray[np.float32]:
    """Return what is left of mentions that are only a part of a longer capitalised run: "York" in "New York"."""
    first, count = runs(flags)
    if not len(first):
        return np.ones(len(at), np.float32)
    run = np.maximum(np.searchsorted(first, at + size - 1, side="right") - 1, 0)
    low, high = np.maximum(at, first[run]), np.minimum(at + size, first[run] + count[run])
    part = (high > low) & (high - low < count[run])
    return np.where(part, np.where(size == 1, _INSIDE_ONE, _INSIDE), 1.0).astype(np.float32)


def longest(words: int, at: Numbers, size: Numbers) -> NDArray[np.bool_]:
    """Tell which of some runs of words remain when the longest win, and the first among equally long ones.

    Args:
        words: number of words in all.
        at: first word of each run; (runs,).
        size: its words; (runs,).
    """
    taken = np.zeros(words + 1, np.int64)
    keep = np.zeros(len(at), np.bool_)
    for length in range(LONGEST, 0, -1):
        rows = np.flatnonzero(size == length)
        if not len(rows):
            continue
        rows = rows[np.argsort(at[rows], kind="stable")]
        used = np.concatenate([[0], np.cumsum(taken[:words])])
        rows = rows[used[at[rows] + length] == used[at[rows]]]
        rows = rows[_apart(at[rows], length)]
        keep[rows] = True
        taken[(at[rows][:, None] + np.arange(length)).ravel()] = 1
    return keep


def _apart(at: Numbers, length: int) -> NDArray[np.bool_]:
    """Tell which of some ascending places remain when each has to be `length` behind the one kept before it."""
    keep = np.ones(len(at), np.bool_)
    if not (np.diff(at) < length).any():
        return keep
    end = -1
    for row, place in enumerate(at.tolist()):
        if place < end:
            keep[row] = False
        else:
            end = place + length
    return keep


def _within(values: NDArray[np.bool_], at: Numbers, size: int) -> Numbers:
    total = np.concatenate([[0], np.cumsum(values)])
    found: Numbers = total[at + size] - total[at]
    return found
