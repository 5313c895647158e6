"""What `odqa eval` draws: figures of the engine beside those of other systems, comparisons, data sets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from odqa.terminal import printable, write

if TYPE_CHECKING:
    from odqa.data.datasets import DatasetInfo
    from odqa.evaluate.compare import Comparison
    from odqa.evaluate.result import Figures, Result

_ENGINE = "odqa"
_BESIDE = 5
"""Systems that stand beside the engine in one table; more take a table of their own."""
_ACROSS = 6
"""Figures in one table with a line for each system."""
_MANY_SYSTEMS = frozenset({"summaries"})
"""Tasks with more systems than figures: a line for each system reads better there."""


def print_result(console: Console, result: Result) -> None:
    """Draw one measurement: what was measured, the figures, and what a reader of them has to know."""
    from odqa.evaluate.report.terms import is_detail

    of = f" {result.split}" if result.split else ""
    write(console, Text(f"{result.task} on {result.dataset}{of}: {result.n:,} measured", "bold"))
    if result.corpus:
        write(console, Text(", ".join(f"{name.replace('_', ' ')} {n:,.0f}" for name, n in result.corpus.items())))
    shown = [name for name in result.metrics if not is_detail(name)]
    shared = [name for name in shown if any(name in one for one in result.baselines.values())]
    if result.task in _MANY_SYSTEMS:
        _print_by_system(console, {_ENGINE: result.metrics} | dict(result.baselines), shared)
    else:
        for systems in _in_tables(result.baselines, shared):
            _print_systems(console, {_ENGINE: result.metrics} | systems, shared)
    own = {name: result.metrics[name] for name in shown if name not in shared}
    if own:
        _print_systems(console, {_ENGINE: own}, list(own))
    if left := len(result.metrics) - len(shown):
        write(console, Text(f"{left} more figures with --json, and in the report", "dim"))
    for kind, groups in result.groups.items():
        if len(groups) > 1:
            _print_groups(console, kind, groups)
    for note in result.notes:
        write(console, Text(printable(note)), lead="! ")
    slow = ", ".join(f"{stage} {took:.1f}" for stage, took in result.seconds.items() if took >= 0.05)
    if slow:
        write(console, Text(f"seconds: {slow}", "dim"))


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Draw the comparison of two measurements: every metric with its difference and interval."""
    write(console, Text(f"{comparison.task} on {comparison.dataset}: {comparison.n:,} questions in both", "bold"))
    table = _table("metric", "A", "B", "B − A", "95 % interval", "p (Holm)", "higher", "lower")
    for change in comparison.metrics:
        low, high = change.interval.low, change.interval.high
        table.add_row(
            change.metric,
            *map(_number, (change.first, change.second)),
            _signed(change.interval.difference),
            f"{_signed(low)} … {_signed(high)}",
            f"{change.p_holm:.3f}",
            *(f"{count:,}" for count in (change.higher, change.lower)),
            style="bold" if low > 0 or high < 0 else None,
        )
    for figure in comparison.figures:
        table.add_row(figure.metric, *map(_number, (figure.first, figure.second)), _signed(figure.difference))
    console.print(table)
    for setting in comparison.settings:
        write(console, Text(printable(f"{setting.name}: {setting.first} in A, {setting.second} in B")))
    for note in comparison.notes:
        write(console, Text(printable(note)), lead="! ")


def print_datasets(console: Console, known: Sequence[DatasetInfo]) -> None:
    """Draw the data sets that are known by name."""
    table = _table("name", "here", "what", "gold", "licence", left=5)
    for one in known:
        table.add_row(one.name, "yes" if one.present else "no", one.description, one.gold, one.licence)
    console.print(table)


def _in_tables(baselines: Mapping[str, Figures], shared: Sequence[str]) -> Iterable[dict[str, Figures]]:
    if not shared:
        return []
    names = [name for name, figures in baselines.items() if any(metric in figures for metric in shared)]
    parts = [names[first : first + _BESIDE] for first in range(0, len(names), _BESIDE)]
    return [{name: baselines[name] for name in part} for part in parts]


def _print_systems(console: Console, systems: Mapping[str, Figures], metrics: Sequence[str]) -> None:
    table = _table("", *systems)
    for metric in metrics:
        values = [figures.get(metric) for figures in systems.values()]
        table.add_row(metric, *("" if value is None else _number(value) for value in values))
    console.print(table)


def _print_by_system(console: Console, systems: Mapping[str, Figures], metrics: Sequence[str]) -> None:
    """Draw a line for each system, in as many tables as the figures take; systems without any of them are left out."""
    for first in range(0, len(metrics), _ACROSS):
        shown = metrics[first : first + _ACROSS]
        table = _table("", *shown)
        for name, figures in systems.items():
            if any(metric in figures for metric in shown):
                values = (figures.get(metric) for metric in shown)
                table.add_row(name, *("" if value is None else _number(value) for value in values))
        console.print(table)


def _print_groups(console: Console, kind: str, groups: Mapping[str, Figures]) -> None:
    """Draw the figures that a reader looks at first, by kind of question."""
    names = list(dict.fromkeys(name for figures in groups.values() for name in figures if name != "n"))
    first = [name for name in _FIRST if name in names] or names
    table = _table(kind, "n", *first[:_BESIDE])
    for name, figures in groups.items():
        shown = (figures.get(metric) for metric in first[:_BESIDE])
        values = ("" if value is None else _number(value) for value in shown)
        table.add_row(printable(str(name)), f"{figures.get('n', 0):,.0f}", *values)
    console.print(table)


_FIRST = (
    "R@10", "nDCG@10", "bm25_R@10", "human bm25_R@10", "full-text bm25_R@10", "dense_R@10",
    "all_gold@10", "passage_all_gold@10", "kept@16x", "rougeL", "rougeLsum", "f1", "em",
    "citation_precision", "retrieved_rougeL", "random_rougeL", "balanced_accuracy", "roc_auc",
)  # fmt: skip


def _table(*heads: str, left: int = 1) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number < left else "right", overflow="fold")
    return table


def _number(value: float | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if float(value).is_integer() and abs(value) > 1:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"
