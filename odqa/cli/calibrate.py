"""`odqa calibrate`: fit the probability that a question is answered to one's own documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from odqa.cli.session import IndexOption, JsonOption, Session, SetOption, find_index, overrides, session_of
from odqa.errors import UsageError

if TYPE_CHECKING:
    from odqa.calibrate import Calibration

_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_KINDS = {
    "foreign": "of other subjects",
    "excluded": "whose own document is left out",
    "swapped": "with a name or year that is not here",
    "labelled": "that you labelled",
}


def calibrate(
    context: typer.Context,
    index: IndexOption = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions", metavar="FILE", help="Your own questions, JSON Lines: question, answerable (true or false)."
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", metavar="N", help="Questions to make from the documents.")] = 200,
    risk: Annotated[
        float | None,
        typer.Option("--risk", metavar="R", help="Refuse so much that at most this share of answers is wrong."),
    ] = None,
    answers: Annotated[
        bool, typer.Option("--answers", help="Answer the questions too: wrong is what cites no answering place.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the risk-coverage curve (needs odqa[eval]).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and leave the index as it is.")] = False,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit to your own documents how sure odqa is that they answer a question, and when it refuses.

    Questions are made from the documents, with others that they do not answer, or taken from a file. What is printed
    is measured on questions that the model was not fitted on. The result is kept in the index folder as
    calibration.json.
    """
    from odqa import fs
    from odqa.calibrate import calibrate as fit
    from odqa.calibrate.picture import write_svg
    from odqa.engine import Engine

    session = session_of(context)
    path = find_index(index)
    if svg is not None and not svg.parent.is_dir():
        raise UsageError(f"{svg}: there is no folder {svg.parent}", "make it first")
    with Engine.open(path, **overrides(assignments)) as engine, session.progress() as shown:
        calibration = fit(engine, questions, count=count, risk=risk, answers=answers, progress=shown)
    if svg is not None:
        try:
            fs.write_atomic(svg, write_svg(calibration))
        except OSError as error:
            raise UsageError(f"{svg}: {error.strerror or error}", "choose a place you can write to") from error
    saved = "" if dry_run else str(_save(calibration, path))
    if as_json:
        session.json(_to_dict(calibration, str(path), saved))
    else:
        _print(session, calibration, saved)


def _save(calibration: Calibration, path: Path) -> Path:
    from odqa.index.manifest import writer_lock

    with writer_lock(path):
        try:
            return calibration.model.save(path)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}", "choose an index you can write to") from error


def _to_dict(calibration: Calibration, index: str, saved: str) -> dict[str, Any]:
    chosen = calibration.chosen
    return {
        "index": index,
        "saved": saved or None,
        "figures": dict(calibration.figures),
        "threshold": chosen.threshold,
        "coverage": chosen.coverage,
        "risk": chosen.risk,
        "kept_builtin": calibration.strength == float("inf"),
        "curve": [{"threshold": p.threshold, "coverage": p.coverage, "risk": p.risk} for p in calibration.curve],
        "questions": [
            {
                "question": judged.question.text,
                "kind": judged.question.kind,
                "answerable": judged.question.answerable,
                "right": judged.right,
                "probability": round(judged.probability, 4),
            }
            for judged in calibration.judged
        ],
    }


def _print(session: Session, calibration: Calibration, saved: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from odqa.calibrate.picture import draw
    from odqa.terminal import shown_path, write

    out, figures, chosen = session.out, calibration.figures, calibration.chosen
    asked, answered = int(figures["questions"]), int(figures["answered"])
    write(out, Text(f"{asked:,} questions, {answered:,} of them answered by the documents", "bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("", "calibrated", "built in"):
        table.add_column(head, justify="right" if head else "left")
    for name, about in (("auc", "ROC-AUC"), ("ece", "calibration error (ECE)"), ("aurc", "area under risk–coverage")):
        table.add_row(about, f"{figures[name]:.3f}", f"{figures[f'builtin_{name}']:.3f}")
    for kind, about in _KINDS.items():
        if (auc := figures.get(f"auc_{kind}")) is not None:
            table.add_row(f"ROC-AUC, against those {about}", f"{auc:.3f}", "")
    out.print(table)
    out.print()
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    for line in draw(calibration.curve, plain=plain):
        out.print(Text(line), soft_wrap=True)
    out.print()
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("answered", "wrong among them", "refuses below"):
        rows.add_column(head, justify="right")
    last = 0.0
    for wanted in _COVERAGES:
        point = next(p for p in calibration.curve if p.coverage >= wanted - 1e-9)
        if point.coverage > last:
            rows.add_row(f"{point.coverage:.0%}", f"{point.risk:.1%}", f"{point.threshold:.2f}")
        last = point.coverage
    out.print(rows)
    out.print()
    write(
        out,
        Text(
            f"Refuses below {chosen.threshold:.2f}: {chosen.coverage:.0%} of these questions are answered, "
            f"{chosen.risk:.1%} of them wrongly."
        ),
    )
    if calibration.strength == float("inf"):
        write(out, Text("The built-in model fits these documents; it was kept as it is."))
    if saved:
        write(out, Text(f"Saved as {shown_path(saved)}."))
