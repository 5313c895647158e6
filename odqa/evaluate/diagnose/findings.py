"""What a reader of the diagnostics has to know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from odqa.evaluate.diagnose import trivial
from odqa.evaluate.diagnose.ablation import Condition
from odqa.evaluate.diagnose.overlap import NEAR_COSINE, NEAR_NGRAM, repeated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odqa.evaluate.diagnose.examine import Case, Study
    from odqa.evaluate.result import Figures

_UNLIKE_LENGTH = 1.5
_WORDS = {condition: "no" if condition is Condition.NONE else str(condition) for condition in Condition}


def findings(
    study: Study, cases: Sequence[Case], metrics: Figures, baselines: Mapping[str, Figures], headline: str
) -> Iterator[str]:
    """Yield the notes of a diagnosis.

    Args:
        study: what was measured with.
        cases: what was found, one for each question.
        metrics: the engine's figures over all questions.
        baselines: those of other systems.
        headline: the measure that decides.
    """
    yield from _left_out(study, cases)
    if study.ablation is None:
        yield (
            f"{study.bench.dataset.name} has no documents: only overlap, trivial answers and ceiling were measured; "
            "name an index with --index for the rest."
        )
    else:
        yield from _evidence(cases, metrics, headline)
    yield from _overlap(study, cases, metrics, headline)
    yield from _trivial(study, cases, metrics, baselines, headline)
    yield from _ceiling(cases, metrics, baselines, headline)


def _left_out(study: Study, cases: Sequence[Case]) -> Iterator[str]:
    unanswerable = sum(not question.answerable for question in study.bench.questions)
    if unanswerable:
        noun = "unanswerable question is" if unanswerable == 1 else "unanswerable questions are"
        yield f"{unanswerable:,} {noun} left to `odqa eval answers`."
    if bare := len(study.bench.questions) - unanswerable - len(cases):
        noun = "question without a reference was" if bare == 1 else "questions without a reference were"
        yield f"{bare:,} {noun} left out."


def _evidence(cases: Sequence[Case], metrics: Figures, headline: str) -> Iterator[str]:
    for condition, lack in (
        (Condition.GOLD, "the index holds none of their gold documents"),
        (Condition.RANDOM, "the index holds no document beside those of gold and retrieved evidence"),
    ):
        if missing := sum(condition not in case.conditions for case in cases):
            yield f"{missing:,} of {len(cases):,} questions have no {condition} evidence: {lack}."
    key = f"retrieved_minus_random_{headline}"
    if key in metrics:
        low, high = metrics[f"{key}_low"], metrics[f"{key}_high"]
        found = f"{headline} {metrics[key]:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
        if low <= 0 <= high:
            yield (
                f"Retrieved evidence is not surely better than random evidence: {found}. "
                "A reader that ignores what it is given looks like this."
            )
        elif high < 0:
            yield f"Random evidence gives better answers than retrieved evidence: {found}."
        else:
            yield f"Retrieved evidence is better than random evidence: {found}."
            yield from _refusing(cases, metrics, headline)
    refused = {
        condition: metrics[f"{condition}_refusal_rate"]
        for condition in Condition
        if f"{condition}_refusal_rate" in metrics
    }
    shares = ", ".join(f"{share:.0%} with {_WORDS[condition]} evidence" for condition, share in refused.items())
    yield f"A refusal scores nothing. Refused: {shares}."


def _refusing(cases: Sequence[Case], metrics: Figures, headline: str) -> Iterator[str]:
    """Say so where nothing but refusing tells retrieved from random evidence."""
    key = f"retrieved_minus_random_answered_{headline}"
    if key in metrics and metrics[f"{key}_low"] <= 0:
        names = {f"{condition}_answered_{headline}" for condition in (Condition.RETRIEVED, Condition.RANDOM)}
        both = sum(names <= case.metrics.keys() for case in cases)
        yield (
            f"On the {both:,} of {len(cases):,} questions answered with both it is not surely better: {headline} "
            f"{metrics[key]:+.3f} (95 % interval {metrics[f'{key}_low']:+.3f} to {metrics[f'{key}_high']:+.3f})."
        )


def _overlap(study: Study, cases: Sequence[Case], metrics: Figures, headline: str) -> Iterator[str]:
    training = study.answers.training
    prefix, clean = ("overlap", "clean") if training else ("repeats", "unrepeated")
    among = "the training questions" if training else "the other questions of the set (it has no training questions)"
    same = sum(case.overlap.same_document for case in cases)
    yield (
        f"{metrics[f'{prefix}_near_duplicates']:.0%} of the questions have a near duplicate among {among}: cosine "
        f"at least {NEAR_COSINE} or n-gram Jaccard at least {NEAR_NGRAM}; {same:,} of {len(cases):,} about the same "
        f"document, {metrics[f'{prefix}_answers']:.0%} with nearly the same answer."
    )
    if (own := metrics.get(f"{clean}_{headline}")) is not None and metrics[f"{prefix}_near_duplicates"]:
        yield f"{headline} on the questions without one: {own:.3f}, on all: {metrics[headline]:.3f}."
    for text, count in repeated(study.asked.questions):
        yield f"Asked {count:,} times among {'the training questions' if training else 'the questions'}: {text}"


def _trivial(
    study: Study, cases: Sequence[Case], metrics: Figures, baselines: Mapping[str, Figures], headline: str
) -> Iterator[str]:
    if not study.answers.training and trivial.OTHER_ANSWER in baselines:
        yield "Without training questions, random answers are those to other questions of the same set."
    if any(trivial.EVIDENCE_ORACLE in case.baselines and trivial.ORACLE not in case.baselines for case in cases):
        yield "Oracle sentences are known only for the questions whose gold documents the index holds."
    length, usual = metrics.get("retrieved_words", 0.0), study.answers.words
    if length and not usual / _UNLIKE_LENGTH < length < usual * _UNLIKE_LENGTH:
        yield (
            f"The engine's answers have {length:.0f} words on average and the references {usual}: F1 compares lengths "
            f"too. --words {usual} asks for answers of their length."
        )
    for name, figures in baselines.items():
        if name in trivial.CEILINGS or headline not in metrics:
            continue
        won = [measure for measure, value in figures.items() if value >= metrics.get(measure, value + 1)]
        if won:
            beaten = ", ".join(f"{measure} {figures[measure]:.3f} against {metrics[measure]:.3f}" for measure in won)
            yield f"Warning: the trivial answer ‘{name}’ is as good as the engine or better by {beaten}."


def _ceiling(cases: Sequence[Case], metrics: Figures, baselines: Mapping[str, Figures], headline: str) -> Iterator[str]:
    scored = sum(trivial.HUMAN in case.baselines for case in cases)
    if not scored:
        yield "Every question has one reference: what people score against each other cannot be measured."
        return
    if scored < len(cases):
        yield f"People could be scored against each other on {scored:,} of {len(cases):,} questions."
    if (own := metrics.get(f"retrieved_leave_one_out_{headline}")) is not None:
        yield (
            f"{headline} against all references but one: people {baselines[trivial.HUMAN][headline]:.3f}, "
            f"the engine {own:.3f}."
        )
