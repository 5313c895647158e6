"""Turn claims round: what a sentence says of its subject becomes the question that the sentence answers.

Rules over the words of a sentence, in the manner of Heilman & Smith (2010, "Good question! Statistical ranking for
question generation") but without a parser: only a subject that is a plain noun phrase right at the front, followed
by an auxiliary or by the past of a verb that `verbs` knows, is turned. What does not clearly fit is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from odqa.index.summary.dates import find_dates
from odqa.index.summary.figures import MONEY_WEIGHT, PERCENT_WEIGHT, find_figures
from odqa.index.summary.verbs import LEMMAS
from odqa.index.summary.words import FUNCTION_WORDS, PRONOUN_STARTS

WHY, WHEN, HOW_MUCH, WHO, WHAT_DID = 1.0, 0.9, 0.95, 0.8, 0.7
"""What each sort of question is worth: the surer it is answered in one sentence, the more."""

_AUXILIARIES = frozenset("is are was were".split())
_DETERMINERS = frozenset("the a an all each every both no some".split())
_IN_SUBJECT = frozenset("of and & for the on in at into from".split())
_NOT_IN_SUBJECT = (
    (FUNCTION_WORDS | PRONOUN_STARTS | frozenset("said asked thing things way ways lot part reason result".split()))
    - _DETERMINERS
    - _IN_SUBJECT
)
_VAGUE = frozenset(
    """
    last next other same only
    whole former latter rest following above one ones man woman men women boy girl
    people person company firm group organization organisation corporation document report paper system figure table
    place day time year case event sub-event step stage phase part
    """.split()
)
"""Nouns and adjectives that name nothing by themselves: "the company" of which text?"""
_COMPANIES = frozenset("company firm corporation organization organisation".split())
_PRONOUNS = frozenset(
    """
    i me my mine we us our ours you your yours he him his she her hers it its they them their theirs this that these
    those here there such so who whom whose which what himself herself itself themselves former latter above below
    """.split()
)
_OWN = frozenset("its their his her".split())
_LEAD = re.compile(r"(?:In|On|During)\s[^,]{3,40}?(?=,\s),\s")
_CAUSE = re.compile(r",?\s(?:because|owing\sto|due\sto|on\saccount\sof)\b")
_WHEN = re.compile(
    r"\s(?:on\s(?:the\s)?\d|in\s(?:(?:early|late|mid)\s)?(?:January|February|March|April|May|June|July|August|September"
    r"|October|November|December|(?:the\s)?(?:spring|summer|autumn|winter|fall)\sof|(?:1\d|20)\d\d))"
)
_CLAUSE = re.compile(
    r"\s?[,;:()—–\"“”]|\s(?:which|who|that|and|but|while|although|as|so|when|where|if|than|until|after|before|since"
    r"|resulting|leading|including|making|such|by\s\w+ing)\b"
)
_PREPOSITIONS = frozenset("by to from with in on at for of into over about through during per via".split())
_ALONE = frozenset(
    """
    open close begin end die arrive retire resign collapse explode sink start finish merge leave return sail disappear
    """.split()
)
"""Verbs that need no object: "The design adopted in 1992 stood …" is no claim that a design adopted."""
_MADE = frozenset(
    "built begun born held found made sold lost sent given taken written laid paid cut drawn seen".split()
)
_RISING = frozenset("rise fall grow increase decrease decline drop".split())
_SPENDING = frozenset(
    "cost pay spend invest raise receive earn lose donate borrow allocate generate contribute".split()
)
_MAX_SUBJECT, _MIN_EVENT, _MAX_EVENT = 7, 1, 12


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence as subject, verb and the rest.

    Attributes:
        subject: as it stands in a question.
        verb: the auxiliary, or the past form.
        lemma: the infinitive of a past form; "" for an auxiliary.
        rest: everything after the verb.
        date: the words of a date before the subject, `in January 2021`; "".
        named: whether the subject is the name of a person or an organisation.
    """

    subject: str
    verb: str
    lemma: str
    rest: str
    date: str
    named: bool


def claim_questions(sentence: str, named: Collection[str], stands_for: str = "") -> Iterator[tuple[str, float]]:
    """Yield the questions that a sentence answers, each with what its sort is worth.

    Args:
        sentence: one sentence, white space normalised.
        named: names of people and organisations.
        stands_for: the company that "the company" is; "" where that is not known.
    """
    claim = _read(sentence, named, stands_for)
    if claim is None:
        return
    for question, worth in (*_why(claim), *_when(claim), *_how_much(claim), *_who(claim), *_what_did(claim)):
        if is_specific(question, own=claim.subject in question):
            yield question, worth


def is_specific(question: str, *, own: bool = False) -> bool:
    """Tell whether a question points at nothing outside itself.

    Args:
        question: its text.
        own: whether possessives refer back to a subject that the question names.
    """
    words = {word.strip("?,.'’\"“”()").lower() for word in question.split()[1:]}
    return not words & (_PRONOUNS - _OWN if own else _PRONOUNS) and len(question.split()) <= 22


