"""What each voice of a meeting or an interview has to say, as the questions that people ask of such talk."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from odqa.index.summary.dialogue import interviewer, sentences_by_speaker
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.statements import sentence_span
from odqa.index.summary.terms import Candidate
from odqa.schema import Span, Statement

_VOICES, _TERMS_OF_A_VOICE = 6, 2
_WORTH = 0.75
_MIN_INFORMATION = 0.5
_LONG_TURN, _STUMBLING = 8, 0.06
_OFTEN, _ARTICLE_SHARE = 4, 0.3
# What is counted in is not what is talked about.
_MEASURES = frozenset(
    """
    metre meter mile foot feet inch pound dollar euro penny hour minute second day week month percent cent ton tonne
    hundred thousand million member gentleman lady sir madam councillor
    january february march april may june july august september october november december
    """.split()
)
_ROLE = re.compile(
    r"(?:project manager|marketing|user interface|industrial designer|chair(?:man|woman)?|professor|speaker|secretary"
    r"|treasurer|mayor|interviewee|host|moderator)",
    re.IGNORECASE,
)


def voice_questions(scope: Scope, found: Found) -> Iterator[Statement]:
    """Yield what each main speaker says about the terms that they, more than the others, come back to.

    Each rests on the most important sentence in which the speaker uses the term.
    """
    analysis = scope.analysis
    by_speaker = sentences_by_speaker(scope)
    said = Counter({name: int(analysis.sizes[rows].sum()) for name, rows in by_speaker.items() if rows})
    if len(said) < 2:
        return
    people = {word.lower() for name in said for word in name.split()}
    avoided = people | _MEASURES
    asked = [(c, name) for c in found.terms(scope) if avoided.isdisjoint(c.terms) and (name := _phrase(scope, c))]
    asking = interviewer(scope)
    taken: set[str] = set()
    for speaker, _ in said.most_common(_VOICES):
        if speaker == asking:
            continue
        mine = set(by_speaker[speaker])
        scored = []
        for candidate, name in asked:
            places = [s for s in analysis.sentence_of[candidate.places].tolist() if s in mine]
            fit = [s for s in places if _is_telling(scope, s)]
            if fit and name not in taken:
                scored.append((candidate.score * len(places) / len(candidate.places), name, fit))
        scored.sort(key=lambda item: (-item[0], item[1]))
        for _, name, fit in scored[:_TERMS_OF_A_VOICE]:
            taken.add(name)
            best = max(fit, key=lambda s: (scope.importance_at(s), -s))
            weight = round(_WORTH * (0.6 + 0.4 * min(scope.importance_at(best), 1.0)), 4)
            yield Statement(f"What did {_speaker(speaker)} say about {name}?", (sentence_span(analysis, best),), weight)


def _is_telling(scope: Scope, sentence: int) -> bool:
    analysis = scope.analysis
    fluent = analysis.disfluency[sentence] < _STUMBLING and analysis.information[sentence] >= _MIN_INFORMATION
    return bool(fluent and analysis.tiers[sentence] <= 1 and analysis.lengths[sentence] >= _LONG_TURN)


def _speaker(name: str) -> str:
    """A name as it is; the name of a part one plays gets its article."""
    name = name.title() if name.isupper() and len(name) > 3 else name
    return f"the {name}" if _ROLE.fullmatch(name) else name


def _phrase(scope: Scope, candidate: Candidate) -> str:
    """A term as it stands after "about": in its usual spelling and with its usual article; "" where that is not plain.

    Without a parser the article tells nouns from other words: what is neither a plural nor ever "the" something is
    left alone.
    """
    analysis = scope.analysis
    last = len(candidate.terms) - 1
    places = candidate.places.tolist()
    if last == 0 and len(places) < _OFTEN:
        return ""
    spans = [Span(int(analysis.starts[p]), int(analysis.ends[p + last])) for p in places]
    term = Counter(analysis.quote(span) for span in spans).most_common(1)[0][0]
    first = term.split()[0]
    if analysis.forms[first.lower()] >= analysis.forms[first]:
        term = term[0].lower() + term[1:]
    before = Counter(analysis.words[p - 1].lower() for p in places if p > 0)
    if before["the"] >= _ARTICLE_SHARE * len(places):
        return f"the {term}"
    if before["a"] + before["an"] >= _ARTICLE_SHARE * len(places):
        return ""
    return term if last > 0 or (term.endswith("s") and not term.endswith("ss")) else ""
