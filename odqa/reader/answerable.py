"""Does the evidence answer the question at all? A wrong answer costs a reader more than an honest "not here".

Two kinds of reasons to refuse: something checkable is missing (a name that no document mentions, a year, any date
at all for a when-question), or the question and the best sentences are too far apart. The distance becomes a
probability by logistic regression, fitted on questions about stories, meetings, company reports and Wikipedia
tables, each asked of its own documents and of those of the three other kinds.

Fitted with MiniLM on 265 questions, of which 7 % were refused by their own documents and 92 % by the others. Of 138
questions not fitted on, 8 were refused by their own documents (6 of them multi-hop, their evidence incomplete), and
407 of 414 times by the others; their stories and meetings were new, the reports were not. What stays hard is a
question that fits the documents but that they leave open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import regex

from odqa.reader.candidates import Candidate
from odqa.reader.facts import Name
from odqa.reader.question import Question, QuestionKind
from odqa.reader.relevance import Relevance, has_answer_type
from odqa.reader.words import content_stems, fold, inverse_frequencies, weight_of, words
from odqa.schema import Document, Evidence, PassageKind

# Search judges first, by more than sentences (`odqa.retriever.answerability`); a reader given evidence from elsewhere
# still refuses what is far from the question.
REFUSE_BELOW = 0.1
REFUSE_BELOW_LEXICAL = 0.5
_NEAREST = 8
_BROAD_CONFIDENCE = 0.6
_NARRATIVE_SHARE = 0.3
_MEETING_SHARE = 0.5

# Weights of (closest sentence, best passage's share of the question, share of its names found) and intercept.
_WEIGHTS = (17.6, 3.5, 1.1, -10.6)
_LEXICAL_WEIGHTS = (0.0, 8.5, 1.8, -4.8)

_DEMONYM = regex.compile(r"\p{Lu}\p{L}+(?:ish|ese|ian|ean|ans?|ic)s?")
_STORY = regex.compile(r"\b(?:plot|story|stories|tale|novel|characters?|protagonist|narrator)\b", regex.IGNORECASE)
_MEETING = regex.compile(r"\b(?:meeting|interview|conversation|transcript|hearing|recording)\b", regex.IGNORECASE)
_NARRATED = regex.compile(r"[\"“”]|\b(?:he|she|his|her|him)\b", regex.IGNORECASE)
_TYPE_NAMES = {QuestionKind.DATE: "date or time", QuestionKind.NUMBER: "number", QuestionKind.PERSON: "name"}


class Judgement(NamedTuple):
    """Whether to answer.

    Attributes:
        refusal: why not, as a sentence for people, or "".
        confidence: probability that the evidence answers the question.
    """

    refusal: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Signals:
    """What the probability is computed from, each 0–1.

    Attributes:
        closest: similarity of the closest sentence to the question, above that of unrelated sentences.
        passage: share of the question's idf weight that the best single passage holds.
        named: share of the question's names that some document mentions.
    """

    closest: float
    passage: float
    named: float

    def probability(self, *, dense: bool) -> float:
        """Return the probability that a question with these signals is answered."""
        closest, passage, named, intercept = _WEIGHTS if dense else _LEXICAL_WEIGHTS
        logit = closest * self.closest + passage * self.passage + named * self.named + intercept
        return 1 / (1 + math.exp(-logit))


def judge(
    question: Question,
    candidates: Sequence[Candidate],
    evidence: Sequence[Evidence],
    relevance: Relevance,
    *,
    dense: bool,
) -> Judgement:
    """Decide whether to answer, with the reason where not.

    Args:
        question: the question.
        candidates: sentences of the evidence.
        evidence: best first.
        relevance: of the candidates.
        dense: the relevance has a semantic part.
    """
    if question.is_broad:
        mismatch = _other_genre(question, evidence)
        return Judgement(mismatch, 0.1 if mismatch else _BROAD_CONFIDENCE)
    missing = missing_names(question, evidence)
    signals = measure(question, candidates, evidence, relevance, missing)
    probability = signals.probability(dense=dense)
    telling = [name for name in missing if _is_telling(name)]
    if telling and not _is_one_of_many(question, missing):
        return Judgement(f"No document mentions ‘{telling[0].text}’.", round(min(probability, 0.2), 4))
    absent = _missing_number(question, evidence)
    if absent:
        return Judgement(f"No document mentions {absent}.", round(min(probability, 0.25), 4))
    if probability < (REFUSE_BELOW if dense else REFUSE_BELOW_LEXICAL):
        return Judgement(_distance(question, evidence), round(probability, 4))
    wanted = _TYPE_NAMES.get(question.kind)
    if wanted and not _has_type_nearby(question, candidates, relevance):
        return Judgement(f"The passages found give no {wanted} that would answer this.", round(0.5 * probability, 4))
    return Judgement("", round(probability, 4))


def measure(
    question: Question,
    candidates: Sequence[Candidate],
    evidence: Sequence[Evidence],
    relevance: Relevance,
    missing: Sequence[Name],
) -> Signals:
    """Measure how near the evidence is to the question."""
    frequencies = inverse_frequencies([c.stems for c in candidates])
    weights = {term: weight_of(term, frequencies, len(candidates)) for term in question.terms}
    total = sum(weights.values()) or 1.0
    best = max((sum(w for term, w in weights.items() if term in held) for held in map(_stems, evidence)), default=0.0)
    named = 1 - len(missing) / len(question.names) if question.names else 1.0
    return Signals(float(relevance.semantic.max()), best / total, named)


def _stems(item: Evidence) -> set[str]:
    return {*content_stems(item.text), *content_stems(f"{item.passage.context} {' '.join(item.section.path)}")}


def missing_names(question: Question, evidence: Sequence[Evidence]) -> tuple[Name, ...]:
    """Return the names of the question that none of the documents mentions, misspellings forgiven."""
    known = set().union(*map(_stems, evidence)) if evidence else set()
    documents = list({item.document.id: item.document for item in evidence}.values())
    near = {fold(word.text) for item in evidence for word in words(item.text) if word.text[0].isupper()}

    def is_known(text: str, stem: str) -> bool:
        if stem in known or any(_mentions(document, text) for document in documents):
            return True
        return len(text) > 4 and bool(get_close_matches(fold(text), near, n=1, cutoff=0.84))

    def is_missing(name: Name) -> bool:
        parts = [is_known(part.text, part.stem) for part in name.parts]
        return 2 * sum(parts) < len(parts)

    return tuple(name for name in question.names if is_missing(name))


def _mentions(document: Document, text: str) -> bool:
    if text.isupper() and 1 < len(text) <= 5:
        initials = r"\P{L}+(?:\p{Ll}+\P{L}+)?".join(rf"{regex.escape(letter)}\p{{Ll}}+" for letter in text)
        return regex.search(rf"\b(?:{regex.escape(text)}\b|{initials})", document.text) is not None
    whole = f"{document.title}\n{document.source}\n{document.metadata}\n{document.text}"
    return regex.search(rf"(?<!\p{{L}}){regex.escape(text)}", whole, regex.IGNORECASE) is not None


def _is_telling(name: Name) -> bool:
    """Whether a missing name settles the matter: an acronym or a nationality may be put in other words."""
    short = all(part.text.isupper() and len(part.text) <= 4 for part in name.parts)
    return not short and not (len(name.parts) == 1 and _DEMONYM.fullmatch(name.text))


def _is_one_of_many(question: Question, missing: Sequence[Name]) -> bool:
    """Whether a question that winds through several names lacks only a few of them."""
    return len(question.names) >= 3 and 2 * len(missing) < len(question.names)


def _missing_number(question: Question, evidence: Sequence[Evidence]) -> str:
    """Return a year of the question that no document mentions."""
    documents = {item.document.id: item.document for item in evidence}.values()
    for number in question.numbers:
        year = question.text[number.start : number.end].strip()
        if regex.fullmatch(r"1\d{3}|20\d{2}", year) and not any(_mentions(document, year) for document in documents):
            return year
    return ""


def _has_type_nearby(question: Question, candidates: Sequence[Candidate], relevance: Relevance) -> bool:
    """Whether a date, number or name stands in the sentences nearest to the question, or right beside them."""
    nearest = {int(n) for n in np.argsort(-relevance.total, kind="stable")[:_NEAREST]}
    beside = {c.previous for n, c in enumerate(candidates) if n in nearest and c.previous is not None}
    beside |= {n for n, c in enumerate(candidates) if c.previous in nearest}
    return any(has_answer_type(question, candidates[n].text) or _is_answering_speaker(question, candidates[n])
               for n in nearest | beside)  # fmt: skip


def _is_answering_speaker(question: Question, candidate: Candidate) -> bool:
    spoken = candidate.block is not None and candidate.block.speaker is not None
    return question.kind is QuestionKind.PERSON and spoken


def _other_genre(question: Question, evidence: Sequence[Evidence]) -> str:
    """Say so where a question that names nothing asks for a story or a meeting among documents of another kind."""
    turns = any(item.passage.kind is PassageKind.TURNS for item in evidence)
    if _STORY.search(question.text):
        prose = [item for item in evidence if item.passage.kind is PassageKind.TEXT]
        told = [bool(_NARRATED.search(span.of(i.document.text))) for i in prose for span in i.passage.sentences]
        if not told or sum(told) < _NARRATIVE_SHARE * len(told):
            return "None of the documents found is a story."
    elif _MEETING.search(question.text) and not turns:
        named = sum(_MEETING.search(f"{item.document.title} {item.text}") is not None for item in evidence)
        if named < _MEETING_SHARE * len(evidence):
            return "None of the documents found is about a meeting."
    return ""


def _distance(question: Question, evidence: Sequence[Evidence]) -> str:
    """Say what the evidence lacks: the rarest words of the question that no passage has, where there are any."""
    known = set().union(*map(_stems, evidence)) if evidence else set()
    lacking = list(
        dict.fromkeys(w.text for w in words(question.text) if w.stem in question.terms and w.stem not in known)
    )
    if lacking:
        named = ", ".join(f"‘{word}’" for word in lacking[:3])
        return f"The passages found say nothing about {named}."
    return "The passages found are about something else."
