"""One index over all stories of SQuALITY and all meetings of QMSum: does pooled search find the right document?

    python benchmarks/long_documents.py [--data DIR] [--index DIR] [--pooling N] [--limit N] [--json FILE]

Prints, for the specific questions of both sets, document hit@1/5/10 of pooled search beside two exhaustive references
in the same run: every passage scored, dense and BM25, fused by reciprocal rank; and the same with document-level BM25
as a third ranking. Then how much less memory the entries take, the build's seconds by stage, the size
of the index by part, and the peak memory of the process. With `--index` the index is kept, and found again.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import odqa
from odqa.data.datasets import Question, load_dataset
from odqa.index.codes import choose_code
from odqa.retriever.fusion import reciprocal_rank
from odqa.retriever.search import HybridRetriever
from odqa.schema import Document, Progress

SETS = ("squality", "qmsum")
CUTS = (1, 5, 10)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; ODQA_DATA if absent")
    parser.add_argument("--index", type=Path, help="keep the index here, and use it again")
    parser.add_argument("--pooling", type=int, help="how many times less memory the searched vectors are to take")
    parser.add_argument("--documents", type=int, help="most documents that are opened for a question")
    parser.add_argument("--limit", type=int, help="questions of each set")
    parser.add_argument("--json", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    sets = {name: load_dataset(name, data=options.data) for name in SETS}

    def documents() -> Iterator[Document]:
        for dataset in sets.values():
            yield from dataset.documents()

    with tempfile.TemporaryDirectory() as folder:
        index = options.index or Path(folder) / "long.odqa"
        start = time.perf_counter()
        overrides = {"pooling": options.pooling, "documents": options.documents}
        engine = odqa.build(documents(), index, progress=_progress(), **overrides)
        wall = time.perf_counter() - start
        figures: dict[str, object] = {"build": _build_figures(engine, wall)}
        figures["hit"] = {
            name: measure(engine.retriever, list(_specific(dataset.questions(), options.limit)))
            for name, dataset in sets.items()
        }
        figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        _print(figures)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def _specific(questions: Iterator[Question], limit: int | None) -> Iterator[Question]:
    """Leave out what asks for a whole document: every document would answer it."""
    count = 0
    for question in questions:
        if question.type == "specific" and (limit is None or count < limit):
            count += 1
            yield question


def measure(retriever: HybridRetriever, questions: list[Question]) -> dict[str, object]:
    """Return hit@k and milliseconds a question of each system."""
    systems: dict[str, Callable[[str], list[str]]] = {
        "pooled": lambda text: retriever.rank_documents(retriever.rank(text)),
        "exhaustive": lambda text: exhaustive(retriever, text),
        "exhaustive + document BM25": lambda text: retriever.rank_documents(retriever.rank(text, exhaustive=True)),
    }
    rows: dict[str, object] = {"questions": len(questions)}
    for name, search in systems.items():
        start = time.perf_counter()
        ranks = [_rank(search(question.text), {gold.document_id for gold in question.gold}) for question in questions]
        milliseconds = (time.perf_counter() - start) / max(1, len(questions)) * 1000
        hits = {f"hit@{k}": float(np.mean([rank < k for rank in ranks])) for k in CUTS}
        rows[name] = {**hits, "ms": milliseconds}
    return rows


def exhaustive(retriever: HybridRetriever, text: str) -> list[str]:
    """Rank documents by their best passage in the plain hybrid over all passages: dense and BM25, no document level."""
    ranked = retriever.rank(text, exhaustive=True)
    rankings = [
        np.array(sorted(part, key=lambda n: -part[n]), np.int64)
        for part in (ranked.parts["dense"], ranked.parts["bm25"])
    ]
    passages, _ = reciprocal_rank(rankings, k=retriever.settings.rrf_k)
    numbers = np.searchsorted(retriever.snapshot.first_passage, passages, side="right") - 1
    ids = retriever.snapshot.column("id")
    return [ids[number] for number in dict.fromkeys(numbers.tolist())]


def _rank(found: list[str], gold: set[str]) -> int:
    return next((place for place, id_ in enumerate(found) if id_ in gold), sys.maxsize)


def _build_figures(engine: odqa.Engine, wall: float) -> dict[str, object]:
    snapshot, report = engine.snapshot, engine.report
    passages, entries = int(snapshot.first_passage[-1]), int(snapshot.first_entry[-1])
    code = choose_code(engine.settings.pooling, snapshot.dimension)
    sizes: dict[str, int] = {}
    for path in engine.path.rglob("*"):
        if path.is_file():
            part = "cache" if "cache" in path.relative_to(engine.path).parts else path.name
            sizes[part] = sizes.get(part, 0) + path.stat().st_size
    return {
        "documents": snapshot.manifest.documents,
        "passages": passages,
        "entries": entries,
        "entry_bytes": code.size,
        "compression": passages * 2 * snapshot.dimension / max(1, entries * code.size),
        "text_mb": sum(ref.text_bytes for ref in snapshot.manifest.segments) / 1e6,
        "index_mb": {name: size / 1e6 for name, size in sorted(sizes.items(), key=lambda item: -item[1])},
        "seconds": wall,
        "seconds_by_stage": report.seconds if report and report.changed else None,
    }


def _progress() -> Callable[[Progress], None]:
    last = [time.monotonic()]

    def tell(progress: Progress) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            print(
                f"{progress.stage} {progress.done}/{progress.total or '?'} {progress.unit}", file=sys.stderr, flush=True
            )

    return tell


def _print(figures: dict[str, object]) -> None:
    console = Console(width=110)
    build = figures["build"]
    assert isinstance(build, dict)
    console.print(
        f"{build['documents']} documents, {build['passages']:,} passages, {build['entries']:,} pooled entries of "
        f"{build['entry_bytes']} bytes: {build['compression']:.1f} times less memory"
    )
    hits = figures["hit"]
    assert isinstance(hits, dict)
    for name, rows in hits.items():
        table = Table(title=f"{name}: {rows['questions']} specific questions", title_justify="left")
        for head in ("system", *(f"hit@{k}" for k in CUTS), "ms a question"):
            table.add_column(head, justify="left" if head == "system" else "right")
        for system, row in rows.items():
            if isinstance(row, dict):
                table.add_row(system, *(f"{row[f'hit@{k}']:.3f}" for k in CUTS), f"{row['ms']:.1f}")
        base, strong = rows["exhaustive"], rows["exhaustive + document BM25"]
        ratios = [f"{rows['pooled'][f'hit@{k}'] / max(base[f'hit@{k}'], 1e-9):.3f}" for k in CUTS]
        table.add_row("pooled ÷ exhaustive", *ratios, f"{rows['pooled']['ms'] / base['ms']:.2f}", style="bold")
        ratios = [f"{rows['pooled'][f'hit@{k}'] / max(strong[f'hit@{k}'], 1e-9):.3f}" for k in CUTS]
        table.add_row("pooled ÷ exhaustive + document BM25", *ratios, f"{rows['pooled']['ms'] / strong['ms']:.2f}")
        console.print(table)
    if build["seconds_by_stage"]:
        stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in build["seconds_by_stage"].items())
        console.print(f"build {build['seconds']:.1f} s: {stages}")
    sizes = ", ".join(f"{name} {size:.2f}" for name, size in build["index_mb"].items())
    console.print(f"text {build['text_mb']:.1f} MB; index {sum(build['index_mb'].values()):.1f} MB: {sizes}")
    console.print(f"peak memory {figures['peak_memory_mb']} MB")


if __name__ == "__main__":
    main()
