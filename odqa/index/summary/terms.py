"""Key terms: runs of one to three words that a text keeps coming back to.

Scored by C-value (Frantzi, Ananiadou & Mima 2000, "Automatic recognition of multi-word terms"), which counts a
term's occurrences outside longer terms, times the mean weight of its words. Terms do not begin or end with a
stop word, as in RAKE (Rose et al. 2010).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from odqa.index.summary.analysis import Floats, Integers
from odqa.index.summary.scope import Scope
from odqa.index.summary.statements import mention_statement
from odqa.schema import Span, Statement

_LONG_TEXT = 400
_MAX_CANDIDATES = 40
_PROPER_FACTOR = 0.35
_VERBAL_FACTOR = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A term with its score and the word index of each of its mentions."""

    score: float
    terms: tuple[str, ...]
    places: Integers


@dataclass(frozen=True, slots=True)
class _Grams:
    """Distinct n-grams: term ids, frequency, which one each occurrence is, and where it starts."""

    ids: Integers
    counts: Integers
    inverse: Integers
    places: Integers

    def places_of(self, rows: list[int]) -> list[Integers]:
        """Return where the n-grams of these rows start."""
        order = np.argsort(self.inverse, kind="stable")
        ends = np.cumsum(self.counts)
        return [self.places[order[ends[row] - self.counts[row] : ends[row]]] for row in rows]


def key_terms(scope: Scope, candidates: list[Candidate], limit: int) -> list[Statement]:
    """Return the best of a scope's candidate terms as statements, each resting on up to five mentions.

    Of terms that share all their words with another the better one stands for both.
    """
    top = candidates[0].score if candidates else 1.0
    statements: list[Statement] = []
    taken: list[tuple[str, ...]] = []
    for candidate in candidates:
        if len(statements) == limit:
            break
        if any(_inside(candidate.terms, other) or _inside(other, candidate.terms) for other in taken):
            continue
        taken.append(candidate.terms)
        spans = _spans(scope, candidate.places, len(candidate.terms))
        statements.append(mention_statement(scope.analysis, spans, candidate.score / top))
    return statements


def _inside(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


def rank_terms(scope: Scope) -> list[Candidate]:
    """Return the scope's candidate terms, best first."""
    analysis = scope.analysis
    low, high = int(analysis.firsts[scope.first]), int(analysis.firsts[scope.last])
    if low == high:
        return []
    ids = analysis.ids[low:high]
    content = analysis.is_topic[ids]
    beside = np.zeros(len(ids), dtype=bool)
    beside[:-1] = (analysis.starts[low + 1 : high] - analysis.ends[low : high - 1] == 1) & (
        analysis.sentence_of[low + 1 : high] == analysis.sentence_of[low : high - 1]
    )
    most = _MAX_CANDIDATES if scope.section is None else _MAX_CANDIDATES // 2
    grams = _all_grams(ids, content, beside, analysis.term_ids.get("of", -1))
    minimum = 2 if scope.words > _LONG_TEXT else 1
    found: list[Candidate] = []
    for size, (gram, scores) in enumerate(zip(grams, _c_values(grams), strict=True), start=1):
        scores = scores * analysis.term_weights[gram.ids].sum(axis=1) / size
        scores[gram.counts < (minimum if size < 3 else 2)] = 0.0
        best = [row for row in np.argsort(-scores, kind="stable")[:most].tolist() if scores[row] > 0]
        for row, places in zip(best, gram.places_of(best), strict=True):
            terms = tuple(analysis.terms[i] for i in gram.ids[row].tolist())
            found.append(Candidate(float(scores[row]) * _form_factor(scope, places + low, terms), terms, places + low))
    found.sort(key=lambda c: (-c.score, c.places[0], c.terms))
    return found


def _form_factor(scope: Scope, places: Integers, terms: tuple[str, ...]) -> float:
    """Discount what is always capitalised, for names have fields of their own, and lone participles."""
    proper = bool(scope.analysis.is_capital[places].all())
    verbal = len(terms) == 1 and terms[0].endswith(("ed", "ing"))
    return (_PROPER_FACTOR if proper else 1.0) * (_VERBAL_FACTOR if verbal else 1.0)


def _all_grams(ids: Integers, content: np.ndarray, beside: np.ndarray, of: int) -> tuple[_Grams, _Grams, _Grams]:
    single = np.flatnonzero(content)
    pair = np.flatnonzero(content[:-1] & content[1:] & beside[:-1])
    middle = content[1:-1] | (ids[1:-1] == of)
    triple = np.flatnonzero(content[:-2] & middle & content[2:] & beside[:-2] & beside[1:-1])
    return _grams(ids, single, 1), _grams(ids, pair, 2), _grams(ids, triple, 3)


def _grams(ids: Integers, places: Integers, size: int) -> _Grams:
    rows = np.stack([ids[places + i] for i in range(size)], axis=1)
    base = int(ids.max()) + 1
    key = np.zeros(len(places), dtype=np.int64)
    for column in range(size):
        key = key * base + rows[:, column]
    _, index, inverse, counts = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    return _Grams(rows[index], counts, inverse, places)


def _c_values(grams: tuple[_Grams, _Grams, _Grams]) -> list[Floats]:
    """C-value of each n-gram: `log2(1 + size)` times its frequency less its mean frequency inside longer ones."""
    values = []
    for size, gram in enumerate(grams, start=1):
        frequency = gram.counts.astype(np.float64)
        if size < len(grams):
            frequency -= _nested(gram, grams[size])
        values.append(np.log2(1 + size) * np.maximum(frequency, 0.0))
    return values


def _nested(short: _Grams, long: _Grams) -> Floats:
    """Mean frequency of the distinct longer n-grams in which each short one occurs."""
    row_at = np.full(int(short.places.max(initial=0)) + 2, -1, dtype=np.int64)
    row_at[short.places] = short.inverse
    total = np.zeros(len(short.counts))
    distinct = np.zeros(len(short.counts))
    _, first = np.unique(long.inverse, return_index=True)
    for shift in (0, 1):
        where = np.minimum(long.places[first] + shift, len(row_at) - 1)
        inner = row_at[where]
        known = inner >= 0
        np.add.at(total, inner[known], long.counts[known])
        np.add.at(distinct, inner[known], 1.0)
    return total / np.maximum(distinct, 1.0)


def _spans(scope: Scope, places: Integers, size: int) -> list[Span]:
    """Return mentions in reading order, led by one in the term's most usual spelling."""
    analysis = scope.analysis
    spans = [Span(int(analysis.starts[p]), int(analysis.ends[p + size - 1])) for p in places[:50].tolist()]
    usual = Counter(analysis.quote(span) for span in spans).most_common(1)[0][0]
    lead = next(span for span in spans if analysis.quote(span) == usual)
    return [lead, *(span for span in spans if span != lead)]
