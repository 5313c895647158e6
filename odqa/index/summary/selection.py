"""Choose sentences that together say the most in a given number of words.

The gist maximises a monotone submodular function of the family of Lin & Bilmes (2011, "A class of submodular
functions for document summarization") under a budget, by the greedy algorithm with cost scaling (Lin & Bilmes 2010,
"Multi-document summarization via budgeted maximization of submodular functions"). Coverage is taken over terms
instead of sentence pairs, which keeps it linear in the length of the text. Their reward for spreading over regions
of the text is left out: on papers, meetings and stories it bought nothing.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odqa.index.summary.analysis import Floats, Integers, sums
from odqa.index.summary.found import Found
from odqa.index.summary.rewards import Weights, rewards, weights_for
from odqa.index.summary.scope import Scope
from odqa.index.summary.shape import strip_numbering
from odqa.schema import Span

_ABSTRACT = re.compile(r"abstract", re.IGNORECASE)
_SUMMARY = re.compile(r"(?:executive |plain )?summary|synopsis|key points|highlights", re.IGNORECASE)
_LONG_SUMMARY = 3.0
"""A summary longer than that many budgets is a text of its own, whose first sentences need not tell most."""
_SMALLEST_REST = 12


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sentences to choose from.

    Attributes:
        rows: row of each (row, term, value) triple, ascending; rows count the candidates.
        terms: its term.
        values: its weight.
        rewards: how good each candidate is by itself, about 0–1.
        costs: words of each candidate.
        term_weights: what covering each term is worth.
    """

    rows: Integers
    terms: Integers
    values: Floats
    rewards: Floats
    costs: Floats
    term_weights: Floats


def greedy(candidates: Candidates, budget: float, limit: int, weights: Weights) -> list[tuple[int, float]]:
    """Return the chosen candidates with their share of the objective, in the order in which they were chosen.

    `F(S) = Σ_t w_t (Σ_{j∈S} r_j x_jt)^s + b Σ_{j∈S} r_j` with 0 < s ≤ 1: each further sentence about the same terms
    is worth less. The result is never worse than the best single sentence, which is what the bound of the 2010
    paper needs. One sentence is chosen even where the budget is too small for any.

    Args:
        candidates: what to choose from.
        budget: words.
        limit: most sentences.
        weights: s is their saturation, b their base, and their cost the exponent of a sentence's price.
    """
    count = len(candidates.costs)
    if not count or limit < 1:
        return []
    mass = candidates.values * candidates.rewards[candidates.rows]
    worth = candidates.term_weights[candidates.terms]
    ends = np.searchsorted(candidates.rows, np.arange(count + 1))
    prices = candidates.costs**weights.cost
    covered = np.zeros(len(candidates.term_weights))
    free = np.ones(count, dtype=bool)
    chosen: list[tuple[int, float]] = []
    first_gains = np.zeros(count)
    left = budget
    while len(chosen) < limit:
        before = covered[candidates.terms]
        added = worth * ((before + mass) ** weights.saturation - before**weights.saturation)
        gains = sums(candidates.rows, added, count) + weights.base * candidates.rewards
        if not chosen:
            first_gains = gains
        fits = free & (candidates.costs <= left)
        if not fits.any():
            break
        best = int(np.argmax(np.where(fits, gains / prices, -1.0)))
        if gains[best] <= 0.0 and chosen:
            break
        chosen.append((best, float(gains[best])))
        free[best] = False
        left -= float(candidates.costs[best])
        mine = slice(ends[best], ends[best + 1])
        covered[candidates.terms[mine]] += mass[mine]
    return _no_worse_than_one(chosen, first_gains, candidates.costs, budget, prices)


def _no_worse_than_one(
    chosen: list[tuple[int, float]], gains: Floats, costs: Floats, budget: float, prices: Floats
) -> list[tuple[int, float]]:
    affordable = costs <= budget
    if not affordable.any():
        best = int(np.argmax(gains / prices))
        return [(best, float(gains[best]))]
    best = int(np.argmax(np.where(affordable, gains, -1.0)))
    return [(best, float(gains[best]))] if gains[best] > sum(gain for _, gain in chosen) else chosen


def gist_budget(words: int, *, section: bool) -> int:
    """Return the words a gist may have: gently more for longer texts, never more than half of a short one.

    Args:
        words: length of the text.
        section: whether it is a section of a document.
    """
    if section:
        budget = min(max(15 + 6 * math.log2(1 + words / 50), 25), 50)
    else:
        budget = min(max(40 + 12 * math.log2(1 + words / 100), 60), 160)
    return int(min(budget, max(words / 2, 12)))


