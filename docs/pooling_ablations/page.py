"""The page: a table for each ablation, and what it shows, checked against the figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from odqa import __version__
from odqa.errors import UsageError
from odqa.index.codes import choose_code
from odqa.retriever.search import SUMMARY_WEIGHT
from odqa.settings import Settings
from pooling_ablations import dense, findings, hybrid
from pooling_ablations.collection import DEPTH, Measured, Row
from pooling_ablations.findings import DIMENSION, MAIN

_APART = 0.1  # share by which memory may miss what was asked for before a table says so


def page(measured: Sequence[Measured]) -> str:
    """Return the page.

    Raises:
        UsageError: a figure is missing, or a sentence of the page does not hold.
    """
    if not measured or any(name not in one.rows for one in measured for name in _SECTIONS):
        raise UsageError("some ablations have not been measured", "run docs/make_pooling.py without --no-runs")
    parts = [_introduction(measured)]
    for name, (title, about, table, shows) in _SECTIONS.items():
        parts += [f"## {title}", about, table(measured), f"![{title}](pooling/{name}.svg)", " ".join(shows(measured))]
        parts.append(f"`python docs/make_pooling.py --only {name}`")
    return "\n\n".join(parts) + "\n"


def _introduction(measured: Sequence[Measured]) -> str:
    pooling = Settings().pooling
    code = choose_code(pooling, DIMENSION)
    sets = "\n".join(
        f"- `{one.line}`: {one.questions:,} questions, {one.documents:,} documents, {one.passages:,} passages."
        for one in measured
    )
    widest = max(_half_width(one) for one in measured)
    return f"""# What each ingredient of pooled entries buys

A pooled entry is a row of the index that stands for a run of neighbouring passages of one document: the direction of
the mean of their vectors, in a few bits. Beside a document's entries stands one vector for its structured summary, and
the words of the summary are a field of BM25. Entries say which passages are worth reading; the passages themselves are
scored exactly, from vectors that may lie on disk. At the default setting, `pooling = {pooling}`, an entry takes
{code.size} bytes where the vector of a passage takes {2 * DIMENSION}, and most entries are single passages.

Below, one ingredient at a time is changed and everything else is left as it is. Every figure is recall of the gold
document among the first {DEPTH} ({MAIN}) or at the first place (R@1), with bundled MiniLM and extractive summaries.
The sets, as `odqa eval pooling` takes them:

{sets}

The 95 % interval of one figure alone is ±{widest:.3f} or narrower. Two systems asked the same
questions differ by less than that by chance, but one or two hundredths are not to be relied on.

