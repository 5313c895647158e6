"""Does the engine refuse what its documents do not answer, and only that?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question.

    Attributes:
        answerable: the documents answer it.
        refused: the engine said that they do not.
        confidence: of the engine that they do, 0–1; a refusal has one too.
        foreign: the question belongs to another data set.
    """

    answerable: bool
    refused: bool
    confidence: float
    foreign: bool = False


def refusal_figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return how well refusals fall on unanswerable questions.

    `refusal_precision` is the share of refused questions that are unanswerable (0 where none was refused),
    `refusal_recall` the share of unanswerable questions refused, `refusal_f1` their harmonic mean. `refusal_auc` is the
    area under the ROC curve of 1 - confidence, which is the chance that an unanswerable question gets less confidence
    than an answerable one, ties counting half (Mann and Whitney, 1947); it needs no threshold. Precision and F1 depend
    on how many unanswerable questions there are, the others do not.

    Questions of other data sets are easy to tell apart, those that a data set marks as unanswerable are not:
    `refusal_auc_foreign` and `refusal_auc_own` keep them apart, as do `refused_foreign`, `refused_unanswerable` (shares
    that should be 1) and `refused_answerable` (the share that should be 0). What cannot be computed is left out.
    """
    answerable = [outcome for outcome in outcomes if outcome.answerable]
    own = [outcome for outcome in outcomes if not outcome.answerable and not outcome.foreign]
    foreign = [outcome for outcome in outcomes if not outcome.answerable and outcome.foreign]
    figures = {
        f"refused_{name}": sum(outcome.refused for outcome in some) / len(some)
        for name, some in (("answerable", answerable), ("unanswerable", own), ("foreign", foreign))
        if some
    }
    if not own and not foreign:
        return figures
    refused = sum(outcome.refused for outcome in outcomes)
    right = sum(outcome.refused for outcome in (*own, *foreign))
    unanswerable = len(own) + len(foreign)
    figures["refusal_precision"] = right / refused if refused else 0.0
    figures["refusal_recall"] = right / unanswerable
    figures["refusal_f1"] = 2 * right / (refused + unanswerable)
    parts = {"refusal_auc": (*own, *foreign), "refusal_auc_own": own, "refusal_auc_foreign": foreign}
    return figures | {name: _auc(answerable, some) for name, some in parts.items() if some and answerable}


def _auc(answerable: Sequence[Outcome], unanswerable: Sequence[Outcome]) -> float:
    from sklearn.metrics import roc_auc_score

    labels = [0] * len(answerable) + [1] * len(unanswerable)
    return float(roc_auc_score(labels, [1 - outcome.confidence for outcome in (*answerable, *unanswerable)]))
