"""What a ranking is worth: the measures of ir-measures, and two that ask for every piece of the evidence.

Gold evidence comes in pieces. A question over two hops has two, and each may be found in several places: a piece is
the set of ids any of which shows it. ir-measures counts ids (its judgements are the union of the pieces);
`pieces@k` counts pieces, and `all_gold@k` asks whether every one of them is among the first k, which is what it takes
to answer a multi-hop question (as in MuSiQue: Trivedi et al., 2022, and HotpotQA's joint measures).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from odqa.evaluate.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odqa.data.datasets import Gold, Question
    from odqa.index.snapshot import Snapshot

Judgements = Mapping[str, Sequence[frozenset[str]]]
"""The pieces of evidence of each question, by its id; never empty."""

CUTOFFS = (1, 2, 5, 10, 20, 100)


def document_judgements(questions: Iterable[Question]) -> dict[str, list[frozenset[str]]]:
    """Return the pieces of evidence of every question that has gold, as ids of documents.

    Pieces that the same documents show are one: at this level there is nothing left to tell them apart.
    """
    return {
        question.id: list(
            dict.fromkeys(frozenset(gold.document_id for gold in piece) for piece in _pieces(question.gold))
        )
        for question in questions
        if question.gold
    }


def passage_judgements(questions: Iterable[Question], snapshot: Snapshot) -> dict[str, list[frozenset[str]]]:
    """Return the pieces of evidence of every question whose gold has spans, as ids of passages (`passage_id`).

    A passage shows a piece if it shares a character with one of its spans. Gold without spans cannot be judged here
    and is left out; gold in documents that the index does not hold is kept under an id that nothing can find, so that
    it counts as missed.

    Args:
        questions: with gold evidence.
        snapshot: the index whose passages are ranked.
    """
    judgements: dict[str, list[frozenset[str]]] = {}
    for question in questions:
        pieces = _pieces(gold for gold in question.gold if gold.spans)
        if found := [frozenset(id_ for gold in piece for id_ in _passages(gold, snapshot)) for piece in pieces]:
            judgements[question.id] = list(dict.fromkeys(found))
    return judgements


def passage_id(document_id: str, index: int) -> str:
    """Return the id of a passage in a run: its document's, and its position in it."""
    return f"{document_id}#{index}"


def score_run(
    judgements: Judgements, run: Mapping[str, Sequence[str]], cutoffs: Sequence[int] = CUTOFFS
) -> dict[str, dict[str, float]]:
    """Measure a run, question by question.

    Args:
        judgements: pieces of evidence by question; exactly these questions are measured, and those that the run
            lacks score 0.
        run: ids by question, best first, each once.
        cutoffs: depths k of `R@k`, `nDCG@k`, `Success@k`, `all_gold@k` and `pieces@k`; `RR` and `AP@k` look as deep
            as the deepest of them.

    Raises:
        UsageError: ir-measures is not installed.
    """
    ir_measures = need("ir_measures")
    deepest = max(cutoffs)
    measures = [measure @ k for measure in (ir_measures.R, ir_measures.nDCG, ir_measures.Success) for k in cutoffs]
    measures += [ir_measures.RR, ir_measures.AP @ deepest]
    # pytrec_eval orders a run by score, and equal scores by id: distinct scores keep the order of the ranks.
    ranked = {id_: list(dict.fromkeys(run.get(id_, ())))[:deepest] for id_ in judgements}
    scored = {id_: {doc: float(deepest - rank) for rank, doc in enumerate(docs)} for id_, docs in ranked.items()}
    relevant = {id_: dict.fromkeys(frozenset().union(*pieces), 1) for id_, pieces in judgements.items()}
    rows: dict[str, dict[str, float]] = {id_: {} for id_ in judgements}
    for metric in ir_measures.iter_calc(measures, relevant, scored) if judgements else ():
        rows[metric.query_id][str(metric.measure)] = float(metric.value)
    for id_, row in rows.items():
        row.update(_piece_measures(judgements[id_], ranked[id_], cutoffs))
    return rows


def mean(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every figure over the rows that have it; nothing for no rows."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return {name: statistics.fmean(values) for name, values in columns.items()}


def group_means(
    questions: Iterable[Question], per_question: Mapping[str, Mapping[str, float]], by: Literal["type", "hops"]
) -> dict[str, dict[str, float]]:
    """Return the means of every kind of question, with `n`, how many of it were measured.

    Args:
        questions: which may be more than were measured.
        per_question: figures by question id.
        by: the attribute that tells the kinds apart.
    """
    groups: dict[Any, list[Mapping[str, float]]] = {}
    for question in questions:
        if question.id in per_question:
            groups.setdefault(getattr(question, by), []).append(per_question[question.id])
    return {str(value): {"n": len(groups[value]), **mean(groups[value])} for value in sorted(groups)}


def _pieces(golds: Iterable[Gold]) -> list[list[Gold]]:
    """Return golds that are alternatives to each other together."""
    pieces: dict[object, list[Gold]] = {}
    for number, gold in enumerate(golds):
        pieces.setdefault(("own", number) if gold.piece is None else gold.piece, []).append(gold)
    return list(pieces.values())


def _passages(gold: Gold, snapshot: Snapshot) -> Iterator[str]:
    number = snapshot.by_id.get(gold.document_id)
    passages = snapshot.parsed(number).passages if number is not None else ()
    found = [passage.index for passage in passages if any(passage.span.overlaps(span) for span in gold.spans)]
    if not found:
        yield f"{gold.document_id}#"
    for index in found:
        yield passage_id(gold.document_id, index)


def _piece_measures(
    pieces: Sequence[frozenset[str]], ranked: Sequence[str], cutoffs: Sequence[int]
) -> dict[str, float]:
    figures = {}
    for k in cutoffs:
        first = set(ranked[:k])
        found = sum(not piece.isdisjoint(first) for piece in pieces)
        figures[f"all_gold@{k}"] = float(found == len(pieces))
        figures[f"pieces@{k}"] = found / len(pieces)
    return figures
