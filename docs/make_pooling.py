"""Write docs/pooling.md: what each ingredient of pooled entries buys, measured with everything else left as it is.

    python docs/make_pooling.py [--data DIR] [--limit N] [--only TEXT]... [--no-runs]

The data sets of the plan are indexed as `odqa eval` indexes them, in the cache folder, and searched with one thing
changed at a time. Figures are kept in docs/pooling.json, from which page and plots are written. What the page says of
the figures is checked against them: a sentence that they do not bear out is an error, and no page is written. With
`--limit` the figures are a trial: they are printed, not kept. On one busy core of a small machine all takes eight
minutes; the first time, encoding the passages and the texts that stand for runs of them comes on top.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from pooling_ablations import dense, hybrid
from pooling_ablations.collection import Collection, Measured, Row
from pooling_ablations.page import page
from pooling_ablations.plots import draw

from odqa import __version__
from odqa.data.datasets import load_dataset
from odqa.errors import OdqaError
from odqa.evaluate.bench import open_bench
from odqa.settings import resolve

DOCS = Path(__file__).resolve().parent

PLAN = """
squality --split all --types specific
qmsum --split all --types specific --limit 600
scisummnet --limit 800
"""
ABLATIONS = {
    "memory": dense.memory,
    "rereading": dense.rereading,
    "summary-vector": dense.summary_vector,
    "words": hybrid.words,
    "reading": hybrid.reading,
}
_DIGITS = 4


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; ODQA_DATA if absent")
    parser.add_argument("--limit", type=int, help="so many questions of each set at most, for a trial")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="measure only what has this in its name, e.g. qmsum"
    )
    parser.add_argument("--no-runs", action="store_true", help="write page and plots from docs/pooling.json")
    options = parser.parse_args()
    if options.limit is not None and (options.limit < 1 or options.no_runs):
        parser.error("--limit is at least 1, and of no use with --no-runs")
    trial, stored = options.limit is not None, DOCS / "pooling.json"
    try:
        known = {} if trial or not stored.exists() else _read(stored)
        for line in () if options.no_runs else PLAN.strip().splitlines():
            wanted = [name for name in ABLATIONS if _is_wanted(f"{line}: {name}", options.only)]
            if wanted:
                known[line] = measure(line, wanted, known.get(line), options.data, options.limit)
                if not trial:
                    stored.write_text(_written(known), "utf-8")
        if trial:
            print(_written(known), end="")
            return 0
        measured = [known[line] for line in PLAN.strip().splitlines() if line in known]
        text = page(measured)
    except OdqaError as error:
        print(f"make_pooling: error: {error}", file=sys.stderr)
        return 1
    draw(measured, DOCS / "pooling")
    (DOCS / "pooling.md").write_text(text, "utf-8")
    print(f"wrote {DOCS / 'pooling.md'}", file=sys.stderr)
    return 0


def _is_wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(text in name for text in only)


def measure(
    line: str, wanted: Sequence[str], before: Measured | None, data: Path | None, limit: int | None
) -> Measured:
    """Measure ablations on one set.

    Args:
        line: of the plan.
        wanted: names of ablations.
        before: figures of the set, of which those that are not wanted are kept.
        data: folder of the data sets.
        limit: as many questions at most.

    Raises:
        OdqaError: the data set is missing or malformed.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--split")
    parser.add_argument("--types", nargs="*")
    parser.add_argument("--limit", type=int)
    plan = parser.parse_args(shlex.split(line))
    dataset = load_dataset(plan.dataset, data=data, split=plan.split)
    most = min(filter(None, (plan.limit, limit)), default=None)
    with open_bench(dataset, resolve({}), limit=most, types=plan.types) as bench:
        collection = Collection(bench)
        rows = dict(before.rows) if before else {}
        for name in wanted:
            start = time.perf_counter()
            rows[name] = [_rounded(row) for row in ABLATIONS[name](collection)]
            print(f"{line}: {name}, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        questions, documents, passages = len(collection.questions), len(collection), len(collection.owners)
    return Measured(line, questions, documents, passages, rows)


def _rounded(row: Row) -> Row:
    return Row(row.variant, row.at, {name: round(float(value), _DIGITS) for name, value in row.figures.items()})


def _written(known: Mapping[str, Measured]) -> str:
    sets = [asdict(one) for one in known.values()]
    found = {"version": __version__, "date": date.today().isoformat(), "sets": sets}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict[str, Measured]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["sets"]
    return {
        one["line"]: Measured(
            one["line"], one["questions"], one["documents"], one["passages"],
            {name: [Row(**row) for row in rows] for name, rows in one["rows"].items()},
        )
        for one in found
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
