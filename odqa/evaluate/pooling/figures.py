"""The figures of `odqa eval pooling`: recall by passages per vector, and how much of exhaustive search's is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from odqa.evaluate.measures import Judgements, group_means, mean, passage_id, score_run
from odqa.evaluate.result import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.data.datasets import Question
    from odqa.evaluate.bench import Bench
    from odqa.index.snapshot import Snapshot
    from odqa.retriever.search import HybridRetriever

DEPTH = 10
COMPRESSIONS = (8, 16, 32)
MAIN = f"R@{DEPTH}"
_MEASURES = tuple(f"{name}@{DEPTH}" for name in ("R", "nDCG", "Success", "all_gold"))
_SYSTEMS = ("pooled", "ivf", "mean", "mean-hybrid", "pooled-dense", "ivf-dense")
_ALONE = ("entries", "mean-entries")
REFERENCES = ("exhaustive", "exhaustive-text", "exhaustive-plain", "exhaustive-dense", "exhaustive-documents")

Key = tuple[str, int]


@dataclass(slots=True)
class Run:
    """What one system found at one size.

    Attributes:
        bytes: of the vectors that have to be in memory.
        scored: passages scored densely for a question, on average.
        documents: ids of the first documents, by question.
        passages: ids of the first passages, by question.
    """

    bytes: int
    scored: float = 0.0
    documents: dict[str, list[str]] = field(default_factory=dict)
    passages: dict[str, list[str]] = field(default_factory=dict)

    def note(self, retriever: HybridRetriever, question: str, passages: NDArray[np.int64]) -> None:
        """Keep the first documents and passages of a ranking of passages."""
        snapshot = retriever.snapshot
        owners = snapshot.documents_of(passages)
        self.note_documents(retriever, question, owners)
        places = (passages - snapshot.first_passage[owners])[:DEPTH]
        pairs = zip(owners[:DEPTH].tolist(), places.tolist(), strict=True)
        self.passages[question] = [passage_id(snapshot.ids[number], place) for number, place in pairs]

    def note_documents(self, retriever: HybridRetriever, question: str, documents: NDArray[np.int64]) -> None:
        """Keep the first documents of a ranking, which may name a document more than once."""
        numbers = list(dict.fromkeys(documents.tolist()))[:DEPTH]
        self.documents[question] = [retriever.snapshot.ids[number] for number in numbers]


class Scores:
    """Every run measured, question by question, and on average."""

    def __init__(self, runs: Mapping[Key, Run], documents: Judgements, passages: Judgements) -> None:
        """Measure runs.

        Args:
            runs: by system and size; 0 for a system that has none.
            documents: gold evidence as documents.
            passages: gold evidence as passages; empty where the data set does not say.
        """
        self.runs = runs
        self.rows = {key: _score(run, documents, passages) for key, run in runs.items()}
        self.means = {key: mean(rows.values()) for key, rows in self.rows.items()}
        self.passage_level = bool(passages)

    @cached_property
    def sizes(self) -> list[int]:
        """The sizes that were measured, ascending."""
        return sorted(size for system, size in self.runs if system == "pooled")

    @property
    def total(self) -> int:
        """Bytes of the vectors of all passages in half precision."""
        return self.runs["exhaustive", 0].bytes

    def ratio(self, key: Key, measure: str = MAIN) -> float | None:
        """Return a system's figure divided by that of exhaustive search; None if that is zero.

        What is in memory and nothing else is held against the nearest passages and nothing else.
        """
        reference = self.means["exhaustive-documents" if key[0] in _ALONE else "exhaustive", 0][measure]
        return self.means[key][measure] / reference if reference else None

    def compression(self, key: Key) -> float:
        """Return how many times less memory than the vectors of all passages its vectors take."""
        return self.total / self.runs[key].bytes

    def points(self, system: str) -> list[tuple[float, float, float]]:
        """Return compression, R@10 and recall kept of a system at each size, as far as they are known."""
        keys = [(system, size) for size in self.sizes]
        return [
            (self.compression(key), self.means[key][MAIN], kept)
            for key in keys
            if (kept := self.ratio(key)) is not None
        ]


def passages_in(snapshot: Snapshot) -> int:
    """Return the number of passages of live documents."""
    return int(np.diff(snapshot.first_passage)[snapshot.live].sum())


def at(points: Sequence[Sequence[float]], compression: float) -> list[float] | None:
    """Return the figures at a compression, on the straight line between the points around it.

    Args:
        points: compression, then figures; points of equal compression count as their mean.
        compression: where.

    Returns:
        The figures; None where the points do not reach.
    """
    if not points:
        return None
    table = np.array(points, np.float64)
    where, group = np.unique(table[:, 0], return_inverse=True)
    if not where[0] <= compression <= where[-1]:
        return None
    counts = np.bincount(group)
    columns = (np.bincount(group, column) / counts for column in table[:, 1:].T)
    return [float(np.interp(compression, where, column)) for column in columns]


def make_result(
    bench: Bench, questions: Sequence[Question], scores: Scores, milliseconds: Mapping[Key, float]
) -> Result:
    """Put the figures together.

    Args:
        bench: what was measured on.
        questions: those that were measured.
        scores: of all runs.
        milliseconds: a question's time by system and size, as far as it was taken.
    """
    size = bench.searchable.settings.pooling

    def figures(key: Key) -> dict[str, float]:
        run = scores.runs[key]
        found = {**scores.means[key], **_ratios(scores, key)}
        found |= {"compression": scores.compression(key), "megabytes": run.bytes / 1e6}
        return {**found, "passages_scored": run.scored} | ({"ms": milliseconds[key]} if key in milliseconds else {})

    metrics = figures(("pooled", size))
    kept = {f"kept@{times}x": found[1] for times in COMPRESSIONS if (found := at(scores.points("pooled"), times))}
    at_setting = {"kept_at_setting": metrics.pop("kept")} if "kept" in metrics else {}
    baselines = {name: figures((name, 0)) for name in REFERENCES}
    baselines |= {name: figures((name, size)) for name in (*_SYSTEMS, *_ALONE) if name != "pooled"}
    for name in (*_SYSTEMS[1:], *_ALONE):
        for times in COMPRESSIONS:
            if found := at(scores.points(name), times):
                baselines[f"{name}@{times}x"] = {MAIN: found[0], "kept": found[1], "compression": times}
    return Result(
        task="pooling",
        dataset=bench.dataset.name,
        split=bench.dataset.split,
        n=len(questions),
        settings=bench.settings_values(sizes=scores.sizes),
        metrics={**kept, **at_setting, **metrics},
        baselines=baselines,
        seconds=bench.seconds,
        rows=[_row(question, scores, size) for question in questions],
        groups={"type": dict(_groups(questions, scores, size))},
        curves=_curves(scores, milliseconds),
        corpus=bench.corpus(questions),
        notes=list(_notes(bench, questions, scores)),
    )


def _score(run: Run, documents: Judgements, passages: Judgements) -> dict[str, dict[str, float]]:
    rows = score_run(documents, run.documents, (DEPTH,))
    found = {id_: {name: row[name] for name in _MEASURES} for id_, row in rows.items()}
    if passages and run.passages:
        for id_, row in score_run(passages, run.passages, (DEPTH,)).items():
            found[id_] |= {f"passage_{name}": row[name] for name in _MEASURES}
    return found


def _ratios(scores: Scores, key: Key) -> dict[str, float]:
    by_passage = scores.passage_level and bool(scores.runs[key].passages)
    kinds = [("kept", MAIN), ("passage_kept", f"passage_{MAIN}")][: 1 + by_passage]
    return {name: kept for name, measure in kinds if (kept := scores.ratio(key, measure)) is not None}


def _curves(scores: Scores, milliseconds: Mapping[Key, float]) -> dict[str, list[dict[str, float]]]:
    """Return one curve for each unit, so that each can be drawn, all over the pooled entries' compression."""
    curves: dict[str, list[dict[str, float]]] = {}
    for size in scores.sizes:
        across = {"compression": scores.compression(("pooled", size))}
        kept = {_series(name, "kept"): scores.ratio((name, size)) for name in (*_SYSTEMS, *_ALONE)}
        work = {_series(name, "scored"): scores.runs[name, size].scored for name in _SYSTEMS}
        units: dict[str, dict[str, float]] = {
            "pooling": {name: value for name, value in kept.items() if value is not None},
            MAIN: {_series(name, MAIN): scores.means[name, size][MAIN] for name in (*_SYSTEMS, *_ALONE)},
            "memory": {"megabytes": scores.runs["pooled", size].bytes / 1e6},
            "milliseconds": {"ms": milliseconds["pooled", size]} if ("pooled", size) in milliseconds else {},
            "passages scored": work,
            "nominal size": {"size": size},
        }
        if scores.passage_level:
            ratios = {_series(name, "kept"): scores.ratio((name, size), f"passage_{MAIN}") for name in _SYSTEMS}
            units["pooling by passage"] = {name: value for name, value in ratios.items() if value is not None}
        for name, values in units.items():
            curves.setdefault(name, []).append({**across, **values})
    return curves