def _read(sentence: str, named: Collection[str], stands_for: str) -> Claim | None:
    lead = _LEAD.match(sentence)
    date = ""
    if lead is not None and next(find_dates(lead.group()), None) is not None:
        date = lead.group().rstrip(", ")
        date, sentence = date[0].lower() + date[1:], sentence[lead.end() :]
    words = sentence.split(" ")
    for position, word in enumerate(words[1 : _MAX_SUBJECT + 1], start=1):
        if word not in _AUXILIARIES and word not in LEMMAS:
            continue
        subject = _subject(words[:position], stands_for)
        rest = " ".join(words[position + 1 :])
        if not subject or not rest or _is_passive(words, position):
            return None
        return Claim(subject, word, LEMMAS.get(word, ""), rest, date, " ".join(words[:position]) in named)
    return None


def _is_passive(words: list[str], position: int) -> bool:
    """A past form before "by" is a participle, unless it is the verb of something that rises or falls."""
    lemma = LEMMAS.get(words[position], "")
    return bool(lemma) and lemma not in _RISING and words[position + 1] == "by"


def _subject(words: list[str], stands_for: str) -> str | None:
    """The words before the verb where they are a plain noun phrase that names something."""
    lower = [word.lower() for word in words]
    if any(word in _NOT_IN_SUBJECT or word.rstrip("'’") != word or not word[-1].isalnum() for word in lower):
        return None
    if any(not (word[0].isalnum() or word in _IN_SUBJECT) or word.endswith("ing") for word in lower):
        return None
    if lower[0] in _DETERMINERS:
        if lower[0] != "the" or len(words) < 2:
            return None
        if len(words) == 2 and lower[1] in _COMPANIES:
            return stands_for or None
        if lower[1] in _VAGUE or lower[-1] in _IN_SUBJECT:
            return None
        return " ".join(["the", *words[1:]])
    return " ".join(words) if words[0][0].isupper() and words[-1][0].isupper() else None


def _event(text: str, least: int = _MIN_EVENT) -> str | None:
    """The words up to the end of the clause, where they can end a question."""
    cut = _CLAUSE.search(text)
    event = (text[: cut.start()] if cut is not None else text).strip().rstrip(".!?")
    words = event.split()
    if not words:
        return "" if least == 0 else None
    if not least <= len(words) <= _MAX_EVENT or words[-1].lower() in FUNCTION_WORDS or "between" in words:
        return None
    return event


def _asking(claim: Claim, event: str) -> str:
    """Auxiliary, subject and event in the order of a question."""
    if claim.lemma:
        return f"did {claim.subject} {claim.lemma} {event}".rstrip()
    return f"{claim.verb} {claim.subject} {event}"


def _why(claim: Claim) -> Iterator[tuple[str, float]]:
    cause = _CAUSE.search(claim.rest)
    if cause is not None and (event := _event(claim.rest[: cause.start()])) == claim.rest[: cause.start()]:
        yield f"Why {_asking(claim, event)}?", WHY


def _when(claim: Claim) -> Iterator[tuple[str, float]]:
    if claim.verb in ("is", "are"):
        return
    when = _WHEN.search(f" {claim.rest}")
    if when is not None:
        before = claim.rest[: max(when.start() - 1, 0)]
        event = _event(before, 0 if claim.lemma in _ALONE else 1)
        if event is not None and event == before.strip() and _is_one_event(claim, event.split()):
            yield f"When {_asking(claim, event)}?", WHEN
    elif claim.date and (event := _event(claim.rest)) is not None:
        yield f"When {_asking(claim, event)}?", WHEN


def _is_one_event(claim: Claim, words: list[str]) -> bool:
    """The date belongs to the verb: what was done is a participle, and no other verb stands before the date."""
    if not claim.lemma and not _is_participle(words[0]):
        return False
    return not any(_is_participle(word) for word in words[1:])


def _is_participle(word: str) -> bool:
    return word in LEMMAS or word in _MADE or (word.endswith("ed") and len(word) > 4)


def _how_much(claim: Claim) -> Iterator[tuple[str, float]]:
    """Money that is paid or made, and shares by which something rises or falls."""
    figure = next(iter(find_figures(claim.rest[:80])), None)
    if figure is None or figure.weight not in (MONEY_WEIGHT, PERCENT_WEIGHT):
        return
    before, after = claim.rest[: figure.span.start].strip(), claim.rest[figure.span.end :].strip()
    event = _event(after, 0) if after.strip(" .") else ""
    if event is None or (event and event.split()[0].lower() not in _PREPOSITIONS):
        return
    if claim.lemma in _RISING and before == "by":
        yield f"By how much {_asking(claim, event)}?", HOW_MUCH
    elif claim.lemma in _SPENDING and before in ("", "about", "nearly", "over", "around", "approximately", "some"):
        if event.startswith("of "):
            return
        yield f"How much {_asking(claim, event)}?", HOW_MUCH


def _who(claim: Claim) -> Iterator[tuple[str, float]]:
    """The subject is asked for: nothing has to be turned. And who did it, of what was done by somebody."""
    if claim.named and claim.lemma:
        event = _event(claim.rest, 4)
        if event is not None and event.split()[0].lower() not in _PREPOSITIONS:
            yield f"Who {claim.verb} {event}?", WHO
    done = re.match(r"(\w+) by ((?:[A-Z]\S*\s?){1,5})", claim.rest)
    if claim.verb in ("was", "were") and done is not None and done.group(1) in LEMMAS:
        yield f"Who {done.group(1)} {claim.subject}?", WHO


def _what_did(claim: Claim) -> Iterator[tuple[str, float]]:
    if claim.date and claim.lemma:
        yield f"What did {claim.subject} do {claim.date}?", WHAT_DID
