"""Learn how to add up what speaks for a passage: the weights of `odqa.retriever.fusion.LinearFusion`.

A logistic regression tells gold passages from the others that a question brings up (pointwise learning to rank; Gey
1994, "Inferring probability of relevance using the method of logistic regression"). Every collection counts alike, and
in each question gold and the rest, so that neither a large data set nor long lists decide; questions that one place
answers count a tenth, so that they are not forgotten for those that need several.
Questions are divided into folds, and the figures are those of questions that the weights have not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.measures import document_judgements, mean, passage_judgements, score_run
from odqa.retriever.fusion import LinearFusion
from odqa.retriever.hops.features import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.data.datasets import Question
    from odqa.evaluate.bench import Bench

    Values = NDArray[np.float64]

FOLDS = 5
PENALTY = 0.0017
"""Strength of the L2 penalty on weights of standardised features, beside the mean loss of a collection."""
SINGLE = 0.1
"""What a question with one piece of evidence counts beside one with several, which walks are for."""
CUTOFFS = (2, 5, 10)


@dataclass(frozen=True, slots=True)
class Example:
    """What a walk considered for one question.

    Attributes:
        question: with its gold.
        steps: that its plan would take; 1 where no link would be followed.
        collection: name of its data set.
        documents: id of each passage's document.
        features: shape (passages, features).
        gold: 1 for gold passages, 0 for others, -1 for those of which the data do not say: shape (passages,).
        first: ids of documents as they stand without links, best first.
        pieces: the pieces of gold evidence, as ids of documents.
    """

    question: Question
    steps: int
    collection: str
    documents: Sequence[str]
    features: Values
    gold: NDArray[np.int8]
    first: Sequence[str]
    pieces: Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights, and what they are worth.

    Attributes:
        fusion: weights learned from all questions.
        figures: on held-out questions, by collection: `R@k` and `all_gold@k` of documents, those without links under
            names that begin with `first_`, and `n`.
    """

    fusion: LinearFusion
    figures: Mapping[str, Mapping[str, float]]


def collect(bench: Bench) -> list[Example]:
    """Return an example for every question of a bench that has gold evidence in the index."""
    engine = bench.searchable
    retriever, snapshot = engine.retriever, engine.snapshot
    questions = [question for question in bench.questions if question.gold]
    by_document, by_passage = document_judgements(questions), passage_judgements(questions, snapshot)
    examples = []
    for done, question in enumerate(questions):
        bench.tell("walk", done, len(questions))
        text = " ".join(question.text.split())
        steps = retriever.multihop.plan(text).steps
        ranked, trail = retriever.trail(text)
        walked = trail.walked
        numbers = snapshot.documents_of(walked.passages)
        ids = [snapshot.ids[number] for number in numbers.tolist()]
        places = walked.passages - snapshot.first_passage[numbers]
        pieces = by_document[question.id]
        marked = frozenset().union(*by_passage.get(question.id, ()))
        gold = _labels(ids, places, frozenset().union(*pieces), marked, walked.rows)
        first = retriever.rank_documents(ranked)
        examples.append(Example(question, steps, bench.dataset.name, ids, walked.rows, gold, first, pieces))
    bench.tell("walk", len(questions), len(questions))
    return examples


def learn(examples: Sequence[Example], names: Sequence[str] = NAMES) -> Learned:
    """Learn weights from the questions that have several pieces of evidence or would be walked for.

    Args:
        examples: of one or several collections.
        names: features to learn with; the others count nothing.

    Raises:
        UsageError: no example has gold among what was considered.
    """
    examples = [example for example in examples if example.steps > 1 or len(example.pieces) > 1]
    if not any((example.gold == 1).any() for example in examples):
        raise UsageError(
            "no question of several steps found its gold evidence", "train on questions with gold evidence"
        )
    columns = [NAMES.index(name) for name in names]
    runs: dict[str, list[str]] = {}
    for fold in range(FOLDS):
        held_out = [example for n, example in enumerate(examples) if n % FOLDS == fold]
        known = [example for n, example in enumerate(examples) if n % FOLDS != fold]
        weights = _fit(known or examples, columns)
        for example in held_out:
            order = np.argsort(-(example.features[:, columns] @ weights), kind="stable")
            runs[_key(example)] = list(dict.fromkeys(example.documents[place] for place in order.tolist()))
    weights = _fit(examples, columns)
    fusion = LinearFusion({name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)})
    return Learned(fusion, _figures(examples, runs))


