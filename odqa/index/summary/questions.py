"""Questions that a text answers, made from its claims, definitions, voices and headings, in the text's own words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from odqa.index.summary.analysis import normalize
from odqa.index.summary.claims import claim_questions, is_specific
from odqa.index.summary.cues import CONTRIBUTIONS, defined_terms
from odqa.index.summary.dates import find_dates
from odqa.index.summary.entities import ORGANIZATION, PERSON
from odqa.index.summary.found import Found
from odqa.index.summary.scope import Scope
from odqa.index.summary.shape import strip_numbering
from odqa.index.summary.statements import sentence_span
from odqa.index.summary.verbs import LEMMAS
from odqa.index.summary.voices import voice_questions
from odqa.index.summary.words import STOP_WORDS
from odqa.schema import BlockKind, Span, Statement

_GENERIC_HEADING = re.compile(
    r"(?:introduction|abstract|summary|conclusions?|references|bibliography|appendix|acknowledge?ments?|contents"
    r"|table of contents|chapter|part|section|notes?|preface|foreword|discussion|overview|index|glossary|background"
    r"|related work|future work|experiments?|experimental (?:results?|data|setup)|results?|evaluation|data"
    r"|methods?|model|terms used.*|purpose and summary|summary of findings|instruction and scope|\W*[\divxlc]+\W*)"
    r"(?:\s[\divxlc]+)?",
    re.IGNORECASE,
)
_LOWER_FIRST = frozenset(
    """
    the a an its their our his her my your this these those some all each every no why how what when where who
    which
    """.split()
)
_SITE = re.compile(r"\s[—–|]\s.*$")
_METHOD = (
    r"(?:approach|method|methodology|algorithm|model|system|framework|technique|tagger|parser|architecture|procedure"
    r"|tool)"
)
_PRESENTED = re.compile(
    rf"(?:propose|present|introduce|describe|develop)(?:s|ed)?\s(?:an?|the)\s(?:new\s|novel\s|simple\s)*"
    rf"(?P<what>(?:[\w-]+\s){{0,5}}?{_METHOD}\s(?:for|of|to|that)\s[\w-]+(?:\s[\w-]+){{0,7}}?)"
    rf"(?=[.,;:(]|\s(?:which|that|and|using|based|in\swhich|by|where|with|from|on)\b)"
)
_APPOSITION = re.compile(r",\s(?:an?|the|one\sof)\s(?P<words>(?:[\w’'-]+\s?){1,7})[,.]")
# A title and a surname may be anybody, and "Miss Thole, the members …" speaks to her.
_FULL_NAME = re.compile(r"(?:\w+\.?\s)*?(?!(?:Mr|Mrs|Ms|Miss|Dr|Sir|Captain|Councillor|Professor)\b)\w+\s\w[\w’'-]+")
_VERBS = frozenset("is are was were has have had will would can could seemed looked said".split()) | LEMMAS.keys()
_NO_DEFINITION = re.compile(
    r"\s(?:is|are)\s(?:an?\s)?(?:lot|bit|little|few|good|great|matter|number|way|sort|kind of|any)\b"
)
_NO_SUBJECT = re.compile(
    r"(?:the\s)?(?:first|last|next|only|best|worst|other|same|new|old|main|second|third|result|goal|aim|idea|reason"
    r"|problem|point|question|answer|difference|advantage|purpose|task|following)\b",
    re.IGNORECASE,
)
# Words only; after "the" more than one, or a name.
_NAMING = re.compile(r"(?!the\s[a-z\w’'-]+$)(?:[\w’'.-]+\s?)+|the\s[A-Z][\w’'-]+")
_MAX_TITLE = 60
_MIN_INFORMATION = 0.5
_MIN_REPLY = 40
_ASKED_HEADING, _DEFINED, _PRESENT, _ASKED, _HEADING = 1.0, 0.85, 0.95, 0.7, 0.3
_SAME_SHARE = 0.75
"""Share of the words that two questions may not have in common, stop words and the title left out."""
_COMPANY = ("company", "group", "corporation", "enterprises", "solutions", "holdings", "inc", "ltd", "llc", "plc")


@dataclass(frozen=True, slots=True)
class _Made:
    """A question with the sort it is of: a summary should not hold one sort only."""

    sort: str
    statement: Statement


def questions(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return questions that the scope answers, surest first; each rests on what answers it.

    One sentence gives one question, no two questions ask nearly the same, and no sort takes more than half of the
    places as long as another sort has any.
    """
    made = [
        *_from_claims(scope, found),
        *_from_definitions(scope, found),
        *_from_contributions(scope, found),
        *(_Made("voice", statement) for statement in voice_questions(scope, found)),
        *_asked(scope),
        *_from_headings(scope),
    ]
    made.sort(key=lambda each: (-each.statement.weight, each.statement.spans, each.statement.text))
    taken: list[_Made] = []
    late: list[_Made] = []
    sorts: Counter[str] = Counter()
    words: list[set[str]] = []
    common = STOP_WORDS | set(re.findall(r"\w+", _title(scope).casefold()))
    spans: set[Span] = set()
    for each in made:
        mine = set(re.findall(r"\w+", each.statement.text.casefold())) - common
        if each.statement.spans[0] in spans or any(len(mine & w) >= _SAME_SHARE * len(mine | w) for w in words):
            continue
        words.append(mine)
        spans.add(each.statement.spans[0])
        sorts[each.sort] += 1
        (taken if 2 * sorts[each.sort] <= limit + 1 else late).append(each)
    chosen = (taken + late)[:limit]
    chosen.sort(key=lambda each: (-each.statement.weight, each.statement.spans))
    return [each.statement for each in chosen]