Written by `python docs/make_pooling.py` for odqa {__version__}; no figure is typed by hand,
and sentences that compare are checked against the figures when the page is written. Without new measurements:
`python docs/make_pooling.py --no-runs`, from the figures in `docs/pooling.json`."""


def _half_width(one: Measured) -> float:
    """Return half the 95 % interval of a share (Wald) as high as exhaustive search finds."""
    share = one.of("memory", MAIN, dense.ALL, 1)
    return 1.96 * math.sqrt(share * (1 - share) / one.questions)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _keys(measured: Sequence[Measured], ablation: str) -> list[tuple[str, float]]:
    return list(dict.fromkeys((row.variant, row.at) for one in measured for row in one.rows[ablation]))


def _found(one: Measured, ablation: str, key: tuple[str, float]) -> Row | None:
    return next((row for row in one.rows[ablation] if (row.variant, row.at) == key), None)


def _simple(ablation: str, figures: Sequence[str], label: Callable[[str, float], str]) -> Callable[..., str]:
    """Return a function that makes a table: a line for each variant, the figures of each set side by side."""

    def table(measured: Sequence[Measured]) -> str:
        there = [
            (one, figure)
            for one in measured
            for figure in figures
            if any(figure in row.figures for row in one.rows[ablation])
        ]
        rows = []
        for key in _keys(measured, ablation):
            found = ((_found(one, ablation, key), figure) for one, figure in there)
            rows.append([label(*key), *(_figure(row.figures.get(figure)) if row else "" for row, figure in found)])
        return _table(["", *(f"{one.name} {figure}" for one, figure in there)], rows)

    return table


def _figure(value: float | None) -> str:
    if not value:
        return "" if value is None else "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value <= 1 else f"{value:.1f}"


def _memory_table(measured: Sequence[Measured]) -> str:
    rows = []
    for variant in dict.fromkeys(variant for variant, _ in _keys(measured, "memory")):
        cells = [_memory_cell(_found(one, "memory", (variant, at))) for one in measured for at in dense.TIMES]
        if variant == dense.ALL:
            whole = [f"{one.of('memory', MAIN, dense.ALL, 1):.3f} at 1×" for one in measured]
            cells = [cell for text in whole for cell in (text, *[""] * (len(dense.TIMES) - 1))]
        rows.append([variant, *cells])
    return _table(["", *(f"{one.name} {times}×" for one in measured for times in dense.TIMES)], rows)


def _memory_cell(row: Row | None) -> str:
    if row is None:
        return ""
    reached = row.figures["compression"]
    return f"{row.figures[MAIN]:.3f}" + (f" at {reached:.1f}×" if abs(reached / row.at - 1) > _APART else "")


_SECTIONS: dict[str, tuple[str, str, Callable[..., str], Callable[..., Iterator[str]]]] = {
    "memory": (
        "What is in memory alone",
        f"Documents in the order of their nearest row, and nothing else: no words, no reading again. {MAIN} at so many "
        "times less memory than the vectors of all passages in half precision; where the bytes came out more than a "
        "tenth away from that, the cell says what they are. *Even runs* are as many neighbours each, *runs of like "
        "neighbours* are merged by Ward's criterion. One bit for every passage is 13.7× already. Texts of runs are "
        f"encoded at 8×, as far as that takes no more than {dense.MOST_TEXTS:,} texts a set.",
        _memory_table,
        findings.memory,
    ),
    "rereading": (
        "Reading again what is near",
        "The nearest rows only say which passages to read; documents are ranked by their best exact passage among "
        "these. 0 is the order of the rows themselves. *Passages* are those read for a question.",
        _simple("rereading", (MAIN, "passages"), lambda variant, at: f"{variant}, {at:g}" if at or variant != dense.ALL
                else variant),
        findings.rereading,
    ),
    "summary-vector": (
        "The vector of the summary",
        "The cosine of a document's summary, times a weight, is added to that of its best passage: of all passages, or "
        f"of those of the nearest {Settings().candidates} entries, as the engine does with weight {SUMMARY_WEIGHT}.",
        _simple("summary-vector", ("R@1", MAIN), lambda variant, at: variant if variant == dense.SUMMARY_ALONE
                else f"{variant}, {at:g}"),
        findings.summary_vector,
    ),
    "words": (
        "The words that documents are found by",
        "BM25 over documents by these fields, alone, and in place of the engine's own in its whole search (*hybrid*). "
        "The engine's is *title, text, summary*.",
        _simple("words", ("R@1", MAIN, "hybrid R@1", f"hybrid {MAIN}"), lambda variant, _: variant),
        findings.words,
    ),
    "reading": (
        "What is read",
        "The engine reads the passages of the documents that it opens and of the nearest entries. Opened are so many "
        f"documents, or those with a share of the best one's score, at least 3 and at most {Settings().documents}. "
        "*Scored* are the passages whose exact vectors are looked at for a question; `passage R@10` counts passages "
        "that people marked.",
        _simple("reading", (MAIN, f"passage {MAIN}", "opened", "scored"), lambda variant, at: f"{variant}, {at:g}"
                if at or variant == hybrid.FIXED else variant),
        findings.reading,
    ),
}  # fmt: skip
