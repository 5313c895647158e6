"""Statements made of a document's sentences and mentions, each with the characters it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.scope import Scope
from odqa.schema import Span, Statement

_MARKER = re.compile(r"(?:-\s+(?:\d{1,3}[.)]\s+)?|\d{1,3}[.)]\s+)(?=\S)")
MAX_MENTIONS = 5
"""Most spans a statement made of mentions points to."""


def sentence_span(analysis: Analysis, sentence: int) -> Span:
    """Return the characters of a sentence without the dash or number of a list item."""
    span = analysis.sentences[sentence]
    marker = _MARKER.match(analysis.text, *span)
    return Span(marker.end(), span.end) if marker else span


def sentence_statement(analysis: Analysis, sentence: int, weight: float = 1.0, label: str = "") -> Statement:
    """Return a sentence of the document as a statement that rests on itself."""
    span = sentence_span(analysis, sentence)
    return Statement(analysis.quote(span), (span,), round(min(max(weight, 0.0), 1.0), 4), label)


def ranked_sentences(scope: Scope, sentences: Iterable[int], limit: int, *, worst_tier: int = 1) -> list[Statement]:
    """Return the most important of some sentences as statements, in reading order, no text twice.

    Args:
        scope: sentences outside it are left out.
        sentences: indices in the document.
        limit: most statements.
        worst_tier: sentences less fit to stand alone are left out.
    """
    analysis = scope.analysis
    inside = [s for s in sentences if scope.first <= s < scope.last and analysis.tiers[s] <= worst_tier]
    inside.sort(key=lambda s: (analysis.tiers[s], -scope.importance_at(s), s))
    chosen: dict[str, int] = {}
    for sentence in inside:
        if len(chosen) == limit:
            break
        chosen.setdefault(analysis.quote(analysis.sentences[sentence]).casefold(), sentence)
    top = max((scope.importance_at(s) for s in chosen.values()), default=1.0) or 1.0
    return [sentence_statement(analysis, s, scope.importance_at(s) / top) for s in sorted(chosen.values())]


def mention_statement(analysis: Analysis, spans: Sequence[Span], weight: float, label: str = "") -> Statement:
    """Return a statement whose text is its first span, resting on up to five mentions."""
    return Statement(analysis.quote(spans[0]), tuple(spans[:MAX_MENTIONS]), round(min(max(weight, 0.0), 1.0), 4), label)