def _weight(scope: Scope, sentence: int, worth: float) -> float:
    return round(worth * (0.6 + 0.4 * min(scope.importance_at(sentence), 1.0)), 4)


def _title(scope: Scope) -> str:
    """What a person would call the document: without the name of the site, and not in capitals."""
    title = _SITE.sub("", normalize(scope.analysis.document.title))
    if not title or len(title) > _MAX_TITLE or title.endswith("…"):
        return _NAMELESS
    if title.isupper():
        title = " ".join(w if w in _SMALL else w.capitalize() for w in title.lower().split())
    first = title.split()[0].lower()
    if first == "the":
        return f"the{title[3:]}"
    return f"the {title}" if first in _WORKS else title


_NAMELESS = "the document"
_SMALL = frozenset("a an the of and in on at for to from by with".split())
_WORKS = frozenset(
    "report survey chronicle minutes notes guide letters history review study inquiry proceedings".split()
)


def _from_headings(scope: Scope) -> Iterator[_Made]:
    """Headings that ask, and under little weight what other headings are about."""
    analysis = scope.analysis
    title = _title(scope)
    for span in (block.span for block in scope.blocks if block.kind is BlockKind.HEADING):
        text = analysis.quote(span)
        if text.endswith("?"):
            if is_specific(re.sub(r"^(Is|Was|Will|Can|Does) it\b", r"\1", text)) and len(text.split()) > 2:
                yield _Made("heading?", Statement(text, _answered(scope, span), _ASKED_HEADING))
            continue
        heading = strip_numbering(text).rstrip(".:")
        if not heading or _GENERIC_HEADING.fullmatch(heading) or heading.casefold() == title.casefold():
            continue
        if not heading[0].isalnum() or (heading[0].isdigit() and not text[0].isdigit()):
            continue
        date = next(find_dates(analysis.text, span), None)
        if date is not None and date.span == span:
            asked = f"What happened {'on' if len(date.iso) == 10 else 'in'} {text}?"
            yield _Made("heading", Statement(asked, _answered(scope, span), 2 * _HEADING))
            continue
        if analysis.kind == "paper" or ":" in heading or not is_specific(f"What {heading.lower()}"):
            continue
        heading = heading.lower() if heading.isupper() else _lower_first(heading)
        if title != _NAMELESS and heading.casefold() not in normalize(analysis.document.title).casefold():
            yield _Made(
                "heading", Statement(f"What does {title} say about {heading}?", _answered(scope, span), _HEADING)
            )


def _answered(scope: Scope, heading: Span) -> tuple[Span, ...]:
    """A heading and the first sentence under it, which begins to answer what the heading asks."""
    sentences = scope.analysis.sentences
    number = bisect_left(sentences, (heading.end,))
    return (heading, sentences[number]) if scope.first <= number < scope.last else (heading,)


