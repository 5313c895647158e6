"""`odqa train compare`: runs of trainings side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.session import JsonOption, session_of

if TYPE_CHECKING:
    from rich.console import Console

    from odqa.learn.experiment.compare import Comparison, Row

_LEVELS = "▁▂▃▄▅▆▇█"
_WIDE = 32
"""Characters of a sparkline."""


def compare(
    context: typer.Context,
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs, folders that hold such folders, or names of models."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write an HTML page with the curves here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show runs of trainings side by side: what differs in settings and data, what was reached, and how fast.

    A run lies beside the model that it trained: settings, data, versions, machine, and figures step by step.
    """
    from odqa.learn.experiment.compare import compare_runs
    from odqa.learn.experiment.record import find_runs, read_run

    session = session_of(context)
    comparison = compare_runs([read_run(folder) for folder in find_runs(list(map(_place, runs)))])
    if out is not None:
        from odqa.learn.experiment.page import write_runs

        with session.patience("Drawing …"):
            lacking = write_runs(comparison, out)
        session.note(f"report: {out}" + (f" (no curves: {lacking})" if lacking else ""))
    if as_json:
        session.json(comparison.to_json())
        return
    _print(session.out, comparison)


def _place(run: Path) -> Path:
    """Return the folder that is meant: of a model in the store, whose run lies beside it, where there is none here."""
    from odqa.models import models_folder

    in_store = models_folder() / run.name
    return in_store if not run.exists() and str(run) == run.name and in_store.is_dir() else run


def _print(console: Console, comparison: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    from odqa.learn.experiment.page import course
    from odqa.terminal import printable, write

    def draw(title: str, rows: Sequence[Sequence[str]]) -> None:
        if not rows:
            return
        shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for head in (Text(title), *labels):
            shown.add_column(head, overflow="fold")
        for name, *cells in rows:
            shown.add_row(Text(printable(name), "dim"), *(Text(printable(cell)) for cell in cells))
        console.print(shown)
        console.print()

    labels = [Text(printable(run.label)) for run in comparison.runs]
    columns = [course(run) for run in comparison.runs]
    draw("run", [[name, *(column[name] for column in columns)] for name in columns[0]])
    draw("held out", list(_held_out(comparison)))
    draw("at the end", list(_final(comparison)))
    for title, rows in (("settings", comparison.settings), ("data", comparison.data)):
        draw(f"{title} that differ", _cells(rows))
    draw("elsewhere", _cells([row for row in comparison.circumstances if row.name != "machine"]))
    draw("curves", list(_sparklines(comparison)))
    for note in comparison.notes:
        write(console, Text(printable(note)), lead="! ")


def _held_out(comparison: Comparison) -> Iterator[list[str]]:
    from odqa.evaluate.report.terms import number

    names = dict.fromkeys(curve.name for curve in comparison.curves if curve.held_out)
    for name in names:
        yield [f"{name}, best", *(number(run.best.get(name)) for run in comparison.runs)]
        yield [f"{name}, last", *(number(run.last.get(name)) for run in comparison.runs)]


def _final(comparison: Comparison) -> Iterator[list[str]]:
    from odqa.evaluate.report.terms import number

    for name in dict.fromkeys(name for run in comparison.runs for name in run.record.figures):
        yield [name, *(number(run.record.figures.get(name)) for run in comparison.runs)]


def _sparklines(comparison: Comparison) -> Iterator[list[str]]:
    for curve in comparison.curves:
        name = f"{curve.name}, held out" if curve.held_out else f"{curve.name} in training"
        yield [name, *(sparkline([value for *_, value in points]) for points in curve.points)]


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    return [[row.name, *("–" if value is None else str(value) for value in row.values)] for row in rows]


def sparkline(values: Sequence[float], wide: int = _WIDE) -> str:
    """Return values as a line of blocks, averaged to so many; a constant is a low line.

    Args:
        values: in order; those that are not finite are left out.
        wide: characters at most.
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    count = min(wide, len(known))
    parts = [known[len(known) * n // count : len(known) * (n + 1) // count] for n in range(count)]
    means = [math.fsum(part) / len(part) for part in parts]
    low, high = min(means), max(means)
    scale = (len(_LEVELS) - 1) / (high - low) if high > low else 0.0
    return "".join(_LEVELS[round((mean - low) * scale)] for mean in means)