def _series(system: str, figure: str) -> str:
    return figure if system == "pooled" else f"{system.replace('-', '_')}_{figure}"


def _row(question: Question, scores: Scores, size: int) -> dict[str, object]:
    baselines = {name: scores.rows[name, 0][question.id] for name in REFERENCES}
    baselines |= {name: scores.rows[name, size][question.id] for name in _SYSTEMS if name != "pooled"}
    return {
        "id": question.id,
        "question": question.text,
        "type": question.type,
        "hops": question.hops,
        "metrics": scores.rows["pooled", size][question.id],
        "baselines": baselines,
        "gold": list(dict.fromkeys(gold.document_id for gold in question.gold)),
        "documents": scores.runs["pooled", size].documents[question.id],
    }


def _groups(questions: Sequence[Question], scores: Scores, size: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield, for each type of question, its figures at the engine's own size and what each system keeps there."""
    reference = group_means(questions, scores.rows["exhaustive", 0], "type")
    systems = {name: group_means(questions, scores.rows[name, size], "type") for name in _SYSTEMS}
    for kind, figures in systems["pooled"].items():
        found = {**figures, f"exhaustive {MAIN}": reference[kind][MAIN]}
        if reference[kind][MAIN]:
            found |= {
                _series(name, "kept"): groups[kind][MAIN] / reference[kind][MAIN] for name, groups in systems.items()
            }
        yield kind, found


def _notes(bench: Bench, questions: Sequence[Question], scores: Scores) -> Iterator[str]:
    snapshot = bench.searchable.snapshot
    if without := sum(not question.gold for question in bench.questions):
        yield f"{without:,} questions name no document that answers them, and are left out."
    gold = {gold.document_id for question in questions for gold in question.gold}
    if missing := len(gold - snapshot.by_id.keys()):
        yield f"{missing:,} of {len(gold):,} gold documents are not in the index, and count as missed by every system."
    reached = [scores.compression(("pooled", size)) for size in scores.sizes]
    for times in COMPRESSIONS:
        if not min(reached) <= times <= max(reached):
            yield (
                f"kept@{times}x is left out: the poolings {', '.join(map(str, scores.sizes))} reach compressions of "
                f"{min(reached):.1f} to {max(reached):.1f}; every document has an entry, however short it is."
            )
    if scores.ratio(("exhaustive", 0)) is None:
        yield "Exhaustive search finds nothing, so nothing can be kept."
    for size in scores.sizes:
        lists, entries = scores.runs["ivf", size].bytes, scores.runs["pooled", size].bytes
        if lists < 0.9 * entries:
            yield (
                f"At pooling {size}, inverted lists take {lists / 1e6:.2f} MB against {entries / 1e6:.2f}: there are "
                f"no more passages to train them with."
            )
    yield (
        "Memory counts the vectors that are searched: coded entries, means and centroids in half precision. Inverted "
        "lists probe as many as "
        "it takes to score at least the passages that the pooled search opens, on average."
    )
    yield "Milliseconds are the median search of a sample of the questions, without their encoding."
