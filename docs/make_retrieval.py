"""Write docs/retrieval.md and docs/retrieval.json: what each ingredient of search in several steps adds, and costs.

    python docs/make_retrieval.py [--data DIR] [--index NAME=PATH]... [--limit N] [--no-runs]

Two kinds of figures. What an ingredient adds is measured by learning the weights without it, on questions held out in
turn (`odqa.learn.fusion`), so that the other ingredients may make up for it as well as they can. What the number of
steps and a reranker cost is measured on the engine as it stands. `--index` searches an index that is there already,
`--no-runs` writes the page anew from docs/retrieval.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.data.datasets import load_dataset
from odqa.evaluate.bench import open_bench, plain_encoder, sample
from odqa.evaluate.measures import document_judgements, mean, score_run
from odqa.learn.fusion import collect, learn
from odqa.retriever.find import Finder
from odqa.retriever.hops.features import NAMES
from odqa.retriever.search import HybridRetriever
from odqa.settings import resolve

if TYPE_CHECKING:
    from odqa.evaluate.bench import Bench

DOCS = Path(__file__).resolve().parent
SETS = ("hotpot300", "musique100", "rageval_finance", "ottqa")
MOST = 300
RERANKED = 40
WITHOUT: Mapping[str, Sequence[str]] = {
    "everything": (),
    "links of any kind": ("out", "into", "shared", "linked_path", "spread"),
    "links and titles": ("out", "into"),
    "rare names shared": ("shared",),
    "what a passage adds to the one before": ("gain", "path", "linked_path"),
    "spreading (PageRank)": ("spread",),
    "what the question names": ("named",),
    "its clauses": ("clause_bm25", "clause_words"),
    "the first ranking": ("fused", "document"),
    "meaning (vectors)": ("dense",),
    "words (BM25)": ("bm25", "document_bm25", "coverage", "clause_bm25", "clause_words"),
}


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--index", action="append", default=[], metavar="NAME=PATH", help="an index that is there")
    parser.add_argument("--limit", type=int, default=MOST, help="questions of each set")
    parser.add_argument("--no-runs", action="store_true", help="only write the page")
    given = parser.parse_args()
    kept = DOCS / "retrieval.json"
    if not given.no_runs:
        indexes = dict(pair.split("=", 1) for pair in given.index)
        found = measure(given.data, {name: Path(path) for name, path in indexes.items()}, given.limit)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    body = json.loads(kept.read_text(encoding="utf-8"))
    head = (DOCS / "retrieval_head.md").read_text(encoding="utf-8")
    (DOCS / "retrieval.md").write_text("\n".join([head.rstrip(), "", *page(body)]), encoding="utf-8")


def measure(data: Path | None, indexes: Mapping[str, Path], limit: int) -> dict[str, Any]:
    """Return every figure of the page."""
    examples = []
    engine: dict[str, Any] = {}
    for name in SETS:
        with open_bench(load_dataset(name, data=data), resolve({}), limit=limit, index=indexes.get(name)) as bench:
            examples += collect(bench)
            engine[name] = _engine(bench)
    learned = {}
    for left_out, names in WITHOUT.items():
        learned[left_out] = learn(examples, [name for name in NAMES if name not in names]).figures
    return {"learned": learned, "engine": engine}


def _engine(bench: Bench) -> dict[str, Any]:
    """Return what the engine finds and how long it takes with so many steps allowed, and with a reranker."""
    engine = bench.searchable
    questions = [question for question in bench.questions if question.gold]
    encoder = plain_encoder(engine.encoder)
    retriever = HybridRetriever(engine.snapshot, engine.retriever.derived, encoder, engine.settings)
    figures: dict[str, Any] = {"corpus": bench.corpus(questions), "n": len(questions), "steps": {}}
    pieces = document_judgements(questions)
    for most in (1, 2, 3, 4):
        run, times, walked = {}, [], 0
        for question in questions:
            start = time.perf_counter()
            ranked = retriever.rank(" ".join(question.text.split()), hops=most)
            times.append(1000 * (time.perf_counter() - start))
            walked += ranked.plan is not None and ranked.plan.steps > 1
            run[question.id] = retriever.rank_documents(ranked)
        row = mean(score_run(pieces, run, (2, 5, 10)).values())
        p50, p95 = np.percentile(times, [50, 95]).tolist()
        figures["steps"][str(most)] = row | {"p50_ms": p50, "p95_ms": p95, "walked": walked / len(questions)}
    figures["reranked"] = _reranked(retriever, sample(questions, RERANKED))
    return figures


def _reranked(retriever: HybridRetriever, questions: Sequence[Any]) -> dict[str, Any]:
    """Return what the first 20 passages are worth as they stand, and put into order by late interaction."""
    pieces = document_judgements(questions)
    found: dict[str, Any] = {"n": len(questions)}
    for name in ("none", "maxsim"):
        settings = retriever.settings.replace(reranker=name, rerank_passages=20, rerank_ms=0)
        own = HybridRetriever(retriever.snapshot, retriever.derived, retriever.encoder, settings)
        finder, run, times = Finder(own), {}, []
        for question in questions:
            start = time.perf_counter()
            evidence = finder.find(question.text, 20).evidence
            times.append(1000 * (time.perf_counter() - start))
            run[question.id] = list(dict.fromkeys(item.document.id for item in evidence))
        found[name] = mean(score_run(pieces, run, (2, 5, 10)).values()) | {"p50_ms": float(np.median(times))}
    return found


def page(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the page's tables."""
    yield "## What each ingredient adds\n"
    yield (
        "Weights learned without it, on questions held out in turn (five folds), among questions that need several "
        "places or that the engine walks for. R@5 / all gold in the first ten documents; the first line is search "
        "without links.\n"
    )
    sets = [name for name in SETS if name in body["learned"]["everything"]]
    yield f"| without | {' | '.join(sets)} |"
    yield "|---" * (len(sets) + 1) + "|"
    first = [body["learned"]["everything"][name] for name in sets]
    cells = [f"{row['first_R@5']:.3f} / {row['first_all_gold@10']:.3f}" for row in first]
    yield f"| *walking at all* | {' | '.join(cells)} |"
    for left_out, figures in body["learned"].items():
        rows = [figures[name] for name in sets]
        label = "**nothing**" if left_out == "everything" else left_out
        yield f"| {label} | {' | '.join(_pair(row) for row in rows)} |"
    counts = ", ".join(f"{name} {int(row['n'])}" for name, row in zip(sets, first, strict=True))
    yield f"\nQuestions: {counts}.\n"
    yield "## What steps cost\n"
    yield "The engine with so many steps allowed (`hops`); `walked`: the share of questions that take more than one.\n"
    yield "| set | steps | R@2 | R@5 | R@10 | all gold@10 | walked | ms p50 | ms p95 |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, figures in body["engine"].items():
        for most, row in figures["steps"].items():
            shown = " | ".join(f"{row[key]:.3f}" for key in ("R@2", "R@5", "R@10", "all_gold@10", "walked"))
            yield f"| {name} | {most} | {shown} | {row['p50_ms']:.0f} | {row['p95_ms']:.0f} |"
    sizes = (
        f"{name}: {figures['n']} questions, {figures['corpus']['documents']:,.0f} documents, "
        f"{figures['corpus']['passages']:,.0f} passages"
        for name, figures in body["engine"].items()
    )
    yield f"\n{'; '.join(sizes)}.\n"
    yield "## Late interaction\n"
    yield (
        'The first 20 passages put into order by `reranker = "maxsim"`, which reads them with the bundled encoder, '
        "against the order in which search finds them; whole searches, with tables, conflicts and answerability.\n"
    )
    yield "| set | questions | R@2 | R@5 | all gold@10 | ms p50 | R@2 maxsim | R@5 | all gold@10 | ms p50 |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, figures in body["engine"].items():
        both = figures["reranked"]
        cells = [
            f"{row['R@2']:.3f} | {row['R@5']:.3f} | {row['all_gold@10']:.3f} | {row['p50_ms']:.0f}"
            for row in (both["none"], both["maxsim"])
        ]
        yield f"| {name} | {both['n']} | {' | '.join(cells)} |"
    yield ""


def _pair(row: Mapping[str, float]) -> str:
    return f"{row['R@5']:.3f} / {row['all_gold@10']:.3f}"


if __name__ == "__main__":
    main()
