"""What a question asks for: its kind, what it is about, whom it wants to hear, and how long an answer it wants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import regex

from odqa.reader.facts import Name, Quantity, names, quantities
from odqa.reader.words import content_stems, is_stop, key, words
from odqa.schema import AnswerStyle, Style

WORDS_BY_STYLE = {Style.LONG: 160, Style.SHORT: 40, Style.BULLETS: 140, Style.REPORT: 240}
"""Length aimed at, in words, where the user names none."""
BRIEF_WORDS = 100
"""Length of a long answer to a question that a paragraph answers."""


class QuestionKind(StrEnum):
    """What sort of answer a question wants."""

    WHY = "why"
    HOW = "how"
    WHAT_HAPPENED = "what happened"
    DEFINITION = "definition"
    PERSON = "person"
    COMPARISON = "comparison"
    LIST = "list"
    NUMBER = "number"
    DATE = "date"
    PLACE = "place"
    CHOICE = "choice"
    YES_NO = "yes or no"
    OPINION = "opinion"
    TIMELINE = "timeline"
    SUMMARY = "summary"
    OPEN = "open"


FACTOIDS = frozenset(
    {QuestionKind.PERSON, QuestionKind.NUMBER, QuestionKind.DATE, QuestionKind.PLACE, QuestionKind.CHOICE}
)
"""Kinds that one or two sentences answer."""
BRIEF = FACTOIDS | {QuestionKind.DEFINITION, QuestionKind.YES_NO}
"""Kinds that a paragraph answers even where a long answer is asked for."""

_PATTERNS: tuple[tuple[QuestionKind, str], ...] = (
    (
        QuestionKind.SUMMARY,
        r"\b(summari[sz]e|summary|overview|gist|outline|recap|main (points?|idea)|(what is|describe) the (plot|setting|"
        r"story)|what (is|was|are) (the|this) \S+( \S+)? about|zusammenfass|résum|resum)",
    ),
    (QuestionKind.TIMELINE, r"\b(time ?line|chronolog\w*|sequence of events|in what order|history of)\b"),
    (
        QuestionKind.OPINION,
        r"\b(think|thought|thinks|feel|felt|opinions?|views?|attitudes?|believed?|say|said|says|argued?|suggest\w*|"
        r"propos\w*|recommend\w*|disagree\w*|agreed?|according to|comment\w*|react\w*|respond\w*|stance|position on)\b",
    ),
    (
        QuestionKind.COMPARISON,
        r"\b(compar\w+|differen(ce|ces|t)|differ|differs|versus|vs\.?|contrast\w*|similarit\w+|"
        r"better than|worse than)\b",
    ),
    (
        QuestionKind.NUMBER,
        r"\b(how (many|much|old|long|far|high|tall|large|big|deep|often|fast)|what (is|was|were|are) the (total|number|"
        r"amount|cost|price|percentage|share|population|value|size|budget|height|length|age|rate)\b|what (percentage|"
        r"number|amount|share|proportion))|^(wie ?viele?|combien|cu[aá]nt[oa]s?|quanto|quanti|hoeveel)\b",
    ),
    (
        QuestionKind.WHY,
        r"\b(why|what (caused|causes|led to|made)|reasons?|purpose|how come)\b|^(warum|pourquoi|perché)\b",
    ),
    (
        QuestionKind.DATE,
        r"^((in|on|since|by|during|from|until) )?(when|what (year|date|day|month|time|decade|century)|"
        r"which (year|date|day|"
        r"month|decade|century))\b|\b(what|which) (year|date)\b|^(wann|quand|cu[aá]ndo|wanneer)\b",
    ),
    (
        QuestionKind.PLACE,
        r"^((in|at|from|to) )?(where|what (city|country|place|town|location|state|region)|"
        r"which (city|country|place|town|"
        r"location|state|region))\b|^(wo|où|d[oó]nde|waar)\b",
    ),
    (
        QuestionKind.DEFINITION,
        r"^(who|what) (is|are|was|were) (an? \S+,.*|\S+( \S+){0,4})\?*$|\b(define|definition|what does .* mean)\b",
    ),
    (QuestionKind.PERSON, r"^(by |to |for |with |from )?(who|whom|whose)\b|^(wer|qui|qui[eé]n|chi|wie)\b"),
    (QuestionKind.WHAT_HAPPENED, r"\bwhat (happen\w*|became|did .* do)\b|\b(fate|outcome|events?|role)\b"),
    (QuestionKind.LIST, r"\b(list|name (all|the|three|two|some)|what (are|were) the|which (are|were) the|enumerate)\b"),
    (QuestionKind.HOW, r"\bhow\b|\b(process|steps?|method|approach)\b|^(comment|wie|c[oó]mo)\b"),
    (QuestionKind.CHOICE, r"^(in |on |at |for |to |from |by )?which\b|^what (was|is) the name\b"),
    (
        QuestionKind.YES_NO,
        r"^(is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)\b",
    ),
)
_COMPILED = tuple((kind, regex.compile(pattern, regex.IGNORECASE)) for kind, pattern in _PATTERNS)
_POLITE = regex.compile(
    r"^(please|can|could|would you( please)?|tell me|i want to know|do you know|explain to me|show me)[\s,]+"
    r"((you )?(please )?(tell|explain|show)( to)?( me)?\s+)?(?=(what|who|why|when|where|how|which|whom|whose|about)\b)",
    regex.IGNORECASE,
)
_BROAD_WORDS = (
    "plot story setting summary summarize summarise overview gist outline recap whole entire meeting discussion "
    "discuss document report text article paper passage book transcript conversation describe description explain "
    "explanation tell give detail details information main point points idea ideas important importance significance "
    "significant role relationship happen happens happened throughout end beginning change type kind sort thing "
    "things part parts way ways reason reasons cause causes difference differences compare comparison between "
    "opinion opinions view think thought thinks say says said know mean means meaning example examples list name "
    "named names year years date time day month number amount many much old long person people character characters "
    "someone place city country location impact effect effects influence affect result results outcome question "
    "answer topic issue decide decision conclusion conclude come use used make made do did does talk mention "
    "according cover describes first last new big get take find found group team theme explore explored debate respond "
    "response comment mention presentation item items settings aspect timeline history chronology sequence events "
    "event order different total percentage overall following"
)
BROAD = frozenset(map(key, _BROAD_WORDS.split()))
"""Stems that ask about a text without naming anything in it."""
_SPEAKER = (
    regex.compile(
        r"\b(?:did|does|do|would|has|had|was|were|is)\s+(?:the\s+)?(?P<who>[^?,]{2,60}?)(?:['’]s?)?\s+(?:\w+ly\s+)?(?:think|say|"
        r"feel|believe|argue|suggest|propose|recommend|comment|react|respond|mention|tell|answer|reply|talk|speak|want|"
        r"disagree|agree|explain|describe|express|claim|consider|view|point out|object|complain)\b",
        regex.IGNORECASE,
    ),
    regex.compile(
        r"\baccording to\s+(?:the\s+)?(?P<who>[^?,]{2,60}?)(?:\?|,|$|\s+(?:what|who|why|how|when)\b)", regex.IGNORECASE
    ),
    regex.compile(
        r"(?:^|\b(?:is|was|were|are|about)\s+)(?:the\s+)?(?P<who>\p{L}[^?,]{1,60}?)['’]s?\s+(?:\w+\s+){0,2}?(?:opinions?|views?|"
        r"thoughts?|attitudes?|position|stance|suggestions?|reaction|response|comments?|recommendations?)\b",
        regex.IGNORECASE,
    ),
    regex.compile(
        r"\b(?:opinions?|views?|thoughts?|attitudes?|position|stance|reaction|comments?) of\s+(?:the\s+)?"
        r"(?P<who>[^?,]{2,40}?)"
        r"(?:\s+(?:on|about|towards?|to|regarding|concerning)\b|\?|$)",
        regex.IGNORECASE,
    ),
    regex.compile(r"^(?P<who>\p{Lu}[\p{L}.' -]{1,40}?)\s+(?:said|thought|thinks|says)\b"),
)
_SECOND_PART = regex.compile(r"\b(and|but) (why|how|what|who|where|when)\b", regex.IGNORECASE)
# German writes every noun with a capital, so that capitals tell no names.
_GERMAN = regex.compile(
    r"(?:^|\s)(?:der|die|das|den|dem|ein|eine|ist|wird|wurde|wurden|hat|haben|wer|wie|wann|warum)\s"
)
_QUOTED = regex.compile(r"[“\"‘«]([^”\"’»]{2,80})[”\"’»]")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, analysed.

    Attributes:
        text: as asked, white space squeezed.
        kind: what sort of answer it wants.
        terms: stems of its content words that name something, in order, without repetition.
        names: the names it mentions.
        numbers: the numbers it mentions.
        speaker: whose words it asks for, or "".
        quoted: phrases it puts in quotation marks.
    """

    text: str
    kind: QuestionKind
    terms: tuple[str, ...]
    names: tuple[Name, ...] = ()
    numbers: tuple[Quantity, ...] = ()
    speaker: str = ""
    quoted: tuple[str, ...] = ()

    @property
    def is_factoid(self) -> bool:
        """Whether one or two sentences answer it."""
        return self.kind in FACTOIDS

    @property
    def is_broad(self) -> bool:
        """Whether it names nothing that could be looked for, as in `What is the plot of the story?`."""
        return not self.terms


