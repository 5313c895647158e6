"""How good each sentence is by itself, before coverage decides which go together.

A product of what is known of a sentence: centrality, information, position, what its section is for, what it
announces, whom its passage resembles, how fluent it is and whether it can stand alone. Papers, talk and stories
weigh these differently. The weights were found by coordinate search for the ROUGE-1, -2 and -L of extracts of the
length of the human summary, on one half of the papers of SciSummNet (without their abstracts), the training
meetings of QMSum and the training stories of SQuALITY; `odqa eval summaries` measures what they are worth. Prose
that is none of these has weights between theirs, for which no gold summaries were at hand.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from odqa.index.summary import cues
from odqa.index.summary.analysis import Floats, sums
from odqa.index.summary.found import Cue, Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.shape import strip_numbering
from odqa.index.summary.words import fold

_LAST_PART = 0.1
_AROUND_TALK = 0.2

_CONCLUDING = re.compile(r"\b(?:conclu\w*|discussion|summary|future work|outlook)\b", re.IGNORECASE)
_OPENING = re.compile(r"\b(?:introduction|overview|motivation|purpose)\b", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"\b(?:related work|previous work|background|acknowledge?ments?|references|appendix|bibliography)\b", re.IGNORECASE
)
_WORKINGS = re.compile(r"\b(?:models?|methods?|approach\w*|systems?|algorithms?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Weights:
    """What a sentence of one kind of document is valued for.

    Attributes:
        centrality: exponent of the centrality.
        information: share of the information, 0–1; at 0 it does not count.
        lead: how much more the very first sentence counts; falls off over `reach` sentences.
        reach: sentences after which the lead has fallen to a third.
        opening: how much more the first sentence of a paragraph counts.
        ending: how much more the last sentence of the document counts; grows over its last tenth.
        title: how much more a sentence counts that holds all words of the title.
        passage: how much more the sentences of the passage nearest to the document's mean count.
        fluency: exponent of the share of words that do more than hold the floor.
        full: words from which a sentence is not discounted for being short.
        limping: factors of sentences by how fit they are to stand alone (`Analysis.tiers`).
        admits_limping: whether sentences that limp may be chosen where enough others do not.
        sections: factors of sentences by what the heading of their section matches.
        cues: factors of sentences by what they announce.
        saturation: exponent of the coverage of a term: the lower, the less a term counts again.
        emphasis: exponent of a term's share in the document as its worth.
        base: what a sentence's own reward is worth beside the terms it covers.
        cost: exponent of the length of a sentence as its price.
    """

    centrality: float = 0.5
    information: float = 0.4
    lead: float = 0.5
    reach: float = 20.0
    opening: float = 0.13
    ending: float = 0.0
    title: float = 1.0
    passage: float = 0.5
    fluency: float = 2.0
    full: int = 12
    limping: tuple[float, float, float, float] = (1.0, 0.55, 0.3, 0.15)
    admits_limping: bool = False
    sections: tuple[tuple[re.Pattern[str], float], ...] = ((_CONCLUDING, 2.0), (_OPENING, 1.4), (_ELSEWHERE, 0.7))
    cues: Mapping[Cue, float] = field(
        default_factory=lambda: MappingProxyType({cues.FINDINGS: 1.4, cues.RECOMMENDATIONS: 1.4, cues.PURPOSE: 1.4})
    )
    saturation: float = 0.5
    emphasis: float = 1.0
    base: float = 0.1
    cost: float = 0.6


PROSE = Weights()
PAPER = Weights(
    information=0.0,
    reach=50.0,
    title=1.5,
    full=15,
    sections=((_CONCLUDING, 2.0), (_OPENING, 1.4), (_ELSEWHERE, 0.7), (_WORKINGS, 0.8)),
    cues=MappingProxyType({cues.CONTRIBUTIONS: 1.7, cues.FINDINGS: 1.4}),
    saturation=0.3,
    emphasis=0.5,
    base=0.2,
)
TALK = Weights(
    centrality=1.0,
    information=0.7,
    lead=3.0,
    reach=10.0,
    ending=0.2,
    title=0.0,
    passage=0.0,
    fluency=0.0,
    full=20,
    limping=(1.0, 1.0, 0.0, 0.0),
    admits_limping=True,
    sections=(),
    cues=MappingProxyType({cues.ACTIONS: 1.4}),
    saturation=0.4,
    emphasis=1.3,
    base=0.05,
    cost=0.8,
)
STORY = Weights(
    information=0.0,
    lead=1.0,
    reach=12.0,
    opening=0.0,
    title=0.0,
    passage=0.0,
    fluency=0.0,
    full=15,
    limping=(1.0, 0.9, 0.0, 0.0),
    admits_limping=True,
    sections=(),
    cues=MappingProxyType({}),
    saturation=0.5,
    emphasis=1.4,
    base=0.0,
    cost=0.2,
)
WEIGHTS: Mapping[str, Weights] = MappingProxyType({"paper": PAPER, "meeting": TALK, "interview": TALK, "story": STORY})
"""The weights of each kind of document (`odqa.index.summary.shape`); the others have those of prose."""


def weights_for(scope: Scope) -> Weights:
    """Return the weights for the kind of document that a scope is, or is part of."""
    return WEIGHTS.get(scope.analysis.kind, PROSE)


def rewards(scope: Scope, found: Found, weights: Weights) -> Floats:
    """Return how good each sentence of a scope is by itself, shape (n_sentences,); comparable within it only."""
    analysis = scope.analysis
    part = slice(scope.first, scope.last)
    reward = scope.centrality**weights.centrality
    reward *= 1 - weights.information + weights.information * analysis.information[part]
    reward *= _position(scope, weights)
    reward *= 1 + weights.passage * scope.nearness
    reward *= (1 - analysis.disfluency[part]) ** weights.fluency
    reward *= np.minimum(1.0, analysis.sizes[part] / weights.full)
    reward *= np.array(weights.limping)[analysis.tiers[part]]
    if weights is TALK and analysis.speakers:
        # What stands around the talk, such as who met where, is not what was said.
        reward *= np.where(analysis.is_spoken[part], 1.0, _AROUND_TALK)
    if weights.title:
        reward *= 1 + weights.title * _title_share(scope)
    if scope.section is None and weights.sections:
        reward *= _section_factors(scope, weights)
    for cue, factor in weights.cues.items():
        hits = np.array(found.matching(cue, scope), dtype=np.int64) - scope.first
        reward[hits] *= factor
    return reward


def _position(scope: Scope, weights: Weights) -> Floats:
    """Openings tell more, of a text as of a paragraph; so do, of talk, the last words."""
    analysis = scope.analysis
    count = len(scope)
    blocks = analysis.block_of[scope.first : scope.last]
    opening = np.r_[True, blocks[1:] != blocks[:-1]] if count else np.zeros(0, dtype=bool)
    prior = (1 + weights.lead * np.exp(-np.arange(count) / weights.reach)) * (1 + weights.opening * opening)
    left = (count - np.arange(count)) / max(count, 1)
    return prior * (1 + weights.ending * np.maximum(0.0, _LAST_PART - left) / _LAST_PART)


def _title_share(scope: Scope) -> Floats:
    """Share of the title's words, weighed by how rare they are, that each sentence holds."""
    analysis = scope.analysis
    ids = {analysis.term_ids.get(fold(word), -1) for word in re.findall(r"\w[\w'’-]*", analysis.document.title)} - {-1}
    worth = np.zeros(len(analysis.terms))
    worth[list(ids)] = analysis.term_weights[list(ids)]
    total = float(worth.sum())
    rows, terms, _ = scope.vectors
    held = sums(rows, worth[terms], len(scope))
    return held / total if total > 0 else held


def _section_factors(scope: Scope, weights: Weights) -> Floats:
    factors = np.ones(len(scope))
    sentences = scope.analysis.sentences
    for section in scope.analysis.parsed.sections:
        heading = strip_numbering(section.title)
        factor = next((factor for pattern, factor in weights.sections if pattern.search(heading)), 1.0)
        low = bisect_left(sentences, (section.span.start,))
        factors[low : bisect_left(sentences, (section.span.end,))] = factor
    return factors
