"""Weights learned from questions with gold evidence: what tells gold apart counts, and nothing counts against it."""

from __future__ import annotations

import numpy as np
import pytest

from odqa.data.datasets import Gold, Question
from odqa.errors import UsageError
from odqa.learn.fusion import Example, learn
from odqa.retriever.hops.features import NAMES


def example(number: int, telling: str, pieces: int = 2, steps: int = 2) -> Example:
    """A question whose gold has a high value of one feature, among noise."""
    rng = np.random.default_rng(number)
    features = rng.random((12, len(NAMES))) * 0.4
    gold = np.zeros(12, np.int8)
    gold[:pieces] = 1
    features[:pieces, NAMES.index(telling)] += 0.6
    features[:pieces, NAMES.index("bm25")] *= 0.2  # What is gold has few words in common here.
    ids = [f"d{n}" for n in range(12)]
    question = Question(str(number), f"question {number}", "t", pieces, tuple(Gold(f"d{n}") for n in range(pieces)), ())
    return Example(
        question, steps, "made", ids, features, gold, ids[::-1], [frozenset({f"d{n}"}) for n in range(pieces)]
    )


def test_what_tells_gold_apart_counts_most() -> None:
    learned = learn([example(n, "linked_path") for n in range(40)])
    weights = learned.fusion.weights
    assert max(weights, key=lambda name: weights[name]) == "linked_path"
    assert min(weights.values()) >= 0, "nothing that speaks for a passage holds it back"
    figures = learned.figures["made"]
    assert figures["R@2"] > 0.9 > figures["first_R@2"]
    assert figures["n"] == 40


def test_features_left_out_count_nothing() -> None:
    names = [name for name in NAMES if name != "linked_path"]
    learned = learn([example(n, "linked_path") for n in range(20)], names)
    assert "linked_path" not in learned.fusion.weights
    assert learned.figures["made"]["R@2"] < 0.9


def test_questions_of_one_place_that_are_not_walked_for_teach_nothing() -> None:
    with pytest.raises(UsageError, match="gold evidence"):
        learn([example(n, "dense", pieces=1, steps=1) for n in range(5)])
    with pytest.raises(UsageError, match="gold evidence"):
        learn([])


def test_learning_is_the_same_every_time() -> None:
    examples = [example(n, "gain") for n in range(10)]
    assert learn(examples) == learn(examples)
