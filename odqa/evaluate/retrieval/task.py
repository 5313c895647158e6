"""`odqa eval retrieval`: does the engine find the documents and passages that answer a question, and what else would?

Figures are at the level of documents, and at that of passages, under names that begin with `passage_`, where a data
set says which characters are the evidence. Questions that name no evidence cannot be judged and are left out; gold
evidence that the index does not hold counts as missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.measures import (
    CUTOFFS,
    Judgements,
    document_judgements,
    group_means,
    mean,
    passage_judgements,
    score_run,
)
from odqa.evaluate.result import Result
from odqa.evaluate.retrieval.answerable import measure_answerability
from odqa.evaluate.retrieval.kinds import DEEPER, judge_kinds, score_kinds, table_documents
from odqa.evaluate.retrieval.ranking import Prepared, Ranking
from odqa.evaluate.retrieval.systems import check_systems, make_system
from odqa.evaluate.retrieval.trec import Run, read_run

if TYPE_CHECKING:
    from odqa.data.datasets import Gold, Question
    from odqa.engine import Engine
    from odqa.evaluate.bench import Bench
    from odqa.index.snapshot import Snapshot
    from odqa.schema import Evidence

ENGINE = "pooled"
SYSTEMS = (ENGINE, "exhaustive", "dense", "bm25", "bm25-documents", "bm25-reference", "rrf")
"""What is measured where nobody chooses; other systems are slower, or make indexes of their own."""
PASSAGE = "passage_"
"""What the names of figures at the level of passages begin with."""

_SHOWN = 5
_TEXT_CHARACTERS = 400
_QUOTE_CHARACTERS = 200


def measure_retrieval(
    bench: Bench,
    *,
    cutoffs: Sequence[int] = CUTOFFS,
    systems: Sequence[str] = SYSTEMS,
    runs: dict[str, Run] | None = None,
) -> Result:
    """Measure the engine as it stands, and other systems over the same documents as baselines.

    Milliseconds are those of a question from its words to a ranking, encoded without the vector cache.

    Args:
        bench: questions with gold evidence, and an engine over the documents.
        cutoffs: depths of the figures.
        systems: names that `odqa.evaluate.retrieval.systems` knows; the engine itself is always measured.
        runs: filled with the ids that each system found, by its name, and, of passages, by its name and `-passages`.

    Raises:
        UsageError: there is no such system or cut-off, no question has gold evidence, there is nothing to search, or
            ir-measures is not installed.
    """
    engine = bench.searchable
    cutoffs, names = _checked(cutoffs), list(dict.fromkeys([ENGINE, *systems]))
    check_systems(names)  # Before some of them make an index.
    questions = _judged(bench)
    judged, tables = document_judgements(questions), table_documents(engine.snapshot)
    kinds = judge_kinds(judged, tables)
    gold = _Gold(judged, passage_judgements(questions, engine.snapshot), cutoffs, kinds, tables)
    depth = max(cutoffs) * (DEEPER if kinds else 1)
    with bench.stage("prepare systems"):
        made = {name: make_system(name, engine, depth) for name in names}
    next(made[ENGINE](["warm up"]))  # The first question pays for loading a model and mapping files.
    found = {}
    for name, system in made.items():
        with bench.stage(f"search {name}"):
            texts = [" ".join(question.text.split()) for question in questions]
            found[name] = _Found()
            for done, (question, ranking) in enumerate(zip(questions, system(texts), strict=True)):
                bench.tell(f"search {name}", done, len(questions))
                found[name].note(question, ranking, engine if name == ENGINE else None)
            bench.tell(f"search {name}", len(questions), len(questions))
        with bench.stage("score"):
            found[name].score(gold)
        if runs is not None:
            runs[name] = found[name].documents
            if found[name].passages:
                runs[f"{name}-passages"] = found[name].passages
        found[name].forget()
    options = {"cutoffs": list(cutoffs), "systems": names}
    prepared: list[object] = list(made.values())
    notes = _notes(bench, questions, gold) + [some.about for some in prepared if isinstance(some, Prepared)]
    with bench.stage("judge"):
        answerability = measure_answerability(bench)
    return _result(bench, questions, gold, found, options, notes, answerability)


def score_trec_run(bench: Bench, path: Path, *, cutoffs: Sequence[int] = CUTOFFS) -> Result:
    """Measure a run that any system wrote as a TREC file, at the level of documents.

    Args:
        bench: questions with gold evidence; their ids are the topics of the run. The engine is not asked.
        path: the run, as `odqa.evaluate.retrieval.trec.read_run` reads it.
        cutoffs: depths of the figures.

    Raises:
        UsageError: there is no such cut-off, no question has gold evidence, the run answers none of the questions, or
            ir-measures is not installed.
        LoadError: the file is no run.
    """
    cutoffs, questions = _checked(cutoffs), _judged(bench)
    with bench.stage("read run"):
        run = read_run(path)
    answered = sum(question.id in run for question in questions)
    if not answered:
        raise UsageError(
            f"{path} answers none of the questions of {bench.dataset.name}",
            f"its topics have to be ids of questions, such as {questions[0].id!r}",
        )
    found = _Found(documents={question.id: run.get(question.id, []) for question in questions})
    gold = _Gold(document_judgements(questions), {}, cutoffs)
    with bench.stage("score"):
        found.score(gold)
    notes = _notes(bench, questions, gold)
    if answered < len(questions):
        notes.append(f"The run lacks {len(questions) - answered:,} of {len(questions):,} questions, which score 0.")
    if bench.engine is not None:
        ids = {id_ for ids in found.documents.values() for id_ in ids}
        if strange := len(ids - bench.engine.snapshot.by_id.keys()):
            notes.append(f"{strange:,} of the {len(ids):,} documents of the run are not in the index.")
    return _result(bench, questions, gold, {path.stem: found}, {"cutoffs": list(cutoffs), "run": str(path)}, notes)


@dataclass(frozen=True, slots=True)
class _Gold:
    documents: Judgements
    passages: Judgements
    cutoffs: Sequence[int]
    kinds: Mapping[str, Judgements] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()


@dataclass
class _Found:
    """What one system found, and what that is worth."""

    documents: Run = field(default_factory=dict)
    passages: Run = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    evidence: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def note(self, question: Question, ranking: Ranking, engine: Engine | None) -> None:
        """Keep a ranking; with an engine, also the words of the first passages."""
        self.documents[question.id] = list(ranking.documents)
        if ranking.passages:
            self.passages[question.id] = list(ranking.passages)
        if ranking.milliseconds is not None:
            self.milliseconds.append(ranking.milliseconds)
        if ranking.ranked is not None and engine is not None:
            evidence = engine.retriever.evidence(question.text, ranking.ranked, _SHOWN)
            self.evidence[question.id] = [_shown(item) for item in evidence]

    def score(self, gold: _Gold) -> None:
        """Measure what was found, question by question."""
        self.rows = score_run(gold.documents, self.documents, gold.cutoffs)
        if self.passages:
            for id_, row in score_run(gold.passages, self.passages, gold.cutoffs).items():
                self.rows[id_] |= {f"{PASSAGE}{name}": value for name, value in row.items()}

        for id_, row in score_kinds(gold.kinds, self.documents, gold.tables, gold.cutoffs).items():
            self.rows[id_] |= row

    def forget(self) -> None:
        """Let go of the ids, of which many systems over many questions have many."""
        self.documents, self.passages = {}, {}

    @cached_property
    def means(self) -> dict[str, float]:
        """The figures over all questions, and milliseconds where they were taken."""
        times = self.milliseconds
        if not times:
            return mean(self.rows.values())
        p50, p95 = np.percentile(times, [50, 95]).tolist()
        return {**mean(self.rows.values()), "mean_ms": sum(times) / len(times), "p50_ms": p50, "p95_ms": p95}


def _checked(cutoffs: Sequence[int]) -> Sequence[int]:
    if not cutoffs or min(cutoffs) < 1:
        raise UsageError(f"cut-offs must be at least 1, not {', '.join(map(str, cutoffs)) or 'none'}", "e.g. 1, 5, 10")
    return sorted(set(cutoffs))


def _judged(bench: Bench) -> list[Question]:
    if questions := [question for question in bench.questions if question.gold]:
        return questions
    raise UsageError(
        f"no question of {bench.dataset.name} says which document answers it", "choose a data set with gold evidence"
    )


def _result(
    bench: Bench,
    questions: Sequence[Question],
    gold: _Gold,
    found: Mapping[str, _Found],
    options: Mapping[str, Any],
    notes: Sequence[str],
    judged: Mapping[str, float] | None = None,
) -> Result:
    own = next(iter(found.values()))
    snapshot = bench.engine.snapshot if bench.engine is not None else None
    levels = ["", PASSAGE] if any(f"{PASSAGE}R@{gold.cutoffs[0]}" in row for row in own.rows.values()) else [""]
    return Result(
        task="retrieval",
        dataset=bench.dataset.name,
        split=bench.dataset.split,
        n=len(questions),
        settings=bench.settings_values(**options),
        metrics=own.means | dict(judged or {}),
        baselines={name: other.means for name, other in found.items() if other is not own},
        seconds=bench.seconds,
        rows=list(_rows(questions, found, snapshot)),
        groups={"type": group_means(questions, own.rows, "type"), "hops": group_means(questions, own.rows, "hops")},
        curves={f"{level}recall": _recall(found, level, gold.cutoffs) for level in levels},
        corpus=bench.corpus(questions) | {"questions_without_gold": len(bench.questions) - len(questions)},
        notes=notes,
    )


def _rows(
    questions: Sequence[Question], found: Mapping[str, _Found], snapshot: Snapshot | None
) -> Iterator[dict[str, Any]]:
    own = next(iter(found.values()))
    for place, question in enumerate(questions):
        row = {
            "id": question.id,
            "question": question.text,
            "type": question.type,
            "hops": question.hops,
            "metrics": own.rows[question.id],
            "baselines": {name: other.rows[question.id] for name, other in found.items() if other is not own},
            "gold": [_gold(gold, snapshot) for gold in question.gold],
        }
        if own.milliseconds:
            row |= {"ms": own.milliseconds[place], "evidence": own.evidence[question.id]}
        yield row


def _recall(found: Mapping[str, _Found], level: str, cutoffs: Sequence[int]) -> list[dict[str, float]]:
    """Return one point for each depth, with the recall of every system that ranks at this level."""
    return [
        {"k": k, **{name: some.means[figure] for name, some in found.items() if figure in some.means}}
        for k in cutoffs
        if (figure := f"{level}R@{k}")
    ]


def _notes(bench: Bench, questions: Sequence[Question], gold: _Gold) -> list[str]:
    notes = []
    if without := len(bench.questions) - len(questions):
        notes.append(f"{without:,} of {len(bench.questions):,} questions have no gold evidence and are not counted.")
    if bench.engine is None:
        return notes
    ids = {each.document_id for question in questions for each in question.gold}
    if missing := len(ids - bench.engine.snapshot.by_id.keys()):
        notes.append(f"{missing:,} of {len(ids):,} gold documents are not in the index and count as missed.")
    if 0 < len(gold.passages) < len(questions):
        notes.append(
            f"Figures that begin with {PASSAGE} are over {len(gold.passages):,} of {len(questions):,} questions: "
            "of the others, only the document is known."
        )
    marked, mapped = (sum(getattr(question, name) for question in questions) for name in ("marked", "mapped"))
    if mapped < marked:
        notes.append(f"{marked - mapped:,} of {marked:,} pieces of marked evidence were not found in the text.")
    opened = bench.engine.settings.documents
    if opened < max(gold.cutoffs):
        notes.append(
            f"The engine opens at most {opened} documents for a question (setting `documents`); of others it ranks "
            "only the passages of the nearest entries and those that BM25 finds."
        )
    return notes


def _gold(gold: Gold, snapshot: Snapshot | None) -> dict[str, Any]:
    number = snapshot.by_id.get(gold.document_id) if snapshot is not None and gold.spans else None
    quote = gold.quote
    if snapshot is not None and number is not None:
        text = snapshot.document(number).text
        quote = " … ".join(span.of(text) for span in gold.spans)
    shown: dict[str, Any] = {"document_id": gold.document_id, "spans": [list(span) for span in gold.spans]}
    return shown | ({"piece": gold.piece} if gold.piece is not None else {}) | {"quote": _cut(quote, _QUOTE_CHARACTERS)}


def _shown(item: Evidence) -> dict[str, Any]:
    return {
        "document_id": item.document.id,
        "title": item.document.title,
        "span": list(item.passage.span),
        "score": item.score,
        "text": _cut(item.text, _TEXT_CHARACTERS),
    }


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
