"""Fitting: a prior that few data do not break, and enough data do move."""

from __future__ import annotations

import math
import random

import pytest

from odqa.calibrate.fit import Example, fit_builtin, fit_own
from odqa.retriever.answerability import AnswerabilityModel, builtin_model
from odqa.retriever.signals import SIGNALS

PRIOR = builtin_model("")


def example(answerable: bool, level: float, *, kind: str = "", group: str = "", **own: float) -> Example:
    values = {**dict.fromkeys(SIGNALS, level), "length": 1.5, **own}
    return Example(values, answerable, kind or ("answered" if answerable else "foreign"), group)


def collection(name: str, shift: float, *, unanswered: bool = False, count: int = 60) -> list[Example]:
    """Questions of a collection whose scores are all higher by `shift`."""
    rng = random.Random(name)
    made = []
    for _ in range(count):
        made.append(example(True, rng.gauss(0.7, 0.1) + shift, group=name))
        made.append(example(False, rng.gauss(0.2, 0.1) + shift, group=name))
        if unanswered:
            low = {signal: rng.gauss(0.2, 0.1) for signal in ("near", "dated", "pairs")}
            made.append(example(False, rng.gauss(0.7, 0.1) + shift, kind="unanswered", group=name, **low))
    return made


def losses(model: AnswerabilityModel, examples: list[Example]) -> float:
    found = [model.probability(each.signals) if each.answerable else 1 - model.probability(each.signals)
             for each in examples]  # fmt: skip
    return -sum(math.log(max(value, 1e-9)) for value in found) / len(found)


def test_an_infinite_hold_keeps_the_model() -> None:
    assert fit_own(collection("a", 0.0), PRIOR, math.inf) == PRIOR


def test_a_strong_hold_barely_moves_it_and_a_weak_one_fits_better() -> None:
    data = collection("a", 0.3)
    strong, weak = fit_own(data, PRIOR, 1e9), fit_own(data, PRIOR, 10.0)
    for name, weight in PRIOR.about.weights.items():
        assert strong.about.weights[name] == pytest.approx(weight, abs=1e-3)
    assert losses(weak, data) < losses(PRIOR, data)


def test_a_shifted_collection_shifts_the_probability() -> None:
    strangers = [each for each in collection("a", 0.3) if not each.answerable]
    before = sum(PRIOR.probability(each.signals) for each in strangers)
    after = sum(fit_own(collection("a", 0.3), PRIOR, 10.0).probability(each.signals) for each in strangers)
    assert after < before


def test_a_handful_of_misleading_questions_does_not_turn_the_model_round() -> None:
    wrong = [example(False, 0.9), example(True, 0.1)] * 3
    fitted = fit_own(wrong, PRIOR, 100.0)
    high, low = example(True, 0.9).signals, example(True, 0.1).signals
    assert fitted.probability(high) > fitted.probability(low)


@pytest.mark.parametrize("dense", [True, False])
def test_more_of_a_signal_never_speaks_against_an_answer(dense: bool) -> None:
    data = [*collection("a", 0.0, unanswered=True), *collection("b", 0.2)]
    # A signal that goes the wrong way in these data.
    data = [Example({**e.signals, "agree": 1 - e.signals["agree"]}, e.answerable, e.kind, e.group) for e in data]
    for model in (fit_builtin(data, "x", dense=dense), fit_own(data, PRIOR, 1.0)):
        for part in (model.about, model.says):
            assert all(weight >= 0 for name, weight in part.weights.items() if name != "length")


def test_the_builtin_model_tells_apart_in_collections_whose_scores_differ() -> None:
    data = [*collection("a", 0.0, unanswered=True), *collection("b", 0.3)]
    model = fit_builtin(data, "x")
    for group in ("a", "b"):
        own = [model.probability(e.signals) for e in data if e.group == group and e.kind == "answered"]
        foreign = [model.probability(e.signals) for e in data if e.group == group and e.kind == "foreign"]
        assert min(own) > sum(foreign) / len(foreign)
    unanswered = [model.probability(e.signals) for e in data if e.kind == "unanswered"]
    answered = [model.probability(e.signals) for e in data if e.kind == "answered" and e.group == "a"]
    assert sum(unanswered) / len(unanswered) < sum(answered) / len(answered)
    assert ("dense" in model.about.weights, model.encoder) == (True, "x")


def test_without_cosines_the_model_is_for_any_encoder() -> None:
    model = fit_builtin([*collection("a", 0.0, unanswered=True)], "x", dense=False)
    assert ("dense" in model.about.weights, model.encoder) == (False, "")
