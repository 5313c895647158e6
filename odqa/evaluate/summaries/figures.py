"""The figures of `odqa eval summaries`, with their intervals, as a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.evaluate.bootstrap import interval, paired_bootstrap
from odqa.evaluate.measures import mean
from odqa.evaluate.result import Result
from odqa.evaluate.summaries.search import FULL, Found
from odqa.evaluate.summaries.systems import ENGINE, Written
from odqa.evaluate.text import ROUGE

if TYPE_CHECKING:
    from odqa.data.datasets import Question
    from odqa.data.datasets.types import GoldSummary
    from odqa.evaluate.bench import Bench

SYSTEMS = (
    *("lead", "random", "lexrank", "textrank", "abstract", "oracle", "human"),
    *("engine-body", "lead-body", "random-body", "lexrank-body", "textrank-body", "oracle-body"),
)
"""In the order in which they are shown; the summarizer that the settings name comes after these."""

_SAMPLES = 2_000
_AGAINST = ("lead", "lexrank", "textrank")
_DIFFERENCES = ("rouge1", "rouge2", "rougeL")

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds for a thousand words, of a sample of the documents.

    Attributes:
        documents: in the sample.
        encoder: to encode the passages.
        structured: to write the structured summaries of documents and sections, as a build does.
    """

    documents: int
    encoder: float
    structured: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was found.

    Attributes:
        gold: human summaries by document id: the documents that are searched.
        rows: figures by document id and system: the documents that were measured.
        short: documents no longer than a summary, as far as they were read.
        written: what each system wrote.
        times: of a sample.
        budget: most words of a summary.
        mean_words: of the human summaries.
        questions: that were asked of the summaries alone.
        found: what each system's texts found.
    """

    gold: Mapping[str, GoldSummary]
    rows: Mapping[str, Mapping[str, Figures]]
    short: frozenset[str]
    written: Mapping[str, Written]
    times: Times
    budget: int
    mean_words: float
    questions: Sequence[Question]
    found: Mapping[str, Found]


def make_result(bench: Bench, measured: Measured, *, limit: int | None) -> Result:
    """Return the result of the evaluation."""
    with bench.stage("bootstrap"):
        names = dict.fromkeys([*SYSTEMS, *(name for row in measured.rows.values() for name in row)])
        systems = {name: _likeness(measured, name) | _searched(measured, name) for name in (ENGINE, *names)}
        systems |= {name: _searched(measured, name) for name in measured.found if name not in systems}
        own = systems.pop(ENGINE) | _differences(measured)
    systems["structured"] = systems.get("structured", {}) | {"ms_per_1000": measured.times.structured}
    own["encoder_ms_per_1000"] = measured.times.encoder
    return Result(
        task="summaries",
        dataset=bench.dataset.name,
        split=bench.dataset.split,
        n=len(measured.rows),
        settings=bench.settings_values(words=measured.budget, limit=limit),
        metrics=own,
        baselines={name: figures for name, figures in systems.items() if figures},
        seconds=bench.seconds,
        rows=[*_document_rows(bench, measured), *_question_rows(measured)],
        groups=_groups(measured),
        corpus=bench.corpus(measured.questions)
        | {"documents_with_summary": float(len(measured.gold)), "questions_asked": float(len(measured.questions))},
        notes=list(_notes(bench, measured)),
    )


def _likeness(measured: Measured, system: str) -> Figures:
    """Return the ROUGE of a system over the documents that it summarized, with intervals, and its time."""
    rows = [row[system] for row in measured.rows.values() if system in row]
    if not rows:
        return {}
    means = mean(rows)
    figures = {name: means[name] for name in (*ROUGE, "words")}
    if (written := measured.written.get(system)) is not None and written.milliseconds is not None:
        figures["ms_per_1000"] = written.milliseconds
    return figures | _bounds({name: [row[name] for row in rows] for name in ROUGE})


def _searched(measured: Measured, system: str) -> Figures:
    """Return what search by a system's texts finds, with intervals; questions about one document count together."""
    found = measured.found.get(system)
    if found is None:
        return {}
    rows = [found.rows[question.id] for question in measured.questions]
    groups = [question.gold[0].document_id for question in measured.questions]
    figures = mean(rows) | {"words_searched": found.words}
    if found.words:
        figures["compression"] = measured.found[FULL].words / found.words
    return figures | _bounds({name: [row[name] for row in rows] for name in rows[0]}, groups)


def _bounds(columns: Mapping[str, Sequence[float]], groups: Sequence[str] | None = None) -> Figures:
    figures: Figures = {}
    for name, values in columns.items():
        found = interval(values, samples=_SAMPLES, groups=groups)
        figures |= {f"{name}_low": found.low, f"{name}_high": found.high}
    return figures


