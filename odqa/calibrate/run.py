"""Calibrate a collection: make questions, ask them, fit the model of answerability, and say what it is worth."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from odqa.calibrate.curve import Point, area, at, calibration_error, choose, risk_coverage, roc_auc
from odqa.calibrate.fit import Example, fit_own
from odqa.calibrate.questions import (
    EXCLUDED,
    MadeQuestion,
    answered_questions,
    excluded_questions,
    foreign_questions,
    read_questions,
    swapped_questions,
)
from odqa.errors import UsageError
from odqa.retriever.answerability import AnswerabilityModel, builtin_model, names_nothing
from odqa.retriever.signals import Statistics, collection_statistics, signals
from odqa.schema import AnswerStyle, Evidence, Progress

if TYPE_CHECKING:
    from odqa.index.snapshot import Snapshot
    from odqa.protocols import Encoder, ProgressCallback, Reader, Verifier
    from odqa.retriever.search import HybridRetriever
    from odqa.settings import Settings

STRENGTHS = (math.inf, 300.0, 100.0, 30.0, 10.0)
"""How many examples the built-in model may be worth; the best by cross-validation is taken, the strongest of equals."""

FEWEST = 10
"""Questions of each kind, answered and not, that calibration needs."""

SEED = 13
_FOLDS = 5
_TOLERANCE = 0.005
"""Cross-entropy by which a weaker hold on the built-in model has to be better."""


class Searched(Protocol):
    """What calibration needs of an engine: `odqa.engine.Engine` has it."""

    path: Path
    settings: Settings

    @property
    def snapshot(self) -> Snapshot: ...  # noqa: D102
    @property
    def retriever(self) -> HybridRetriever: ...  # noqa: D102
    @property
    def encoder(self) -> Encoder: ...  # noqa: D102
    @property
    def reader(self) -> Reader: ...  # noqa: D102
    @property
    def verifier(self) -> Verifier: ...  # noqa: D102

    def search(self, question: str, *, within: Sequence[str] | None = None) -> list[Evidence]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Judged:
    """A question of the calibration set, judged by a model that was fitted without it.

    Attributes:
        question: the question.
        probability: that it is answered.
        builtin: the same by the built-in model.
        right: whether answering it is right.
    """

    question: MadeQuestion
    probability: float
    builtin: float
    right: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted model, and what it is worth on questions that it was not fitted on.

    Attributes:
        model: fitted on all questions, with the threshold that was chosen.
        judged: the questions, each judged by a model fitted on others.
        curve: risk against coverage, the surest first.
        chosen: the point at the threshold.
        strength: how many examples the built-in model counted for; infinite where it was kept as it is.
    """

    model: AnswerabilityModel
    judged: tuple[Judged, ...]
    curve: tuple[Point, ...]
    chosen: Point
    strength: float

    @property
    def figures(self) -> Mapping[str, float]:
        """What `odqa calibrate` prints: `auc`, `ece`, `aurc`, `auc_<kind>`, and `builtin_` before the model's own."""
        return self.model.figures


def calibrate(
    engine: Searched,
    questions: Path | None = None,
    *,
    count: int = 200,
    risk: float | None = None,
    answers: bool = False,
    progress: ProgressCallback | None = None,
) -> Calibration:
    """Fit the model of answerability to a collection; the caller saves it with `calibration.model.save(engine.path)`.

    Args:
        engine: over the collection.
        questions: JSON Lines of the user's own, `question` and `answerable`; made from the collection if None.
        count: questions to make, half of them answered.
        risk: choose the threshold at which at most this share of what is answered is wrong; None keeps the setting
            `refuse_below`.
        answers: answer the questions too: an answer is right if it cites a place that answers, or, where the user
            labelled the question, if the question is answerable.
        progress: told how far the work is.

    Raises:
        UsageError: too few questions could be made or are given, or an argument is out of range.
        LoadError: the file of questions cannot be read.
    """
    if count < 4 * FEWEST:
        raise UsageError(f"count must be at least {4 * FEWEST}, not {count}")
    if risk is not None and not 0 <= risk < 1:
        raise UsageError(f"risk must lie between 0 and 1, not {risk}", "0.1 lets one answer in ten be wrong")
    statistics = collection_statistics(engine.retriever.derived.lexical)
    asked = make_questions(engine, statistics, count) if questions is None else read_questions(questions)
    examples: list[Example] = []
    kept: list[MadeQuestion] = []
    right: list[bool] = []
    for done, question in enumerate(asked, 1):
        if progress is not None:
            progress(Progress("questions", done, len(asked), "questions"))
        if names_nothing(question.text, statistics):
            continue
        evidence = engine.search(question.text, within=_within(engine, question))
        if question.kind == EXCLUDED and _is_told_elsewhere(engine, question, evidence):
            continue
        measured = signals(question.text, evidence, statistics)
        examples.append(Example(measured, question.answerable, question.kind, question.group or question.text))
        kept.append(question)
        right.append(_answers_rightly(engine, question, evidence) if answers else question.answerable)
    _check_enough(engine, examples, given=questions is not None)
    return _fitted(engine, examples, kept, right, risk)


