"""Fit the model of answerability: the built-in one on many collections, and a collection's own from that one.

Everything but `length` can only raise the probability (weights are bounded below by zero): a signal that counts against
its own meaning has found something about the data it was fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from odqa.retriever.answerability import AnswerabilityModel, Logistic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ABOUT = ("dense", "passage", "joint", "named", "known", "agree", "concentration")
SAYS = ("near", "dated", "pairs", "concentration", "length")
_UNSIGNED = frozenset({"length"})
_RIDGE = 1e-3
_GROUP_RIDGE = 5e-3
_SLOPES = (0.6, 1.5)
_LENIENT = 3.0
"""Where the intercepts of `says` start: on the side of answering, until a collection shows what it leaves open."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question whose answerability is known.

    Attributes:
        signals: as `odqa.retriever.signals.signals` measures them.
        answerable: whether the collection answers it.
        kind: where it comes from, e.g. `answered`, `foreign`, `unanswered`.
        group: what examples share that are not independent: the collection, or the question that they were made from.
        text: the question.
    """

    signals: Mapping[str, float]
    answerable: bool
    kind: str
    group: str = ""
    text: str = ""


def fit_builtin(examples: Sequence[Example], encoder: str, *, dense: bool = True) -> AnswerabilityModel:
    """Fit the built-in model.

    `about` is fitted on answered questions against foreign ones, each collection with an intercept of its own; `says`
    on the answered and unanswered questions of those collections that mark the latter; then the slope and intercept of
    each (Platt 1999) on all of them together.

    Args:
        examples: of several collections, of the kinds `answered`, `foreign` and `unanswered`.
        encoder: fingerprint of the encoder that the cosines are from.
        dense: False leaves the cosine out, for encoders whose cosines mean something else.
    """
    kinds = np.array([example.kind for example in examples])
    groups = np.array([example.group for example in examples])
    marked = np.isin(groups, np.unique(groups[kinds == "unanswered"]))
    names = ABOUT if dense else tuple(name for name in ABOUT if name != "dense")
    about = _fit_part(examples, names, np.isin(kinds, ("answered", "foreign")), groups)
    says = _fit_part(examples, SAYS, marked & np.isin(kinds, ("answered", "unanswered")), groups)
    return _rescaled(AnswerabilityModel(about, says, encoder if dense else ""), examples, groups)


def fit_own(examples: Sequence[Example], prior: AnswerabilityModel, strength: float) -> AnswerabilityModel:
    """Fit the model of one collection: the most probable one under a normal prior around another model.

    Args:
        examples: of the collection.
        prior: the model to stay near.
        strength: how many examples a deviation of one standard unit has to be worth; ∞ keeps the prior.
    """
    if math.isinf(strength):
        return prior
    about, says = _design(examples, prior.about), _design(examples, prior.says)
    truth, weights = _truth(examples), _balanced(examples)
    start = np.concatenate([_vector(prior.about), _vector(prior.says)])
    cut = len(prior.about.weights) + 1
    bounds = _bounds(prior.about) + _bounds(prior.says)
    # Scores shift between collections, weights much less: intercepts are held half as fast.
    hold = np.concatenate([np.r_[np.ones(cut - 1), 0.5], np.r_[np.ones(len(start) - cut - 1), 0.5]])
    hold *= strength / max(len(examples), 1)

    def loss(values: Floats) -> tuple[float, Floats]:
        value, slope = _product_loss(about @ values[:cut], says @ values[cut:], truth, weights)
        gradient = np.concatenate([about.T @ slope[0], says.T @ slope[1]])
        apart = values - start
        return value + 0.5 * float(hold @ apart**2), gradient + hold * apart

    found = _minimize(loss, start, bounds)
    return replace(prior, about=_with(prior.about, found[:cut]), says=_with(prior.says, found[cut:]))


def _fit_part(
    examples: Sequence[Example], names: Sequence[str], chosen: NDArray[np.bool_], groups: NDArray[np.str_]
) -> Logistic:
    """Fit one logistic regression with an intercept for each group; the result has their mean."""
    used = [example for example, use in zip(examples, chosen, strict=True) if use]
    values = np.array([[example.signals[name] for name in names] for example in used])
    mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
    standard = (values - mean) / scale
    members = (groups[chosen][:, None] == np.unique(groups[chosen])[None]).astype(np.float64)
    design = np.concatenate([standard, np.ones((len(used), 1)), members], axis=1)
    truth, weights = _truth(used), _balanced(used)
    ridge = np.r_[np.full(len(names), _RIDGE), 0.0, np.full(members.shape[1], _GROUP_RIDGE)]

    def loss(at: Floats) -> tuple[float, Floats]:
        logit = design @ at
        value = float(weights @ (np.logaddexp(0, logit) - truth * logit))
        gradient = design.T @ (weights * (_sigmoid(logit) - truth))
        return value + float(ridge @ at**2), gradient + 2 * ridge * at

    free: list[tuple[float | None, float | None]] = [(None, None)] * (1 + members.shape[1])
    bounds = [(None if name in _UNSIGNED else 0.0, None) for name in names] + free
    found = _minimize(loss, np.zeros(design.shape[1]), bounds)
    parts = [dict(zip(names, map(float, row), strict=True)) for row in (found[: len(names)], mean, scale)]
    return Logistic(parts[0], parts[1], parts[2], float(found[len(names)]))


def _rescaled(model: AnswerabilityModel, examples: Sequence[Example], groups: NDArray[np.str_]) -> AnswerabilityModel:
    """Fit slope and intercept of both parts together; every group has intercepts of its own, the result their means.

    How much of a question a sentence holds depends on how people ask: of stories they ask in words of their own, of
    reports in the report's.
    """
    logits = [_design(examples, part) @ _vector(part) for part in (model.about, model.says)]
    members = (groups[:, None] == np.unique(groups)[None]).astype(np.float64)
    truth, weights, count = _truth(examples), _balanced(examples), members.shape[1]

    def loss(at: Floats) -> tuple[float, Floats]:
        parts = at.reshape(2, 1 + count)
        about, says = (row[0] * logit + members @ row[1:] for row, logit in zip(parts, logits, strict=True))
        value, slopes = _product_loss(about, says, truth, weights)
        gradient = np.array(
            [np.r_[slope @ logit, members.T @ slope] for slope, logit in zip(slopes, logits, strict=True)]
        )
        apart = parts - start.reshape(2, 1 + count)
        return value + _GROUP_RIDGE * float((apart**2).sum()), (gradient + 2 * _GROUP_RIDGE * apart).ravel()

    free: list[tuple[float | None, float | None]] = [(None, None)] * count
    start = np.r_[1.0, np.zeros(count), 1.0, np.full(count, _LENIENT)]
    found = _minimize(loss, start, [_SLOPES, *free, _SLOPES, *free]).reshape(2, 1 + count)
    about, says = (
        _with(part, np.r_[row[0] * _vector(part)[:-1], row[0] * part.intercept + row[1:].mean()])
        for part, row in zip((model.about, model.says), found, strict=True)
    )
    return replace(model, about=about, says=says)


def _product_loss(about: Floats, says: Floats, truth: Floats, weights: Floats) -> tuple[float, tuple[Floats, Floats]]:
    """Return the weighted cross-entropy of the product of two probabilities, and its slope in their logits."""
    p, q = _sigmoid(about), _sigmoid(says)
    both = np.clip(p * q, 1e-9, 1 - 1e-9)
    value = -float(weights @ (truth * np.log(both) + (1 - truth) * np.log1p(-both)))
    common = weights * (both - truth) / (1 - both)
    return value, (common * (1 - p), common * (1 - q))


def _balanced(examples: Sequence[Example]) -> Floats:
    """Weigh the examples so that answerable and other questions count the same, and so does every kind of the latter.

    How often people ask what a collection does not answer is not known, and no sample of made questions tells.
    """
    keys = [(example.answerable, "" if example.answerable else example.kind) for example in examples]
    sizes = {key: keys.count(key) for key in set(keys)}
    kinds = max(len(sizes) - 1, 1)
    weights = np.array([(1.0 if key[0] else 1.0 / kinds) / sizes[key] for key in keys])
    return np.asarray(weights / weights.sum(), np.float64)


def _truth(examples: Sequence[Example]) -> Floats:
    return np.array([example.answerable for example in examples], np.float64)


def _design(examples: Sequence[Example], part: Logistic) -> Floats:
    """Return the standardised signals with a column of ones, shape (examples, weights + 1)."""
    rows = [
        [(example.signals[name] - part.mean[name]) / part.scale[name] for name in part.weights] for example in examples
    ]
    return np.concatenate([np.array(rows).reshape(len(examples), -1), np.ones((len(examples), 1))], axis=1)


def _vector(part: Logistic) -> Floats:
    return np.array([*part.weights.values(), part.intercept])


def _with(part: Logistic, values: Floats) -> Logistic:
    return replace(
        part, weights=dict(zip(part.weights, map(float, values[:-1]), strict=True)), intercept=float(values[-1])
    )


def _bounds(part: Logistic) -> list[tuple[float | None, float | None]]:
    return [*((None if name in _UNSIGNED else 0.0, None) for name in part.weights), (None, None)]


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), np.float64)


def _minimize(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, bounds: Sequence[tuple[float | None, float | None]]
) -> Floats:
    from scipy.optimize import minimize

    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=list(bounds)).x, np.float64)