def _differences(measured: Measured) -> Figures:
    """Return how much more ROUGE the engine has than others on the same documents: a paired bootstrap."""
    figures: Figures = {}
    for other in _AGAINST:
        pairs = [(row[other], row[ENGINE]) for row in measured.rows.values()]
        for name in _DIFFERENCES:
            found = paired_bootstrap([a[name] for a, _ in pairs], [b[name] for _, b in pairs], samples=_SAMPLES)
            key = f"{name}_over_{other}"
            figures |= {key: found.difference, f"{key}_low": found.low, f"{key}_high": found.high, f"{key}_p": found.p}
    return figures


def _groups(measured: Measured) -> dict[str, dict[str, Figures]]:
    """Return what is found of documents that are cut short, whose text no search could go by, and of the others."""
    kinds: dict[str, list[str]] = {}
    for question in measured.questions:
        is_short = all(gold.document_id in measured.short for gold in question.gold)
        kinds.setdefault("no longer than a summary" if is_short else "longer", []).append(question.id)
    if len(kinds) < 2:
        return {}
    shown = (ENGINE, "human", FULL)
    return {
        "gold document": {
            kind: {"n": float(len(ids))}
            | {
                name if system == ENGINE else f"{system} {name}": value
                for system in shown
                for name, value in mean(measured.found[system].rows[id_] for id_ in ids).items()
            }
            for kind, ids in sorted(kinds.items())
        }
    }


def _document_rows(bench: Bench, measured: Measured) -> Iterator[dict[str, Any]]:
    snapshot = bench.searchable.snapshot
    titles = snapshot.column("title")
    for id_, row in measured.rows.items():
        yield {
            "id": id_,
            "question": titles[snapshot.by_id[id_]] or id_,
            "type": "document",
            "metrics": row[ENGINE],
            "baselines": {name: figures for name, figures in row.items() if name != ENGINE},
            "answer": measured.written[ENGINE].texts[id_],
            "references": list(measured.gold[id_].texts),
        }


def _question_rows(measured: Measured) -> Iterator[dict[str, Any]]:
    for question in measured.questions:
        by_system = {name: found.rows[question.id] for name, found in measured.found.items()}
        yield {
            "id": question.id,
            "question": question.text,
            "type": question.type,
            "group": question.gold[0].document_id,
            "metrics": by_system.pop(ENGINE),
            "baselines": by_system,
            "gold": list(dict.fromkeys(gold.document_id for gold in question.gold)),
        }


def _notes(bench: Bench, measured: Measured) -> Iterator[str]:
    several = max(len(each.texts) for each in measured.gold.values())
    yield (
        f"A summary has at most {measured.budget:,} words; those of people have {measured.mean_words:.0f} on average. "
        "`lead` is cut there, `abstract` and `human` are as long as they are, all others are whole sentences."
    )
    if measured.short:
        yield (
            f"{len(measured.short):,} documents have no more words than a summary: they are not held against the human "
            "summaries. Search by their text has little to go by, where search by human summaries has all."
        )
    if several > 1:
        yield (
            f"ROUGE is the highest over up to {several} human summaries, as SQuALITY publishes it; `human` is each of "
            "them against the others, one reference fewer."
        )
    with_abstract = sum("abstract" in row for row in measured.rows.values())
    if with_abstract:
        yield (
            f"`abstract` and figures that end in `-body` are over the {with_abstract:,} of {len(measured.rows):,} "
            "documents with an abstract; `-body` is the same system without the sentences of the abstract."
        )
    named = bench.searchable.settings.summarizer
    if named != "extractive":
        yield f"`{named}` is what the index holds, up to as many words; `{ENGINE}` is extractive all the same."
    yield (
        "`oracle` chose sentences with the human summary in view. `lexrank` and `textrank` are those of sumy over the "
        "same sentences, with matrices made by SciPy, which gives the same ranking in a thirtieth of sumy's time."
    )
    yield (
        f"Milliseconds for 1,000 words are of a single run; those of the encoder and of `structured` (all fields of "
        f"documents and sections) of {measured.times.documents:,} documents."
    )
    if not measured.questions:
        yield "No question names a document with a human summary, so search by summaries was not measured."
        return
    limit = bench.encoder.max_tokens
    yield (
        f"Search is over the {len(measured.gold):,} documents with a human summary. Every text stands under the title "
        f"of its document; its vector is that of the first {limit:,} tokens, of `{FULL}` that of the best passage."
    )
    if left := len(bench.questions) - len(measured.questions):
        yield f"{left:,} questions name no document, or one without a human summary, and were not asked."
