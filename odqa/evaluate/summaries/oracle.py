"""The best that whole sentences can do: an extract chosen with the human summary in view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.text import stems, word_count

if TYPE_CHECKING:
    from numpy.typing import NDArray


Gram = tuple[str, ...]


def oracle(sentences: Sequence[str], references: Sequence[str], words: int) -> list[int]:
    """Return the positions of sentences that a greedy search finds to have the most ROUGE, the best first.

    At each step the sentence that adds most to ROUGE-1 + ROUGE-2 (F1) is taken, among those that still fit, until
    none adds anything (Nallapati et al. 2017, "SummaRuNNer", §3; the sum of both as in Liu and Lapata 2019). Pairs of
    words are counted inside sentences. It is a ceiling for extracts of this length, though not quite the highest:
    greed is no exhaustive search.

    Args:
        sentences: to choose from.
        references: of several, the search is made for each, and the one that gets furthest counts.
        words: most words.

    Raises:
        UsageError: rouge-score is not installed.
    """
    costs = np.array([word_count(sentence) for sentence in sentences], np.int64)
    stemmed = [stems(sentence) for sentence in sentences]
    found = [_greedy(stemmed, stems(reference), costs, words) for reference in references]
    return max(found, key=lambda pair: pair[0], default=(0.0, []))[1]


def _greedy(
    sentences: Sequence[tuple[str, ...]], reference: tuple[str, ...], costs: NDArray[np.int64], words: int
) -> tuple[float, list[int]]:
    """Return the score reached and the sentences chosen."""
    sides = [_Overlap(sentences, reference, size) for size in (1, 2)]
    chosen: list[int] = []
    best, left = 0.0, words
    free = np.ones(len(sentences), np.bool_)
    while True:
        scores = np.where(free & (costs <= left), sum(side.f1_with_each() for side in sides), -1.0)
        place = int(np.argmax(scores)) if len(scores) else -1
        if place < 0 or scores[place] <= best:
            return best, chosen
        best = float(scores[place])
        chosen.append(place)
        free[place] = False
        left -= int(costs[place])
        for side in sides:
            side.add(place)


class _Overlap:
    """The n-grams that an extract shares with a reference, as it grows."""

    def __init__(self, sentences: Sequence[tuple[str, ...]], reference: tuple[str, ...], size: int) -> None:
        wanted = Counter(_grams(reference, size))
        columns = {gram: number for number, gram in enumerate(wanted)}
        self._wanted = np.fromiter(wanted.values(), np.float64, len(wanted))
        self._counts = np.zeros((len(sentences), len(wanted)))
        self._lengths = np.zeros(len(sentences))
        for row, sentence in enumerate(sentences):
            grams = _grams(sentence, size)
            self._lengths[row] = len(grams)
            for gram in grams:
                if gram in columns:
                    self._counts[row, columns[gram]] += 1
        self._held = np.zeros(len(wanted))
        self._length = 0.0

    def f1_with_each(self) -> NDArray[np.float64]:
        """Return the F1 of the extract with each sentence added; shape (sentences,)."""
        shared = np.minimum(self._held + self._counts, self._wanted).sum(axis=1)
        total = self._length + self._lengths + self._wanted.sum()
        scores: NDArray[np.float64] = np.divide(2 * shared, total, out=np.zeros_like(shared), where=total > 0)
        return scores

    def add(self, row: int) -> None:
        """Put a sentence into the extract."""
        self._held += self._counts[row]
        self._length += float(self._lengths[row])


def _grams(tokens: Sequence[str], size: int) -> list[Gram]:
    return list(zip(*(tokens[start:] for start in range(size)), strict=False))