def _speaker(text: str) -> str:
    for pattern in _SPEAKER:
        match = pattern.search(text)
        if match:
            who = regex.sub(
                r"^(?:(?:the|a|an|what|how|why|did|does|is|was|are|were|about)\s+)+|['’]s?$",
                "",
                match["who"].strip(),
                flags=regex.IGNORECASE,
            )
            content = [w for w in words(who) if w.is_content]
            if content and len(content) <= 4 and not all(w.stem in BROAD for w in content):
                return str(who)
    return ""


@lru_cache(maxsize=256)
def analyse(text: str) -> Question:
    """Analyse a question.

    Rules rather than a model: they cost microseconds, can be read, and a wrong kind only changes length and
    order, never what may be said.

    Args:
        text: the question, in any language; kinds are told apart in English and, roughly, five others.
    """
    squeezed = _POLITE.sub("", " ".join(text.split()))
    speaker = _speaker(squeezed)
    kind = next((kind for kind, pattern in _COMPILED if pattern.search(squeezed)), QuestionKind.OPEN)
    stems = tuple(dict.fromkeys(content_stems(squeezed)))
    found = () if _GERMAN.search(squeezed) else tuple(n for n in names(squeezed) if not (n.weak and _is_opening(n)))
    named = {part.stem for name in found for part in name.parts}
    terms = tuple(stem for stem in stems if stem not in BROAD or stem in named)
    if kind in FACTOIDS and _SECOND_PART.search(squeezed):
        kind = QuestionKind.OPEN
    if (
        kind is QuestionKind.OPINION
        and not speaker
        and not regex.search(r"opinion|view|think|thought|attitude", squeezed)
    ):
        kind = QuestionKind.OPEN
    return Question(
        text=squeezed,
        kind=kind,
        terms=terms,
        names=found,
        numbers=tuple(q for q in quantities(squeezed) if not q.weak),
        speaker=speaker,
        quoted=tuple(_QUOTED.findall(squeezed)),
    )


def _is_opening(name: Name) -> bool:
    return is_stop(name.text) or name.parts[0].stem in BROAD or name.start == 0


def resolve_style(question: str, style: AnswerStyle) -> tuple[Style, int]:
    """Return the layout to use and the number of words to aim at.

    Args:
        question: the question; it decides where the style leaves things open.
        style: what the user asked for.
    """
    layout = style.style or (Style.SHORT if analyse(question).is_factoid else Style.LONG)
    if style.words is not None:
        return layout, max(style.words, 1)
    if layout is Style.LONG and analyse(question).kind in BRIEF:
        return layout, BRIEF_WORDS
    return layout, WORDS_BY_STYLE[layout]
