"""Does search know when the documents do not answer? Questions that they do against questions that they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from odqa.evaluate.answers.foreign import foreign_questions
from odqa.evaluate.answers.refusal import Outcome, refusal_figures
from odqa.evaluate.bench import sample

if TYPE_CHECKING:
    from odqa.data.datasets import Question
    from odqa.evaluate.bench import Bench

MOST = 150
"""Questions of each kind: answerable, of other data sets, and marked as unanswerable by the data set itself."""


def measure_answerability(bench: Bench, most: int = MOST) -> dict[str, float]:
    """Return how well the probability that evidence answers tells answerable questions from others.

    The figures are those of `odqa.evaluate.answers.refusal.refusal_figures`, of search alone: no answer is written.

    Args:
        bench: questions, and an engine over the documents.
        most: questions of each kind at most, drawn at random but the same in every run.
    """
    own = [question for question in bench.questions if not question.answerable]
    answered = [question for question in bench.questions if question.answerable and question.gold]
    kinds = [(sample(answered, most, bench.seed), False), (sample(own, most, bench.seed), False)]
    kinds.append((foreign_questions(bench, min(most, len(answered))), True))
    outcomes: list[Outcome] = []
    total = sum(len(questions) for questions, _ in kinds)
    for questions, foreign in kinds:
        outcomes += _judged(bench, questions, foreign, len(outcomes), total)
    return refusal_figures(outcomes)


def _judged(bench: Bench, questions: Sequence[Question], foreign: bool, done: int, total: int) -> list[Outcome]:
    engine = bench.searchable
    outcomes = []
    for number, question in enumerate(questions):
        bench.tell("judge", done + number, total)
        judged = engine.find(question.text).answerability
        if judged is not None:
            outcomes.append(Outcome(question.answerable, not judged.answerable, judged.probability, foreign))
    return outcomes
