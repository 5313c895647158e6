"""Choose sentences that together say the most in a given number of words.

The gist maximises the monotone submodular function of Lin & Bilmes (2011, "A class of submodular functions for
document summarization"): coverage plus diversity, under a budget, by the greedy algorithm with cost scaling
(Lin & Bilmes 2010, "Multi-document summarization via budgeted maximization of submodular functions"). Coverage
is taken over terms instead of sentence pairs, which keeps it linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from odqa.index.summary.analysis import Floats, Integers, sums
from odqa.index.summary.scope import Scope
from odqa.schema import BlockKind

_COST_EXPONENT = 0.4
_DIVERSITY = 0.2
_REGIONS = 8
_SUMMARY_FACTOR = 2.5
_SUMMARY_HEADING = re.compile(r"\b(?:abstract|summary|synopsis|conclusions?|key points|highlights)\b", re.IGNORECASE)
_TIER_FACTOR = np.array([1.0, 0.55, 0.3, 0.15])


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sentences to choose from.

    Attributes:
        rows: row of each (row, term, value) triple; rows count the candidates.
        terms: its term.
        values: its weight.
        rewards: how good each candidate is by itself, about 0–1.
        costs: words of each candidate.
        regions: part of the text each candidate lies in.
        term_weights: what covering each term is worth.
    """

    rows: Integers
    terms: Integers
    values: Floats
    rewards: Floats
    costs: Floats
    regions: Integers
    term_weights: Floats


def greedy(candidates: Candidates, budget: float, limit: int) -> list[tuple[int, float]]:
    """Return the chosen candidates with their share of the objective, in the order in which they were chosen.

    `F(S) = Σ_t w_t √(Σ_{j∈S} r_j x_jt) + λ Σ_k √(Σ_{j∈S∩P_k} r_j)`: each further sentence about the same terms,
    or from the same region, is worth less. The result is never worse than the best single sentence, which is
    what the bound of the 2010 paper needs. One sentence is chosen even where the budget is too small for any.

    Args:
        candidates: what to choose from.
        budget: words.
        limit: most sentences.
    """
    count = len(candidates.costs)
    if not count or limit < 1:
        return []
    mass = candidates.values * candidates.rewards[candidates.rows]
    covered = np.zeros(len(candidates.term_weights))
    held = np.zeros(int(candidates.regions.max()) + 1)
    free = np.ones(count, dtype=bool)
    chosen: list[tuple[int, float]] = []
    first_gains = np.zeros(count)
    left = budget
    while len(chosen) < limit:
        before = covered[candidates.terms]
        gains = sums(
            candidates.rows,
            candidates.term_weights[candidates.terms] * (np.sqrt(before + mass) - np.sqrt(before)),
            count,
        )
        region = held[candidates.regions]
        gains += _DIVERSITY * (np.sqrt(region + candidates.rewards) - np.sqrt(region)) / len(held)
        if not chosen:
            first_gains = gains
        fits = free & (candidates.costs <= left)
        if not fits.any():
            break
        best = int(np.argmax(np.where(fits, gains / candidates.costs**_COST_EXPONENT, -1.0)))
        if gains[best] <= 0.0 and chosen:
            break
        chosen.append((best, float(gains[best])))
        free[best] = False
        left -= float(candidates.costs[best])
        mine = candidates.rows == best
        np.add.at(covered, candidates.terms[mine], mass[mine])
        held[candidates.regions[best]] += candidates.rewards[best]
    return _no_worse_than_one(chosen, first_gains, candidates.costs, budget)


def _no_worse_than_one(
    chosen: list[tuple[int, float]], gains: Floats, costs: Floats, budget: float
) -> list[tuple[int, float]]:
    affordable = costs <= budget
    if not affordable.any():
        best = int(np.argmax(gains / costs**_COST_EXPONENT))
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


