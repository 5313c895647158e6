"""`odqa eval pooling`: what is lost by searching little in memory first, at how little, beside what else is as small.

Everything is measured over the same questions in one run. The reference is the engine's exhaustive search, and *kept*
is R@10 divided by the reference's; `exhaustive-text` is the same without any summary: passages dense and by BM25, and
documents by BM25 over their titles and texts. For each compression, the systems are

- `pooled`: the engine as it would be with that pooling;
- `mean`: entries that are means of as many neighbours, in half precision, without summaries or sections, opened by
  vectors alone, and `mean-hybrid`, which opens them with the engine's lexical rankings too;
- `ivf`: exhaustive search whose dense part probes FAISS inverted lists, with centroids in half precision that take as
  much memory as the entries, and as many passages scored as the pooled search opens;
- `pooled-dense` and `ivf-dense`: the bare vectors: words order what the vectors have chosen, but choose nothing;
- `entries` and `mean-entries`: what is in memory and nothing else: documents in the order of their nearest entry, to
  be compared with `exhaustive-documents`, documents in the order of their nearest passage.

Memory is that of vectors: entries, or centroids. The vectors of passages, and the lists, may lie on disk. Compression
is the bytes of all passage vectors in half precision over the bytes in memory; it is what was reached and not what was
asked for, since a short document has an entry too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.measures import document_judgements, passage_judgements
from odqa.evaluate.pooling import figures as pooled_figures
from odqa.evaluate.pooling import ivf
from odqa.evaluate.pooling.figures import Run, passages_in
from odqa.evaluate.pooling.search import (
    DenseFirstRetriever,
    ListsRetriever,
    PassageScores,
    PlainDenseFirstRetriever,
    PlainRetriever,
    ScoredRetriever,
    WithoutSummaries,
    derived_of,
    nearest,
)
from odqa.evaluate.pooling.view import Entries, PooledView, pool_snapshot
from odqa.index.codes import half_precision
from odqa.index.derived import Derived
from odqa.retriever.fusion import reciprocal_rank
from odqa.retriever.search import HybridRetriever

if TYPE_CHECKING:
    from odqa.data.datasets import Question
    from odqa.engine import Engine
    from odqa.evaluate.bench import Bench
    from odqa.evaluate.result import Result
    from odqa.index.lexical import LexicalIndex

SIZES = (4, 8, 12, 16, 24, 32, 48, 64)

_TIMED = 24  # Questions that are searched once more for their time.


def measure_pooling(bench: Bench, *, sizes: Sequence[int] = SIZES, types: Sequence[str] | None = None) -> Result:
    """Measure how much of exhaustive search's recall pooling keeps, by how much less memory its vectors take.

    Args:
        bench: questions with gold evidence, and an engine over the documents; its own pooling is measured too.
        sizes: poolings, one point of the curve each: how many times less memory than the passages' vectors.
        types: only questions of these types; a question about a whole document that does not name it, such as "What
            is the plot of the story?", no search can tell from its like, and it blurs what is measured.

    Raises:
        UsageError: no such sizes or types; no question has gold evidence; or there is nothing to search.
    """
    engine, questions = bench.searchable, _chosen(bench, types)
    if not sizes or min(sizes) < 1:
        raise UsageError(f"sizes must be at least 1, not {', '.join(map(str, sizes)) or 'none'}", "e.g. 4, 8, 16, 32")
    if not int(engine.snapshot.live.sum()) or not passages_in(engine.snapshot):
        raise UsageError(f"{engine.path} holds no passages", "index some documents")
    systems = _systems(bench, sorted({*sizes, engine.settings.pooling}))
    runs = _search(bench, systems, questions)
    runs |= _search_lists(bench, systems, questions, runs)
    milliseconds = _time(bench, systems, questions)
    with bench.stage("score"):
        documents = document_judgements(questions)
        scores = pooled_figures.Scores(runs, documents, passage_judgements(questions, engine.snapshot))
    return pooled_figures.make_result(bench, questions, scores, milliseconds)


@dataclass(frozen=True, slots=True)
class _Systems:
    """Every system but the inverted lists, ready to search."""

    exhaustive: ScoredRetriever
    without: ScoredRetriever
    pooled: Mapping[int, ScoredRetriever]
    others: Mapping[str, Mapping[int, ScoredRetriever]]
    plain: Mapping[int, HybridRetriever]
    bytes: Mapping[tuple[str, int], int]


def _chosen(bench: Bench, types: Sequence[str] | None) -> list[Question]:
    known = sorted({question.type for question in bench.questions})
    if types is not None and (strange := sorted(set(types).difference(known))):
        raise UsageError(
            f"{bench.dataset.name} has no questions of type {', '.join(strange)}", f"its types: {', '.join(known)}"
        )
    questions = [
        question for question in bench.questions if question.gold and (types is None or question.type in types)
    ]
    if not questions:
        raise UsageError(
            f"no question of {bench.dataset.name} says which document answers it",
            "choose a data set with gold evidence",
        )
    return questions


def _systems(bench: Bench, sizes: Sequence[int]) -> _Systems:
    """Make the entries of every compression, and the systems that search them."""
    engine = bench.searchable
    snapshot, lexical, settings = engine.snapshot, engine.retriever.derived.lexical, engine.settings
    with bench.stage("pool"):
        pooled, means = pool_snapshot(snapshot, sizes, lambda done, total: bench.tell("pool", done, total, "documents"))
    scores = PassageScores(snapshot, lexical)
    made: dict[str, dict[int, ScoredRetriever]] = {"pooled-dense": {}, "mean": {}, "mean-hybrid": {}}
    engines: dict[int, ScoredRetriever] = {}
    plain: dict[int, HybridRetriever] = {}
    with bench.stage("search index"):
        for done, size in enumerate(sizes):
            bench.tell("search index", done, len(sizes), "sizes")
            view = PooledView(snapshot, pooled[size])
            dense = view.dense_index()
            found = derived_of(lexical, scores, dense)
            engines[size] = ScoredRetriever(view, found, bench.encoder, settings, scores)
            made["pooled-dense"][size] = DenseFirstRetriever(view, found, bench.encoder, settings, scores)
            plain[size] = HybridRetriever(
                view, derived_of(lexical, lexical, dense), bench.encoder, settings.replace(hops=1)
            )
            view = PooledView(snapshot, means[size])
            found = derived_of(lexical, scores, view.dense_index())
            made["mean"][size] = PlainDenseFirstRetriever(view, found, bench.encoder, settings, scores)
            made["mean-hybrid"][size] = PlainRetriever(view, found, bench.encoder, settings, scores)
    own = derived_of(lexical, scores, engine.retriever.derived.dense)
    exhaustive = ScoredRetriever(snapshot, own, bench.encoder, settings, scores)
    bare = Derived(cast("LexicalIndex", WithoutSummaries(lexical, scores)), own.dense)
    without = ScoredRetriever(snapshot, bare, bench.encoder, settings, scores)
    return _Systems(exhaustive, without, engines, made, plain, _bytes(pooled, means))


def _bytes(pooled: Mapping[int, Entries], means: Mapping[int, Entries]) -> dict[tuple[str, int], int]:
    return {
        (system, size): entries.bytes
        for system, by_size in (("pooled", pooled), ("pooled-dense", pooled), ("mean", means), ("mean-hybrid", means))
        for size, entries in by_size.items()
    }


def _search(bench: Bench, systems: _Systems, questions: Sequence[Question]) -> dict[tuple[str, int], Run]:
    """Search with every system but the inverted lists; the references have size 0."""
    texts, scores = _texts(questions), systems.exhaustive.shared
    total = passages_in(systems.exhaustive.snapshot)
    whole = total * half_precision(systems.exhaustive.snapshot.dimension).size
    retrievers = {(name, size): found for name, by_size in systems.others.items() for size, found in by_size.items()}
    retrievers |= {("pooled", size): found for size, found in systems.pooled.items()}
    runs = {key: Run(systems.bytes[key]) for key in retrievers}
    alone = {("entries", size): found for size, found in systems.pooled.items()}
    alone |= {("mean-entries", size): found for size, found in systems.others["mean"].items()}
    bare = {key: Run(systems.bytes["pooled" if key[0] == "entries" else "mean", key[1]]) for key in alone}
    references = {name: Run(whole, scored=total) for name in pooled_figures.REFERENCES}
    settings = systems.exhaustive.settings
    with bench.stage("search"):
        queries = bench.encoder.encode(texts, kind="query")
        for row in scores.over(texts, queries):
            bench.tell("search", row, len(texts))
            ranked = systems.exhaustive.rank(texts[row], exhaustive=True)
            references["exhaustive"].note(systems.exhaustive, questions[row].id, ranked.passages)
            without = systems.without.rank(texts[row], exhaustive=True)
            references["exhaustive-text"].note(systems.without, questions[row].id, without.passages)
            dense, words = (np.array(list(ranked.parts[part]), np.int64) for part in ("dense", "bm25"))
            references["exhaustive-dense"].note(systems.exhaustive, questions[row].id, dense)
            first = systems.exhaustive.snapshot.first_passage
            order = scores.live[np.argsort(-scores.dense[scores.live], kind="stable")]
            owners = np.searchsorted(first, order, side="right") - 1
            references["exhaustive-documents"].note_documents(systems.exhaustive, questions[row].id, owners)
            for key, retriever in alone.items():
                bare[key].note_documents(retriever, questions[row].id, nearest(retriever, queries[row]).documents)
            fused, _ = reciprocal_rank([dense, words], k=settings.rrf_k)
            references["exhaustive-plain"].note(systems.exhaustive, questions[row].id, fused)
            for key, retriever in retrievers.items():
                ranked = retriever.rank(texts[row])
                runs[key].note(retriever, questions[row].id, ranked.passages)
                runs[key].scored += ranked.scored / len(questions)
        bench.tell("search", len(texts), len(texts))
    return {**runs, **bare, **{(name, 0): run for name, run in references.items()}}


def _search_lists(
    bench: Bench, systems: _Systems, questions: Sequence[Question], runs: Mapping[tuple[str, int], Run]
) -> dict[tuple[str, int], Run]:
    """Search inverted lists, with the memory and the work of the pooled search at each size."""
    texts, exhaustive = _texts(questions), systems.exhaustive
    queries = bench.encoder.encode(texts, kind="query")
    found: dict[tuple[str, int], Run] = {}
    retrievers: dict[tuple[str, int], ListsRetriever] = {}
    with bench.stage("train lists"):
        for done, size in enumerate(systems.pooled):
            bench.tell("train lists", done, len(systems.pooled), "sizes")
            pooled = runs["pooled", size]
            each = half_precision(exhaustive.snapshot.dimension).size
            lists = ivf.train(exhaustive.snapshot, max(1, pooled.bytes // each), bench.seed)
            probes, scored = lists.probes_for(queries, pooled.scored)
            for name, alone in (("ivf", False), ("ivf-dense", True)):
                retrievers[name, size] = ListsRetriever(exhaustive, lists, probes, dense_first=alone)
                found[name, size] = Run(len(lists) * each, scored=scored)
    with bench.stage("search lists"):
        for row in exhaustive.shared.over(texts, queries):
            bench.tell("search lists", row, len(texts))
            for key, retriever in retrievers.items():
                ranked = retriever.rank(texts[row], exhaustive=True)
                found[key].note(retriever, questions[row].id, ranked.passages)
        bench.tell("search lists", len(texts), len(texts))
    return found


def _time(bench: Bench, systems: _Systems, questions: Sequence[Question]) -> dict[tuple[str, int], float]:
    """Return milliseconds a question, without its encoding, of the engine at each size and of exhaustive search."""
    engine: Engine = bench.searchable
    texts = _texts(questions)
    texts = bench.rng("time").sample(texts, min(_TIMED, len(texts)))
    with bench.stage("time"):
        found = {("pooled", size): _milliseconds(one, texts) for size, one in systems.plain.items()}
        return found | {("exhaustive", 0): _milliseconds(engine.retriever, texts, exhaustive=True)}


def _milliseconds(retriever: HybridRetriever, texts: Sequence[str], *, exhaustive: bool = False) -> float:
    spent = [retriever.rank(text, exhaustive=exhaustive).seconds for text in texts]
    return 1000 * float(np.median([seconds["pooled"] + seconds["passages"] for seconds in spent]))


def _texts(questions: Sequence[Question]) -> list[str]:
    return [" ".join(question.text.split()) for question in questions]
