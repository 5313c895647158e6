"""Questions that a text answers, made from its headings and claims by patterns that keep its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from odqa.index.summary.analysis import normalize
from odqa.index.summary.cues import defined_terms
from odqa.index.summary.dates import find_dates
from odqa.index.summary.entities import PERSON
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.statements import sentence_span
from odqa.index.summary.templates import strip_numbering
from odqa.index.summary.words import PRONOUN_STARTS
from odqa.schema import BlockKind, Span, Statement

_AUXILIARY = r"(?P<aux>is|are|was|were|has|have|had|can|could|will|would|must|should)"
_CLAIM = re.compile(
    rf"(?P<subject>[^\s,;:()\"“”—–]+(?:\s[^\s,;:()\"“”—–]+){{0,6}}?)\s{_AUXILIARY}\s(?P<rest>[^,;:()\"“”?]{{3,90}})"
)
_CAUSE = re.compile(r"\s(?:because|owing\sto|due\sto|on\saccount\sof|since\sthe)\b")
_WHEN = re.compile(
    r"\s(?:on\s(?:the\s)?\d|in\s(?:January|February|March|April|May|June|July|August|September|October|November|December|(?:1\d|20)\d\d))"
)
_PARTICIPLE = re.compile(
    r"(?:\w+ed|built|begun|born|held|found|made|sold|lost|sent|given|taken|written|opened|founded|laid)\b"
)
_CLAUSE_WORDS = frozenset(
    """
    that which who whom whose what where when why how if because although while there it this these those i we
    you he she they and but or so is are was were has have had can could will would must should did do does not
    all as than then said nobody nothing everyone everybody everything someone somebody something anyone no one
    """.split()
)
_GENERIC_HEADING = re.compile(
    r"(?:introduction|abstract|summary|conclusions?|references|bibliography|appendix|acknowledge?ments?|contents"
    r"|table of contents|chapter|part|section|notes?|preface|foreword|discussion|overview|index|glossary"
    r"|\W*[\divxlc]+\W*)"
    r"(?:\s[\divxlc]+)?",
    re.IGNORECASE,
)
_LOWER_FIRST = frozenset(
    """
    the a an its their our his her my your this these those some all each every no why how what when where who
    which
    """.split()
)
_MAX_TITLE = 100
_MIN_INFORMATION = 0.5
_MIN_REPLY = 40
_HEADING, _WHY, _DEFINED, _WHEN_WEIGHT, _ASKED = 0.6, 1.0, 0.85, 0.9, 0.7


def questions(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return questions that the scope answers, surest first; each rests on what it was made from."""
    made = [*_from_claims(scope), *_from_definitions(scope, found), *_asked(scope), *_from_headings(scope)]
    made.sort(key=lambda statement: (-statement.weight, statement.spans))
    unique = {statement.text.casefold(): statement for statement in reversed(made)}
    ordered = sorted(unique.values(), key=lambda statement: (-statement.weight, statement.spans))
    return ordered[:limit]


def _from_headings(scope: Scope) -> Iterator[Statement]:
    title = normalize(scope.analysis.document.title)
    if not title or len(title) > _MAX_TITLE:
        title = "the document"
    for span in (block.span for block in scope.blocks if block.kind is BlockKind.HEADING):
        text = scope.analysis.quote(span)
        if text.endswith("?"):
            yield Statement(text, (span,), 1.0)
            continue
        heading = strip_numbering(text).rstrip(".:")
        if not heading or _GENERIC_HEADING.fullmatch(heading) or heading.casefold() == title.casefold():
            continue
        date = next(find_dates(scope.analysis.text, span), None)
        if date is not None and date.span == span:
            yield Statement(f"What happened {'on' if len(date.iso) == 10 else 'in'} {text}?", (span,), _HEADING)
            continue
        heading = heading.lower() if heading.isupper() else _lower_first(heading)
        yield Statement(f"What does {title} say about {heading}?", (span,), _HEADING)


def _from_claims(scope: Scope) -> Iterator[Statement]:
    """Turn claims round: "S was V because R" to "Why was S V?", "S was built in 1884" to "When was S built?"."""
    analysis = scope.analysis
    for sentence in range(scope.first, scope.last):
        if analysis.tiers[sentence]:
            continue
        span = sentence_span(analysis, sentence)
        match = _CLAIM.match(analysis.text, span.start, span.end)
        if match is None or not _is_subject(match["subject"]):
            continue
        text = _question(match)
        if text is not None:
            weight = _WHY if text.startswith("Why") else _WHEN_WEIGHT
            importance = scope.importance_at(sentence)
            yield Statement(text, (span,), round(weight * (0.6 + 0.4 * min(importance, 1.0)), 4))


def _question(match: re.Match[str]) -> str | None:
    subject, auxiliary, rest = _lower_first(normalize(match["subject"])), match["aux"], normalize(match["rest"])
    cause = _CAUSE.search(rest)
    if cause is not None and 0 < len(rest[: cause.start()].split()) <= 10:
        return f"Why {auxiliary} {subject} {rest[: cause.start()]}?"
    when = _WHEN.search(rest)
    if auxiliary in ("was", "were") and when is not None:
        event = rest[: when.start()]
        if _PARTICIPLE.match(event) and len(event.split()) <= 8:
            return f"When {auxiliary} {subject} {event}?"
    return None


def _from_definitions(scope: Scope, found: Found) -> Iterator[Statement]:
    people = {
        mention.span for entity, mentions in found.entities(scope) if entity.label == PERSON for mention in mentions
    }
    for sentence, subject in defined_terms(scope, found):
        span = sentence_span(scope.analysis, sentence)
        plural = " are " in scope.analysis.text[span.start : span.start + len(subject) + 8]
        who = Span(span.start, span.start + len(subject)) in people
        yield Statement(
            f"{'Who' if who else 'What'} {'are' if plural else 'is'} {_lower_first(normalize(subject))}?",
            (span,),
            round(_DEFINED * (0.6 + 0.4 * min(scope.importance_at(sentence), 1.0)), 4),
        )


def _asked(scope: Scope) -> Iterator[Statement]:
    """Questions one speaker asks and another goes on to answer at more length."""
    analysis = scope.analysis
    turns = [block for block in scope.blocks if block.kind is BlockKind.TURN]
    for turn, reply in pairwise(turns):
        if turn.speaker == reply.speaker or analysis.text[turn.span.end - 1] != "?":
            continue
        if reply.body.end - reply.body.start <= max(_MIN_REPLY, turn.body.end - turn.body.start):
            continue
        sentence = analysis.sentence_at(turn.span.end - 1)
        if sentence is None or sentence < scope.first or not 5 <= analysis.lengths[sentence] <= 30:
            continue
        if analysis.information[sentence] < _MIN_INFORMATION or analysis.disfluency[sentence] > 0:
            continue
        span = sentence_span(analysis, sentence)
        weight = _ASKED * (0.6 + 0.4 * min(scope.importance_at(sentence), 1.0))
        yield Statement(analysis.quote(span), (span,), round(weight, 4))


def _is_subject(subject: str) -> bool:
    words = subject.replace("’", "'").lower().split()
    if words[0] in PRONOUN_STARTS or _CLAUSE_WORDS.intersection(words):
        return False
    return words[0] in _LOWER_FIRST or subject[0].isupper()


def _lower_first(phrase: str) -> str:
    """Lower the first letter of a determiner; names keep theirs."""
    first, _, _ = phrase.partition(" ")
    return phrase[0].lower() + phrase[1:] if first.lower() in _LOWER_FIRST else phrase