def _from_claims(scope: Scope, found: Found) -> Iterator[_Made]:
    """Turn claims round: "S was V because R" to "Why was S V?", "S was built in 1884" to "When was S built?"."""
    analysis = scope.analysis
    named = {
        mention.name
        for entity, mentions in found.entities(scope)
        if entity.label in (PERSON, ORGANIZATION)
        for mention in mentions
    }
    title = normalize(analysis.document.title)
    company = title if title.rstrip(".").lower().endswith(_COMPANY) else ""
    if company:
        named.add(company)
    for sentence in range(scope.first, scope.last):
        if analysis.tiers[sentence]:
            continue
        span = sentence_span(analysis, sentence)
        for text, worth in claim_questions(analysis.quote(span), named, company):
            yield _Made(text.split()[0], Statement(text, (span,), _weight(scope, sentence, worth)))


def _from_contributions(scope: Scope, found: Found) -> Iterator[_Made]:
    """What a paper presents: how does it work?"""
    analysis = scope.analysis
    for sentence in found.matching(CONTRIBUTIONS, scope):
        span = sentence_span(analysis, sentence)
        presented = _PRESENTED.search(analysis.quote(span))
        if presented is None or analysis.tiers[sentence] > 1:
            continue
        text = f"How does the {presented['what']} work?"
        if is_specific(text.replace(" that ", " ")):
            yield _Made("presented", Statement(text, (span,), _weight(scope, sentence, _PRESENT)))


def _from_definitions(scope: Scope, found: Found) -> Iterator[_Made]:
    """What something is said to be; and who somebody is, where it is put after the name."""
    analysis = scope.analysis
    people = {m.span: e.name for e, mentions in found.entities(scope) if e.label == PERSON for m in mentions}
    for sentence, subject in defined_terms(scope, found):
        span = sentence_span(analysis, sentence)
        quoted = analysis.quote(span)
        subject = _lower_first(normalize(subject))
        if not _NAMING.fullmatch(subject) or _NO_SUBJECT.match(subject) or _NO_DEFINITION.match(quoted, len(subject)):
            continue
        who = Span(span.start, span.start + len(subject)) in people
        plural = " are " in quoted[: len(subject) + 8]
        bare = subject if subject[:2] in ("a ", "an") or subject.split()[0] in _LOWER_FIRST or who else _bare(subject)
        text = f"{'Who' if who else 'What'} {'are' if plural else 'is'} {bare}?"
        yield _Made("what", Statement(text, (span,), _weight(scope, sentence, _DEFINED)))
    for mention, name in people.items():
        number = analysis.sentence_at(mention.start)
        if number is None or not scope.first <= number < scope.last or analysis.tiers[number] > 1:
            continue
        span = sentence_span(analysis, number)
        apposition = _APPOSITION.match(analysis.text, mention.end, span.end)
        if apposition is None or not _FULL_NAME.fullmatch(name) or name.split()[0].endswith("ly"):
            continue
        if _VERBS.isdisjoint(apposition["words"].split()):
            asked = Statement(f"Who is {name}?", (span,), _weight(scope, number, _DEFINED))
            yield _Made("who is", asked)


def _bare(subject: str) -> str:
    """A term at the start of a sentence loses its capital, a name keeps it."""
    return subject if len(subject.split()) > 1 or not subject[1:].islower() or len(subject) < 4 else subject.lower()


def _asked(scope: Scope) -> Iterator[_Made]:
    """Questions one speaker asks and another goes on to answer at more length.

    In an interview "you" is the one interviewed; elsewhere a question to somebody present means nothing outside.
    """
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
        text = analysis.quote(span)
        plain = re.sub(r"\b(?:you|your)\b", "", text) if analysis.kind == "interview" else text
        if _ASKING.match(text) and is_specific(normalize(plain)):
            yield _Made("asked", Statement(text, (span,), _weight(scope, sentence, _ASKED)))


_ASKING = re.compile(
    r"(?:How|What|When|Where|Why|Who|Which|Is|Are|Was|Were|Do|Does|Did|Can|Could|Will|Would|Has|Have|Had)\b"
)


def _lower_first(phrase: str) -> str:
    """Lower the first letter of a determiner; names keep theirs."""
    first, _, _ = phrase.partition(" ")
    return phrase[0].lower() + phrase[1:] if first.lower() in _LOWER_FIRST else phrase
