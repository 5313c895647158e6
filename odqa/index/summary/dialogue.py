"""Who speaks, what they hold, and what is said verbatim."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from odqa.index.summary.analysis import length, sums
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.selection import choose_sentences
from odqa.index.summary.statements import MAX_MENTIONS, ranked_sentences, sentence_span
from odqa.schema import BlockKind, Span, Statement

_CURLY = re.compile(r"“([^“”]{20,420})”|«\s?([^«»]{20,420}?)\s?»|„([^„“”]{20,420})[“”]")
_STRAIGHT = re.compile(r'(?<![^\s(\[—–-])"([^"]{20,420})"')
_MIN_QUOTE, _MAX_QUOTE = 5, 60


def speakers(scope: Scope, limit: int) -> list[Statement]:
    """Return who speaks, most words first; each rests on the first turns under that name."""
    said, prefixes = _turns(scope)
    top = max(said.values(), default=1)
    return [
        Statement(speaker, tuple(prefixes[speaker][:MAX_MENTIONS]), round(count / top, 4), "speaker")
        for speaker, count in said.most_common(limit)
    ]


def positions(scope: Scope, limit: int) -> list[Statement]:
    """Return the most central statement of each main speaker, as "Speaker: sentence".

    Central is what is close to the centroid of all that this speaker says, and of all that is said. The text
    rests on two spans: the speaker's name and the sentence.
    """
    said, prefixes = _turns(scope)
    sentences = sentences_by_speaker(scope)
    main = [speaker for speaker, count in said.most_common(limit) if count >= 0.02 * said.total()]
    top = max(said.values(), default=1)
    statements = []
    for speaker in main:
        best = _most_central(scope, sentences.get(speaker, []))
        if best is None:
            continue
        span = sentence_span(scope.analysis, best)
        name = max((p for p in prefixes[speaker] if p.start <= span.start), default=prefixes[speaker][0])
        name = Span(name.start, name.end + 1)
        text = f"{scope.analysis.quote(name)} {scope.analysis.quote(span)}"
        statements.append(Statement(text, (name, span), round(said[speaker] / top, 4)))
    return statements


def quotes(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return what is said verbatim: for a transcript sentences of those who answer, else quoted speech."""
    turns = [block for block in scope.blocks if block.kind is BlockKind.TURN]
    if 2 * len(turns) > len(scope.blocks):
        return _spoken(scope, found, limit)
    analysis = scope.analysis
    scored = []
    for span in quoted_spans(scope):
        sentence = analysis.sentence_at(span.start)
        words = len(analysis.quote(span).split())
        if sentence is None or not scope.first <= sentence < scope.last or not _MIN_QUOTE <= words <= _MAX_QUOTE:
            continue
        whole = 1.0 if analysis.text[span.start].isupper() else 0.5
        scored.append((scope.importance_at(sentence) * min(1.0, words / 12) * whole, span))
    scored.sort(key=lambda item: (-item[0], item[1]))
    top = scored[0][0] if scored and scored[0][0] > 0 else 1.0
    unique = {analysis.quote(span).casefold(): (score, span) for score, span in reversed(scored)}
    best = sorted(unique.values(), key=lambda item: (-item[0], item[1]))[:limit]
    return [Statement(analysis.quote(span), (span,), round(score / top, 4)) for score, span in best]


def quoted_spans(scope: Scope) -> Iterator[Span]:
    """Yield what stands in quotation marks; block by block, so that a lost mark spoils one paragraph at most."""
    text = scope.analysis.text
    for block in scope.blocks:
        if block.kind in (BlockKind.HEADING, BlockKind.TABLE, BlockKind.CODE):
            continue
        for pattern in (_CURLY, _STRAIGHT):
            for match in pattern.finditer(text, *block.span):
                start, end = match.span(match.lastindex or 0)
                yield Span(start, end - (text[end - 1] in ",;—–-"))


def _spoken(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """The most telling sentences of everyone but the one who asks."""
    sentences = sentences_by_speaker(scope)
    asking = interviewer(scope)
    answers = [s for speaker, mine in sentences.items() if speaker != asking for s in mine]
    chosen = {sentence for sentence, _ in choose_sentences(scope, found, 20 * limit, 2 * limit)}
    telling = [s for s in answers if s in chosen and scope.analysis.lengths[s] >= _MIN_QUOTE]
    if len(telling) < limit:
        telling += [s for s in answers if s not in chosen and _MIN_QUOTE <= scope.analysis.lengths[s] <= _MAX_QUOTE]
    return ranked_sentences(scope, telling, limit)


def interviewer(scope: Scope) -> str | None:
    """Return the speaker most of whose turns end in a question, where there is one."""
    turns: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for block in scope.blocks:
        if block.kind is BlockKind.TURN and block.speaker:
            turns[block.speaker] += 1
            asked[block.speaker] += scope.analysis.text[block.span.end - 1] == "?"
    for speaker, count in asked.most_common(1):
        if count >= 2 and 2 * count >= turns[speaker]:
            return speaker
    return None


def _turns(scope: Scope) -> tuple[Counter[str], dict[str, list[Span]]]:
    """Characters spoken under each name, and the spans of the name at its turns."""
    said: Counter[str] = Counter()
    prefixes: dict[str, list[Span]] = defaultdict(list)
    for block in scope.blocks:
        if block.kind is BlockKind.TURN and block.speaker and block.span.start + len(block.speaker) < block.span.end:
            said[block.speaker] += block.span.end - block.span.start - len(block.speaker)
            prefixes[block.speaker].append(Span(block.span.start, block.span.start + len(block.speaker)))
    return said, prefixes


def sentences_by_speaker(scope: Scope) -> dict[str, list[int]]:
    """Return the sentences of each speaker's turns, in reading order."""
    analysis = scope.analysis
    mine: dict[str, list[int]] = defaultdict(list)
    blocks = analysis.block_of[scope.first : scope.last].tolist()
    for sentence, number in enumerate(blocks, start=scope.first):
        block = analysis.document.blocks[number]
        if block.kind is BlockKind.TURN and block.speaker and scope.holds(block.span.start):
            mine[block.speaker].append(sentence)
    return mine


def _most_central(scope: Scope, sentences: list[int]) -> int | None:
    analysis = scope.analysis
    fit = [s for s in sentences if analysis.tiers[s] == 0 and 6 <= analysis.lengths[s] <= 60]
    fit = fit or [s for s in sentences if analysis.tiers[s] <= 1 and analysis.lengths[s] >= 4]
    if not fit:
        return None
    mine = np.zeros(len(scope), dtype=bool)
    mine[np.array(sentences) - scope.first] = True
    rows, terms, values = scope.vectors
    keep = mine[rows]
    own = sums(terms[keep], values[keep], len(analysis.terms))
    own /= length(own) or 1.0
    close = sums(rows[keep], values[keep] * own[terms[keep]], len(scope))
    score = (close + scope.centrality) * (0.3 + 0.7 * analysis.information[scope.first : scope.last])
    return max(fit, key=lambda s: (float(score[s - scope.first]), -s))
