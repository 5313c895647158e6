"""Longest common subsequences, many at a time: what ROUGE-L and ROUGE-Lsum are made of.

rouge-score fills a table cell by cell, which for an answer and four references of 240 words takes half a second, and
diagnostics need thousands. Here a row of the table is one integer, whose bits say where the row grows (Crochemore et
al., 2001; Hyyrö, 2004). Results are those of rouge-score to the last digit, which tests hold it to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain


def rouge_l(reference: Sequence[str], prediction: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence of two token sequences (Lin, 2004, section 3.1)."""
    rows = _rows(reference, prediction)
    return _f1(rows[-1].bit_count(), len(reference), len(prediction))


def rouge_lsum(reference: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> float:
    """Return the F1 of the union of subsequences, sentence by sentence (Lin, 2004, section 3.2).

    As in ROUGE-1.5.5 and rouge-score, a token counts no more often than both texts have it.

    Args:
        reference: tokens of each sentence.
        prediction: tokens of each sentence.
    """
    wanted, given = (Counter(chain.from_iterable(text)) for text in (reference, prediction))
    left = wanted & given
    hits = 0
    for sentence in reference:
        union = set().union(*(_matched(sentence, other) for other in prediction))
        for place in union:
            token = sentence[place]
            if left[token] > 0:
                left[token] -= 1
                hits += 1
    return _f1(hits, wanted.total(), given.total())


def _f1(shared: int, wanted: int, given: int) -> float:
    if not shared:
        return 0.0
    precision, recall = shared / given, shared / wanted
    return 2 * precision * recall / (precision + recall)


def _rows(reference: Sequence[str], prediction: Sequence[str]) -> list[int]:
    """Return the rows of the table: bit j of row i is set where its cell j + 1 holds one more than its cell j."""
    places: dict[str, int] = {}
    for place, token in enumerate(prediction):
        places[token] = places.get(token, 0) | 1 << place
    full = (1 << len(prediction)) - 1
    flat = full  # The complement of a row: set where it does not grow.
    rows = [0]
    for token in reference:
        met = flat & places.get(token, 0)
        flat = ((flat + met) | (flat - met)) & full
        rows.append(full ^ flat)
    return rows


def _matched(reference: Sequence[str], prediction: Sequence[str]) -> set[int]:
    """Return the places in the reference of one longest common subsequence: of several, the one rouge-score takes."""
    rows = _rows(reference, prediction)
    found: set[int] = set()
    row, column = len(reference), len(prediction)
    while row and column:
        if reference[row - 1] == prediction[column - 1]:
            found.add(row - 1)
            row, column = row - 1, column - 1
        # The lengths in the cells to the left and above.
        elif (rows[row] & ((1 << column - 1) - 1)).bit_count() > (rows[row - 1] & ((1 << column) - 1)).bit_count():
            column -= 1
        else:
            row -= 1
    return found