def choose_sentences(
    scope: Scope, found: Found, budget: int, limit: int, *, without: Sequence[Span] = ()
) -> list[tuple[int, float]]:
    """Return (sentence, weight) of the scope's most telling sentences, in reading order; weights 0–1.

    Where the author has written a summary of the document, such as an abstract, its sentences come first, as far
    as they fit, and the rest of the budget is filled from the rest of the text.

    Args:
        scope: the document or section.
        found: what the document mentions.
        budget: words.
        limit: most sentences.
        without: characters whose sentences are not to be chosen.
    """
    allowed = _allowed(scope, without)
    chosen = dict.fromkeys(_authors_own(scope, allowed, budget)[:limit], 1.0)
    used = np.array(list(chosen), dtype=np.int64)
    left = budget - int(scope.analysis.sizes[used + scope.first].sum()) if chosen else budget
    if not chosen or left >= _SMALLEST_REST:
        allowed[used] = False
        weights = weights_for(scope)
        pool = _pool(scope, left, weights, allowed)
        gained = greedy(_candidates(scope, found, pool, weights), left, limit - len(chosen), weights)
        if chosen:
            gained = [(row, gain) for row, gain in gained if scope.analysis.sizes[pool[row] + scope.first] <= left]
        top = max((gain for _, gain in gained), default=0.0)
        chosen |= {int(pool[row]): gain / top if top > 0 else 1.0 for row, gain in gained}
    return sorted((row + scope.first, weight) for row, weight in chosen.items())


def _allowed(scope: Scope, without: Sequence[Span]) -> NDArray[np.bool_]:
    """Whether each sentence may be chosen: it has words, nobody has ruled it out, and it is not said before."""
    analysis = scope.analysis
    allowed = analysis.lengths[scope.first : scope.last] > 0
    for span in without:
        low = bisect_left(analysis.sentences, (span.start,)) - scope.first
        high = bisect_left(analysis.sentences, (span.end,)) - scope.first
        allowed[max(low, 0) : max(high, 0)] = False
    rows = np.flatnonzero(allowed)
    _, first = np.unique(analysis.wordings[scope.first : scope.last][rows], return_index=True)
    allowed[:] = False
    allowed[rows[first]] = True
    return allowed


def _authors_own(scope: Scope, allowed: NDArray[np.bool_], budget: int) -> list[int]:
    """Rows of the first sentences of the document's abstract, as many as fit; none for a section."""
    analysis = scope.analysis
    if scope.section is not None:
        return []
    for section in analysis.parsed.sections:
        title = strip_numbering(section.title).strip(" .:")
        most = math.inf if _ABSTRACT.fullmatch(title) else _LONG_SUMMARY * budget
        if most < math.inf and not _SUMMARY.fullmatch(title):
            continue
        low = bisect_left(analysis.sentences, (section.span.start,))
        rows = np.arange(low, bisect_left(analysis.sentences, (section.span.end,)))
        rows = rows[allowed[rows] & (analysis.tiers[rows] < 3)]
        if not 0 < analysis.sizes[rows].sum() <= most:
            continue
        kept, left = [], budget
        for row in rows.tolist():
            if analysis.sizes[row] <= left:
                kept.append(row)
                left -= int(analysis.sizes[row])
        return kept
    return []


def _pool(scope: Scope, budget: int, weights: Weights, allowed: NDArray[np.bool_]) -> Integers:
    """Sentences that can stand alone; those that limp where few can, or where most do, as in talk."""
    tiers = scope.analysis.tiers[scope.first : scope.last]
    sizes = scope.analysis.sizes[scope.first : scope.last]
    worst = 0 if not weights.admits_limping and sizes[allowed & (tiers == 0)].sum() >= 1.2 * budget else 1
    # Questions and fragments are a last resort, however little else there is; table rows come after them.
    while not (usable := allowed & (tiers <= worst)).any() and worst < 3:
        worst += 1
    return np.flatnonzero(usable)


def _candidates(scope: Scope, found: Found, pool: Integers, weights: Weights) -> Candidates:
    rows, terms, values = scope.vectors
    place = np.full(len(scope), -1, dtype=np.int64)
    place[pool] = np.arange(len(pool))
    keep = place[rows] >= 0
    used, compact = np.unique(terms[keep], return_inverse=True)
    worth = scope.centroid[used] ** weights.emphasis
    total = float(worth.sum())
    return Candidates(
        rows=place[rows[keep]],
        terms=compact.astype(np.int64),
        values=values[keep],
        rewards=rewards(scope, found, weights)[pool],
        costs=scope.analysis.sizes[scope.first : scope.last][pool].astype(np.float64),
        term_weights=worth / total if total > 0 else worth,
    )