def choose_sentences(scope: Scope, budget: int, limit: int) -> list[tuple[int, float]]:
    """Return (sentence, weight) of the scope's most telling sentences, in reading order; weights 0–1.

    Args:
        scope: the document or section.
        budget: words.
        limit: most sentences.
    """
    pool = _pool(scope, budget)
    chosen = greedy(_candidates(scope, pool), budget, limit)
    top = max((gain for _, gain in chosen), default=0.0)
    return sorted((int(pool[row]) + scope.first, gain / top if top > 0 else 1.0) for row, gain in chosen)


def _pool(scope: Scope, budget: int) -> Integers:
    """Sentences that can stand alone, each wording once; those that limp only where few can."""
    tiers = scope.analysis.tiers[scope.first : scope.last]
    lengths = scope.analysis.lengths[scope.first : scope.last]
    worst = 0 if lengths[tiers == 0].sum() >= 1.2 * budget else 1
    # Questions and fragments are a last resort, however little else there is; table rows come after them.
    while not (usable := (tiers <= worst) & (lengths > 0)).any() and worst < 3:
        worst += 1
    analysis = scope.analysis
    first: dict[str, int] = {}
    for row in np.flatnonzero(usable).tolist():
        first.setdefault(analysis.quote(analysis.sentences[scope.first + row]).casefold(), row)
    return np.array(list(first.values()), dtype=np.int64)


def _candidates(scope: Scope, pool: Integers) -> Candidates:
    rows, terms, values = scope.vectors
    place = np.full(len(scope), -1, dtype=np.int64)
    place[pool] = np.arange(len(pool))
    keep = place[rows] >= 0
    used, compact = np.unique(terms[keep], return_inverse=True)
    weights = scope.centroid[used]
    total = float(weights.sum())
    tiers = scope.analysis.tiers[scope.first : scope.last][pool]
    rewards = scope.importance[pool] * _position(scope)[pool] * _TIER_FACTOR[tiers]
    return Candidates(
        rows=place[rows[keep]],
        terms=compact.astype(np.int64),
        values=values[keep],
        rewards=rewards,
        costs=scope.analysis.lengths[scope.first : scope.last][pool].astype(np.float64),
        regions=_regions(scope)[pool],
        term_weights=weights / total if total > 0 else weights,
    )


def _position(scope: Scope) -> Floats:
    """Prior of each sentence by where it stands: openings tell more, of a text as of a paragraph.

    Speech does not open with what it is about, so that turns have no such prior.
    """
    analysis = scope.analysis
    blocks = analysis.block_of[scope.first : scope.last]
    prior = 0.75 + 0.15 * np.exp(-np.arange(len(scope)) / 6.0)
    opening = np.r_[True, blocks[1:] != blocks[:-1]] if len(blocks) else np.zeros(0, dtype=bool)
    kinds = analysis.document.blocks
    spoken = np.array([kinds[number].kind is BlockKind.TURN for number in blocks.tolist()], dtype=bool)
    return np.where(spoken, 0.85, prior + 0.1 * opening) * _summarizing(scope)


def _summarizing(scope: Scope) -> Floats:
    """What an author calls a summary is one: sentences of an abstract or a conclusion count for more."""
    weights = np.ones(len(scope))
    if scope.section is not None:
        return weights
    for section in scope.analysis.parsed.sections:
        if _SUMMARY_HEADING.search(section.title):
            low = bisect_left(scope.analysis.sentences, (section.span.start,))
            high = bisect_left(scope.analysis.sentences, (section.span.end,))
            weights[low:high] = _SUMMARY_FACTOR
    return weights


def _regions(scope: Scope) -> Integers:
    """Sections for a document that has some, else equal runs of sentences."""
    sections = scope.analysis.parsed.sections
    if scope.section is None and len(sections) > 2:
        starts = np.array([section.span.start for section in sections], dtype=np.int64)
        where = np.array([s.start for s in scope.analysis.sentences[scope.first : scope.last]], dtype=np.int64)
        return np.maximum(np.searchsorted(starts, where, side="right") - 1, 0)
    regions = _REGIONS if scope.section is None else 3
    return np.arange(len(scope)) * regions // max(len(scope), 1)