def make_questions(engine: Searched, statistics: Statistics, count: int) -> list[MadeQuestion]:
    """Make questions with known answerability from a collection: half answered, the rest foreign, excluded, swapped."""
    rng = random.Random(SEED)
    snapshot = engine.snapshot
    most = float(statistics.rarity(["\0"])[0])

    def is_known(word: str) -> bool:
        terms = statistics.terms(word)
        return bool(terms) and float(max(statistics.rarity(terms))) < most

    made = answered_questions(snapshot, count // 2, rng)
    share = max(count - len(made), 0) // 3
    others = foreign_questions(share, rng)
    if len(snapshot.by_id) > 1:
        others += excluded_questions(made, share, rng)
    others += swapped_questions(made, share, rng, is_known)
    return [*made, *others]


def _within(engine: Searched, question: MadeQuestion) -> list[str] | None:
    """All documents but the question's own, for a question that is to be asked of the others."""
    if question.kind != EXCLUDED:
        return None
    return [id_ for id_ in engine.snapshot.by_id if id_ != question.document_id]


def _is_told_elsewhere(engine: Searched, question: MadeQuestion, evidence: Sequence[Evidence]) -> bool:
    """Tell whether another document has the very sentence that answers, as versions and copies do."""
    text = engine.snapshot.document(engine.snapshot.by_id[question.document_id]).text
    said = {" ".join(span.of(text).split()).casefold() for span in question.spans}
    return any(sentence in " ".join(item.text.split()).casefold() for item in evidence for sentence in said)


def _answers_rightly(engine: Searched, question: MadeQuestion, evidence: Sequence[Evidence]) -> bool:
    """Answer a question and tell whether that is right; a refusal of the reader counts as a wrong answer."""
    from odqa.reader.cite import assemble

    style = AnswerStyle()
    draft = engine.reader.draft(question.text, evidence, style)
    answer = assemble(question.text, draft, evidence, engine.verifier, style, policy=engine.settings.policy)
    if answer.refused or not question.answerable:
        return False
    cited = [(citation.document_id, span) for citation in answer.citations for span in citation.spans]
    return not question.spans or any(
        document == question.document_id and span.overlaps(gold) for document, span in cited for gold in question.spans
    )


def _check_enough(engine: Searched, examples: Sequence[Example], *, given: bool) -> None:
    answered = sum(example.answerable for example in examples)
    for number, kind in ((answered, "answerable"), (len(examples) - answered, "unanswerable")):
        if number < FEWEST:
            remedy = "give at least ten of each" if given else "add documents, or give your own with --questions"
            raise UsageError(f"{engine.path}: {number} {kind} questions are too few to calibrate with", remedy)


def _fitted(
    engine: Searched,
    examples: Sequence[Example],
    asked: Sequence[MadeQuestion],
    right: Sequence[bool],
    risk: float | None,
) -> Calibration:
    prior = builtin_model(engine.encoder.fingerprint)
    targets = [replace(example, answerable=good) for example, good in zip(examples, right, strict=True)]
    strength, judged = _cross_validated(targets, prior)
    before = [prior.probability(example.signals) for example in examples]
    curve = risk_coverage(judged, right)
    chosen = choose(curve, risk) if risk is not None else None
    if risk is not None and chosen is None:
        lowest = min(point.risk for point in curve)
        raise UsageError(f"no threshold has a risk of {risk:g}", f"the lowest is {lowest:.2f}; allow more")
    model = replace(
        fit_own(targets, prior, strength),
        encoder=engine.encoder.fingerprint,
        threshold=chosen.threshold if chosen is not None else None,
        figures=_figures(asked, judged, before, right),
    )
    point = chosen or at(curve, engine.settings.refuse_below / 100)
    rows = zip(asked, judged, before, right, strict=True)
    return Calibration(model, tuple(Judged(*row) for row in rows), tuple(curve), point, strength)


def _cross_validated(examples: Sequence[Example], prior: AnswerabilityModel) -> tuple[float, list[float]]:
    """Choose how strongly to hold on to the prior, and judge every example by a model fitted without its group."""
    folds = list(_folds(examples))
    best, chosen, judged = math.inf, math.inf, [prior.probability(example.signals) for example in examples]
    for strength in STRENGTHS:
        values = [0.0] * len(examples)
        for inside, outside in folds:
            model = fit_own([examples[n] for n in inside], prior, strength)
            for n in outside:
                values[n] = model.probability(examples[n].signals)
        loss = _cross_entropy(examples, values)
        if loss < best - _TOLERANCE:
            best, chosen, judged = loss, strength, values
    return chosen, judged


def _folds(examples: Sequence[Example]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the examples to fit on and those to judge; what was made from one question stays together."""
    groups = list(dict.fromkeys(example.group for example in examples))
    random.Random(SEED).shuffle(groups)
    place = {group: number % _FOLDS for number, group in enumerate(groups)}
    for fold in range(_FOLDS):
        outside = [n for n, example in enumerate(examples) if place[example.group] == fold]
        inside = [n for n, example in enumerate(examples) if place[example.group] != fold]
        if outside and 0 < sum(examples[n].answerable for n in inside) < len(inside):
            yield inside, outside


def _cross_entropy(examples: Sequence[Example], values: Sequence[float]) -> float:
    truth = np.array([example.answerable for example in examples])
    found = np.clip(values, 1e-6, 1 - 1e-6)
    each = -np.log(np.where(truth, found, 1 - found))
    return float(each[truth].mean() + each[~truth].mean()) / 2


def _figures(
    asked: Sequence[MadeQuestion], judged: Sequence[float], before: Sequence[float], right: Sequence[bool]
) -> dict[str, float]:
    figures = {}
    for name, values in (("", judged), ("builtin_", before)):
        figures[f"{name}auc"] = roc_auc(values, right)
        figures[f"{name}ece"] = calibration_error(values, right)
        figures[f"{name}aurc"] = area(risk_coverage(values, right))
    for kind in dict.fromkeys(question.kind for question in asked if not question.answerable):
        rows = [n for n, question in enumerate(asked) if question.answerable or question.kind == kind]
        figures[f"auc_{kind}"] = roc_auc([judged[n] for n in rows], [asked[n].answerable for n in rows])
    return figures | {"questions": float(len(asked)), "answered": float(sum(q.answerable for q in asked))}
