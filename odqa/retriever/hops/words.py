"""Which words of a question a passage holds, with the words of the passages looked at last kept in memory."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.lexical import LexicalIndex
    from odqa.index.rank_lexical import RankLexicalIndex
    from odqa.index.snapshot import Snapshot

KEPT = 50_000
"""Passages whose words are kept: some 400 bytes each."""


class PassageWords:
    """The analysed words of passages, as 32-bit names; safe to share between threads."""

    def __init__(self, snapshot: Snapshot, lexical: LexicalIndex | RankLexicalIndex) -> None:
        self._snapshot, self._lexical = snapshot, lexical
        self._known: OrderedDict[int, NDArray[np.uint32]] = OrderedDict()
        self._lock = threading.Lock()

    def held(self, passages: NDArray[np.int64], terms: Sequence[str]) -> NDArray[np.float64]:
        """Return which passage has which term, its context included; 1 or 0, shape (len(passages), len(terms)).

        Args:
            passages: global numbers, ascending.
            terms: distinct, as the lexical index returns them.
        """
        held = np.zeros((len(passages), len(terms)))
        if not len(passages) or not terms:
            return held
        words = self._words(passages)
        wanted = _names(terms)
        order = np.argsort(wanted)
        every = np.concatenate(words)
        column = order[np.minimum(np.searchsorted(wanted[order], every), len(terms) - 1)]
        hit = wanted[column] == every
        row = np.repeat(np.arange(len(passages)), [len(some) for some in words])
        held[row[hit], column[hit]] = 1.0
        return held

    def weights(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return the inverse document frequency of each term as a share of their sum, shape (len(terms),)."""
        idf = self._lexical.inverse_frequencies(terms)
        shares: NDArray[np.float64] = idf / max(float(idf.sum()), 1e-9)
        return shares

    def _words(self, passages: NDArray[np.int64]) -> list[NDArray[np.uint32]]:
        numbers = passages.tolist()
        with self._lock:
            found = {number: known for number in numbers if (known := self._known.get(number)) is not None}
            for number in found:
                self._known.move_to_end(number)
        new = [number for number in numbers if number not in found]
        if new:
            texts = self._snapshot.passage_inputs(np.array(new, np.int64))
            read = {number: _names(self._lexical.terms(text)) for number, text in zip(new, texts, strict=True)}
            found |= read
            with self._lock:
                self._known.update(read)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        return [found[number] for number in numbers]


def _names(terms: Sequence[str]) -> NDArray[np.uint32]:
    return np.array([zlib.crc32(term.encode("utf-8", "surrogatepass")) for term in terms], np.uint32)