def _labels(
    ids: Sequence[str], places: NDArray[np.int64], documents: frozenset[str], marked: frozenset[str], rows: Values
) -> NDArray[np.int8]:
    """Return which passages are gold: those with marked characters, else the likeliest one of each gold document."""
    from odqa.evaluate.measures import passage_id

    gold = np.array([-1 if id_ in documents else 0 for id_ in ids], np.int8)
    exact = [passage_id(id_, place) in marked for id_, place in zip(ids, places.tolist(), strict=True)]
    gold[exact] = 1
    known = {id_ for id_, hit in zip(ids, exact, strict=True) if hit}
    for id_ in documents - known:
        own = [place for place, each in enumerate(ids) if each == id_]
        if own:
            gold[max(own, key=lambda place: float(rows[place].sum()))] = 1
    return gold


def _fit(examples: Iterable[Example], columns: Sequence[int]) -> Values:
    rows, labels, weights = [], [], []
    several = list(examples)
    sizes = {name: sum(example.collection == name for example in several) for name in {e.collection for e in several}}
    for example in several:
        gold, other = example.gold == 1, example.gold == 0
        if not gold.any() or not other.any():
            continue
        share = (0.5 if len(example.pieces) > 1 else 0.5 * SINGLE) / sizes[example.collection]
        rows.append(example.features[gold | other][:, columns])
        labels.append(gold[gold | other])
        weights.append(np.where(labels[-1], share / gold.sum(), share / other.sum()))
    every = np.concatenate(rows)
    scale = np.maximum(every.std(axis=0), 1e-9)
    learned: Values = _logistic(every / scale, np.concatenate(labels), np.concatenate(weights)) / scale
    return learned


def _logistic(rows: Values, labels: NDArray[np.bool_], weights: Values) -> Values:
    """Return non-negative weights of least penalised log-loss, and leave the intercept out.

    Every feature speaks for a passage; a negative weight would only undo what another one, that goes with it in the
    training questions, says too loudly, and would hold back the best passage of a question of another kind.
    """
    from scipy.optimize import minimize

    signs = np.where(labels, 1.0, -1.0)

    def loss(values: Values) -> tuple[float, Values]:
        margin = signs * (rows @ values[:-1] + values[-1])
        pull = -signs * weights / (1 + np.exp(np.clip(margin, -500, 500)))
        cost = float(weights @ np.logaddexp(0, -margin) + PENALTY * (values[:-1] ** 2).sum())
        return cost, np.append(rows.T @ pull + 2 * PENALTY * values[:-1], pull.sum())

    start = np.zeros(rows.shape[1] + 1)
    bounds = [(0.0, None)] * rows.shape[1] + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 2000})
    learned: Values = found.x[:-1]
    return learned


def _figures(examples: Sequence[Example], runs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    figures: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(example.collection for example in examples):
        own = [example for example in examples if example.collection == name]
        pieces = {_key(example): list(example.pieces) for example in own}
        after = mean(score_run(pieces, {_key(e): runs[_key(e)] for e in own}, CUTOFFS).values())
        before = mean(score_run(pieces, {_key(e): list(e.first) for e in own}, CUTOFFS).values())
        shown = [figure for figure in after if figure.startswith(("R@", "all_gold@"))]
        figures[name] = {"n": float(len(own))} | {figure: round(after[figure], 4) for figure in shown}
        figures[name] |= {f"first_{figure}": round(before[figure], 4) for figure in shown}
    return figures


def _key(example: Example) -> str:
    return f"{example.collection}/{example.question.id}"
