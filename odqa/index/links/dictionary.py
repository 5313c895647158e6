"""The names of all documents of a collection, as sorted keys, with what its text says about how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.index.links.mentions import ONE, PROPER, RARE, SEVERAL
from odqa.index.links.words import CAPITAL, NUMBER, KeyFilter, find_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

MOST_BEARERS = 8
"""Documents that one name, or one address, may lead to; a name borne by more says too little."""
_PROPER_RATIO = 10
_RARE_SHARE = 0.002
_LEAST_WEIGHT = 0.1


class Counts:
    """How often each word of a collection is written with and without a capital."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.uint64], Numbers, Numbers]] = []
        self._vocabulary = np.zeros(0, np.uint64)
        self._small = self._capital = np.zeros(0, np.int64)
        self._passages = 0

    def add(
        self,
        vocabulary: NDArray[np.uint64],
        word: NDArray[np.uint32],
        flags: NDArray[np.uint8],
        live: NDArray[np.bool_],
    ) -> None:
        """Count the words of a segment.

        Args:
            vocabulary: names of its word forms, ascending; (forms,).
            word: place of each word in it; (words,).
            flags: of each word; (words,).
            live: which words count; (words,).
        """
        capital = live & ((flags & CAPITAL) != 0)
        small = live & ((flags & (CAPITAL | NUMBER)) == 0)
        smalls, capitals = (np.bincount(word[chosen], minlength=len(vocabulary)) for chosen in (small, capital))
        self._parts.append((vocabulary, smalls, capitals))

    def close(self, passages: int) -> None:
        """Add all up.

        Args:
            passages: of the collection.
        """
        self._passages = passages
        if self._parts:
            self._vocabulary = np.unique(np.concatenate([vocabulary for vocabulary, _, _ in self._parts]))
        self._small = np.zeros(len(self._vocabulary), np.int64)
        self._capital = np.zeros(len(self._vocabulary), np.int64)
        for vocabulary, small, capital in self._parts:
            places = np.searchsorted(self._vocabulary, vocabulary)
            self._small[places] += small
            self._capital[places] += capital
        self._parts.clear()

    def proper(self, names: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell which words are hardly ever written without a capital; bool (len(names),)."""
        small, capital = self._of(names)
        return (capital > 0) & (_PROPER_RATIO * small <= capital)

    def rare(self, names: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell which words stand, without a capital, in few passages of many; bool (len(names),)."""
        small, _ = self._of(names)
        return small <= _RARE_SHARE * self._passages

    def _of(self, names: NDArray[np.uint64]) -> tuple[Numbers, Numbers]:
        small, capital = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
        rows, place = find_keys(self._vocabulary, names)
        small[rows], capital[rows] = self._small[place], self._capital[place]
        return small, capital


@dataclass(frozen=True)
class Dictionary:
    """Names of documents.

    Attributes:
        key: 64-bit names of the names, ascending; (names,).
        prefix: of the first two words of names of several words, ascending; (prefixes,).
        known: what is known of each name, see `mentions`; (names,).
        first: where each name's bearers begin; (names + 1,).
        document: bearers; (bearers,).
        strength: how much of a link's weight the name keeps for each bearer, 0–1; (bearers,).
    """

    key: NDArray[np.uint64]
    prefix: NDArray[np.uint64]
    known: NDArray[np.uint8]
    first: Numbers
    document: Numbers
    strength: NDArray[np.float32]

    @cached_property
    def filter(self) -> KeyFilter:
        """Says which keys are certainly no name."""
        return KeyFilter(self.key)

    @cached_property
    def prefixes(self) -> KeyFilter:
        """Says which two words certainly begin no longer name."""
        return KeyFilter(self.prefix)

    def arrays(self, weights: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Return the arrays as they are stored, with final weights in the place of strengths."""
        return {
            "title_key": self.key,
            "title_prefix": self.prefix,
            "title_known": self.known,
            "title_first": self.first,
            "title_document": self.document.astype(np.int32),
            "title_weight": weights,
        }


def make_dictionary(names: dict[str, NDArray[Any]], uids: NDArray[np.uint64], counts: Counts) -> Dictionary:
    """Join the names of documents by key.

    A name that too many documents bear keeps those that bear it most properly, if they are few enough; none else.

    Args:
        names: columns document, key, prefix, anchor, words, content, strength.
        uids: 64-bit name of each document, which orders bearers whatever their numbers are.
        counts: of words.
    """
    # One word of nothing but digits is a year or a number far more often than a title.
    keep = np.flatnonzero((names["content"] > 0) | (names["words"] > 1) | (names["anchor"] != 0))
    order = keep[
        np.lexsort(
            (uids[names["document"][keep]], -names["strength"][keep], names["document"][keep], names["key"][keep])
        )
    ]
    key, document = names["key"][order], names["document"][order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (key[1:] != key[:-1]) | (document[1:] != document[:-1])
    rows = order[new]
    rows = rows[_few(names["key"][rows], names["strength"][rows])]
    rows = rows[np.lexsort((uids[names["document"][rows]], -names["strength"][rows], names["key"][rows]))]
    unique, first = np.unique(names["key"][rows], return_index=True)
    head = rows[first]
    anchor, content = names["anchor"][head], names["content"][head]
    known = np.where(content > 1, SEVERAL, np.where(content == 1, ONE, 0)).astype(np.uint8)
    known |= np.where(counts.proper(anchor), PROPER, 0).astype(np.uint8)
    known |= np.where(counts.rare(anchor), RARE, 0).astype(np.uint8)
    prefix = np.unique(names["prefix"][rows])
    return Dictionary(
        key=unique,
        prefix=prefix[prefix != 0],
        known=known,
        first=np.append(first, len(rows)).astype(np.int64),
        document=names["document"][rows],
        strength=names["strength"][rows].astype(np.float32),
    )


def _few(key: NDArray[np.uint64], strength: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which bearers remain: all of a name with few of them, else those that bear it best, if they are few."""
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)
    best = np.zeros(len(count), np.float32)
    np.maximum.at(best, place, strength)
    top = strength >= best[place]
    tops = np.bincount(place[top], minlength=len(count))
    kept: NDArray[np.bool_] = (count[place] <= MOST_BEARERS) | (top & (tops[place] <= MOST_BEARERS))
    return kept


def join_by_key(
    key: NDArray[np.uint64], document: Numbers, uids: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], Numbers, Numbers]:
    """Return unique keys, where each key's documents begin, and the documents; keys of too many are left out."""
    order = np.lexsort((uids[document], key))
    key, document = key[order], document[order]
    unique, place, count = np.unique(key, return_inverse=True, return_counts=True)
    few = count <= MOST_BEARERS
    return unique[few], np.concatenate([[0], np.cumsum(count[few])]).astype(np.int64), document[few[place]]


def rarity(seen: NDArray[Any], documents: int) -> NDArray[np.float64]:
    """Return how much a name says that occurs in so many of the documents: its scaled idf, 0.1 to 1."""
    scale = np.log(documents + 1) if documents else 1.0
    weight = np.log((documents + 1) / np.maximum(seen, 1)) / scale
    least: NDArray[np.float64] = np.maximum(weight, _LEAST_WEIGHT)
    return least
