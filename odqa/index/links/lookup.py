"""Look up every run of words of a text in the names of a collection's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from odqa.index.links.columns import Columns
from odqa.index.links.mentions import inside, longest, quality
from odqa.index.links.words import find_keys, grams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.links.dictionary import Dictionary

    Numbers = NDArray[np.int64]


def look_up(
    name: NDArray[np.uint64], flags: NDArray[np.uint8], dictionary: Dictionary, *, lowered: bool = False
) -> tuple[Numbers, Numbers, Numbers, NDArray[np.float32]]:
    """Return the mentions of names in a run of words: first word, number of words, place in the dictionary, quality.

    Args:
        name: names of the words; uint64 (words,).
        flags: of the words; uint8 (words,).
        dictionary: of names.
        lowered: the text does without capitals.
    """
    found = Columns()
    for length, at, keys in grams(name, flags, dictionary.prefixes):
        may = dictionary.filter.may_hold(keys)
        at, keys = at[may], keys[may]
        rows, place = find_keys(dictionary.key, keys)
        if not len(rows):
            continue
        at = at[rows]
        weight = quality(flags, at, length, dictionary.known[place], lowered=lowered)
        keep = weight > 0
        found.add(at=at[keep], size=np.full(int(keep.sum()), length), place=place[keep], weight=weight[keep])
    made = found.joined(at=np.int64, size=np.int64, place=np.int64, weight=np.float32)
    keep = longest(len(name), made["at"], made["size"])
    at, size, place, weight = (made[column][keep] for column in ("at", "size", "place", "weight"))
    return at, size, place, weight * inside(flags, at, size)
