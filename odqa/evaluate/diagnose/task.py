"""The diagnostics of long-form question answering: does the engine use its evidence, and do the figures mean anything?

Krishna, Roy and Iyyer (NAACL 2021, "Hurdles to Progress in Long-form Question Answering") list what makes such
evaluations fool themselves. One call measures all of it, by ROUGE on long answers and token F1 on short ones. A
refusal counts as an empty answer: it scores nothing.

Names of the metrics, where `M` is a measure (`rouge1`, `rouge2`, `rougeL`, `rougeLsum`, or `f1`, `em`) and `C` what
the reader is given (`retrieved`, `gold`, `random`, `none`); each is the mean over the questions that have it:

- `M`: the engine as it stands, which is `retrieved_M`; the baselines bear the same names.
- `C_M` and `C_refusal_rate`; over the questions answered, `C_answered_M` and `C_words`, the mean length.
- `retrieved_minus_random_M`, `gold_minus_retrieved_M`, each with `…_low` and `…_high`, its 95 % interval by paired
  bootstrap over documents, and `…_p`; `retrieved_minus_random_answered_M` and so on over the questions answered with
  both kinds of evidence, where refusing is no part of the difference.
- `overlap_near_duplicates`: share of questions with a near duplicate among the training questions, by cosine or by
  n-grams; `overlap_cosine_90` and `overlap_ngram_60` by either alone; `overlap_same_document` with one about the same
  document, `overlap_answers` with one whose answer is nearly the same too; `overlap_cosine` and `overlap_ngram` are
  the mean similarity of the nearest question.
- `clean_M` and `duplicate_M`: the engine on questions without and with a near duplicate; `clean_share`.
- Without training questions all this is about the questions themselves, each against the others, and the names say
  so: `repeats_…`, `unrepeated_M`, `repeated_M`, `unrepeated_share`.
- `overlap_Ngram_E` and `reference_overlap_Ngram_E`: share of the N-grams of the engine's answer, and of the
  references, that stand in the evidence of kind `E`.
- `retrieved_leave_one_out_M`: the engine against all references but one, which is what `human` is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from statistics import fmean
from typing import TYPE_CHECKING, Any

from odqa.data.datasets import AnswerLength
from odqa.errors import UsageError
from odqa.evaluate.bootstrap import paired_bootstrap
from odqa.evaluate.diagnose import trivial
from odqa.evaluate.diagnose.ablation import Ablation, Condition
from odqa.evaluate.diagnose.ceiling import mean_scores, measure_for
from odqa.evaluate.diagnose.examine import Case, Study
from odqa.evaluate.diagnose.findings import findings
from odqa.evaluate.diagnose.overlap import Asked
from odqa.evaluate.result import Result

if TYPE_CHECKING:
    from odqa.data.datasets import Question
    from odqa.evaluate.bench import Bench

_BIN = 0.1
_LAST_BIN = 9
_PAIRS = ((Condition.RETRIEVED, Condition.RANDOM), (Condition.GOLD, Condition.RETRIEVED))


def measure_diagnose(
    bench: Bench,
    *,
    words: int | None = None,
    neighbours: int = 1,
    ngram: int = 2,
    given_document: bool = False,
) -> Result:
    """Find out what an engine's scores are worth; see the module for the names of the metrics.

    Args:
        bench: a data set with references. Without documents, only overlap, trivial answers and ceiling are measured.
        words: length of answer to aim at; None lets the engine choose, and cuts the lead to the mean length of
            the references.
        neighbours: nearest earlier questions to show for each question.
        ngram: words of the longest n-grams that are compared.
        given_document: search a question's gold documents alone.

    Raises:
        UsageError: the data set has no references, or an argument is below one.
    """
    for name, value in (("words", words), ("neighbours", neighbours), ("ngram", ngram)):
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
    questions = [question for question in bench.questions if question.answerable and question.references]
    _need_references(bench, questions)
    with bench.stage("overlap"):
        earlier = bench.dataset.training or bench.dataset.questions
        asked = Asked(earlier(), bench.encoder, ngram=ngram)
        known = [question for question in asked.questions if question.answerable and question.references]
        answers = trivial.Answers(known, bench.dataset.training is not None)
    measure, headline = measure_for(bench.dataset.answers)
    ablation = Ablation(bench.engine, words, given_document) if bench.engine is not None else None
    study = Study(bench, asked, answers, ablation, measure, words or answers.words, neighbours, ngram)
    cases = []
    for number, question in enumerate(questions):
        bench.tell("diagnose", number, len(questions))
        cases.append(study.examine(question))
    bench.tell("diagnose", len(questions), len(questions))
    metrics = mean_scores([case.metrics for case in cases]) | _differences(cases, tuple(measure("", [""])), bench.seed)
    systems = dict.fromkeys(name for case in cases for name in case.baselines)
    baselines = {
        name: mean_scores([case.baselines[name] for case in cases if name in case.baselines]) for name in systems
    }
    return Result(
        task="diagnose",
        dataset=bench.dataset.name,
        split=bench.dataset.split,
        n=len(cases),
        settings=bench.settings_values(words=words, neighbours=neighbours, ngram=ngram, given_document=given_document),
        metrics=metrics,
        baselines=baselines,
        seconds=dict(bench.seconds),
        rows=[_row(case) for case in cases],
        groups=_groups(cases, headline),
        curves=_curves(cases),
        corpus=bench.corpus(questions),
        notes=[*findings(study, cases, metrics, baselines, headline)],
    )


def _need_references(bench: Bench, questions: Sequence[Question]) -> None:
    if questions and bench.dataset.answers is not AnswerLength.NONE:
        return
    name = bench.dataset.name
    if not bench.questions:
        raise UsageError(f"{name} asks no questions", "`odqa eval grounding` measures labelled claims")
    task = "retrieval" if any(question.gold for question in bench.questions) else "answers"
    raise UsageError(f"{name} has no reference answers to diagnose with", f"`odqa eval {task}` needs none")


def _differences(cases: Sequence[Case], measures: Iterable[str], seed: int) -> dict[str, float]:
    """Return what one kind of evidence is worth more than another, over the questions that have both."""
    found: dict[str, float] = {}
    for better, worse in _PAIRS:
        for part, name in product(("", "answered_"), measures):
            one, other = f"{better}_{part}{name}", f"{worse}_{part}{name}"
            both = [case for case in cases if one in case.metrics and other in case.metrics]
            if not both:
                continue
            documents = [next((gold.document_id for gold in c.question.gold), c.question.id) for c in both]
            values = [[case.metrics[key] for case in both] for key in (other, one)]
            change = paired_bootstrap(*values, seed=seed, groups=documents)
            key = f"{better}_minus_{worse}_{part}{name}"
            found |= {key: change.difference, f"{key}_low": change.low, f"{key}_high": change.high}
            found[f"{key}_p"] = change.p
    return found


def _row(case: Case) -> dict[str, Any]:
    question = case.question
    return {
        "id": question.id,
        "question": question.text,
        "type": question.type,
        "hops": question.hops,
        "metrics": case.metrics,
        "baselines": case.baselines,
        "references": list(question.references),
        "answer": case.conditions.get(Condition.RETRIEVED, {}).get("answer", ""),
        "conditions": {str(condition): found for condition, found in case.conditions.items()},
        "evidence": case.evidence,
        "gold": [
            {"document_id": gold.document_id, "spans": [list(span) for span in gold.spans]} for gold in question.gold
        ],
        "duplicates": case.overlap.duplicates,
        "nearest": [
            {
                "id": near.question.id,
                "question": near.question.text,
                "ngram": near.ngram,
                "cosine": near.cosine,
                "references": list(near.question.references),
            }
            for near in case.overlap.nearest
        ],
    }


def _groups(cases: Sequence[Case], headline: str) -> dict[str, dict[str, dict[str, float]]]:
    shown = [headline, *(f"{c}_{headline}" for c in Condition if c is not Condition.RETRIEVED)]
    shown += ["retrieved_refusal_rate", "overlap_near_duplicates", "repeats_near_duplicates"]

    def figures(members: Sequence[Case]) -> dict[str, float]:
        means = mean_scores([case.metrics for case in members])
        return {"n": float(len(members))} | {name: means[name] for name in shown if name in means}

    def by(keys: Sequence[str]) -> dict[str, dict[str, float]]:
        return {
            key: figures([case for own, case in zip(keys, cases, strict=True) if own == key])
            for key in sorted(set(keys))
        }

    return {"type": by([case.question.type for case in cases]), "hops": by([str(case.question.hops) for case in cases])}


def _curves(cases: Sequence[Case]) -> dict[str, list[dict[str, float]]]:
    """Return the engine's scores by the cosine of the nearest earlier question, in steps of a tenth."""
    bins: dict[int, list[Case]] = {}
    for case in cases:
        bins.setdefault(min(int(case.overlap.cosine / _BIN + 1e-6), _LAST_BIN), []).append(case)
    points = [
        {"cosine": fmean(case.overlap.cosine for case in bins[step]), "n": float(len(bins[step]))}
        | mean_scores([case.conditions[Condition.RETRIEVED]["metrics"] for case in bins[step] if case.conditions])
        for step in sorted(bins)
    ]
    return {"overlap": points}
