"""What people score against each other: the most that a measure can ask of an answer.

Each reference is scored against the others. An answer that is compared with all references has one more to come
close to, which flatters it wherever the maximum is taken; so it is scored here against the same numbers of
references, each left out once, and the two can be put side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

from odqa.data.datasets import AnswerLength
from odqa.evaluate.text import ROUGE, exact_match, rouge, token_f1, word_count

Scores = Mapping[str, float]
Measure = Callable[[str, Sequence[str]], Scores]
"""Compares a prediction with references, of which there is at least one."""

_KEPT_PAIRS = 1 << 10


def measure_for(answers: AnswerLength) -> tuple[Measure, str]:
    """Return how answers of a kind are scored, and the one figure by which to judge them.

    ROUGE and ROUGE-L for long answers, token F1 and exact match for short ones, each the maximum over references.
    What two texts score is remembered: readers say the same under several conditions, and ROUGE-L is slow.
    """
    short = answers is AnswerLength.SHORT
    pair = lru_cache(_KEPT_PAIRS)(_short if short else _long)

    def measure(prediction: str, references: Sequence[str]) -> Scores:
        scores = [pair(prediction, reference) for reference in references]
        return {name: max(score[name] for score in scores) for name in scores[0]}

    return measure, "f1" if short else "rougeL"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a question's references say of each other.

    Attributes:
        human: mean score of a reference against the others.
        longest: score of the longest reference against the others, the bound of Krishna et al. (2021, §3.3).
        engine: mean score of the answer where each reference in turn is left out.
    """

    human: Scores
    longest: Scores
    engine: Scores


def leave_one_out(answer: str, references: Sequence[str], measure: Measure) -> Ceiling | None:
    """Score each reference against the others, and the answer against as many; None for a single reference.

    Args:
        answer: the engine's; "" scores nothing.
        references: of one question.
        measure: compares a prediction with references.
    """
    if len(references) < 2:
        return None
    others = [[*references[:place], *references[place + 1 :]] for place in range(len(references))]
    people = [measure(reference, rest) for reference, rest in zip(references, others, strict=True)]
    lengths = [word_count(reference) for reference in references]
    held_out = [measure(answer, rest) for rest in others]
    return Ceiling(mean_scores(people), people[lengths.index(max(lengths))], mean_scores(held_out))


def mean_scores(rows: Sequence[Scores]) -> dict[str, float]:
    """Return the mean of each figure over the rows that have it; nothing for no rows."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: fmean(row[name] for row in rows if name in row) for name in names}


def _long(prediction: str, reference: str) -> Scores:
    return rouge(prediction, [reference]) if prediction else dict.fromkeys(ROUGE, 0.0)


def _short(prediction: str, reference: str) -> Scores:
    return {"f1": token_f1(prediction, [reference]), "em": exact_match(prediction, [reference])}
