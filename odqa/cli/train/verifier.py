"""`odqa train verifier`: make a small grounding model of one's own, and calibrate it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.evaluate import DataOption, SeedOption
from odqa.cli.session import JsonOption, SetOption, overrides, resumable, session_of

if TYPE_CHECKING:
    from odqa.learn.verifier.make import Learned


def verifier(
    context: typer.Context,
    datasets: Annotated[
        list[str],
        typer.Argument(
            metavar="DATASET...",
            help="With claims, summaries or answers; NAME/SPLIT for a split. The first with claims calibrates.",
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="NAME|FOLDER", help="Where to write the verifier.")],
    alignment_only: Annotated[
        bool, typer.Option("--alignment-only", help="Only weigh what the alignment finds; train no model.")
    ] = False,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="FOLDER", help="Encoder to start from; else the bundled MiniLM.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", metavar="N", min=1, help="Pairs to learn from, at most.")] = 6000,
    documents: Annotated[
        int | None, typer.Option("--documents", metavar="N", min=1, help="Documents of each data set, at most.")
    ] = 200,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="Times that each pair is seen.")] = 2,
    layers: Annotated[int, typer.Option("--layers", metavar="N", min=1, help="Layers at the top that learn.")] = 3,
    rate: Annotated[float, typer.Option("--rate", metavar="X", help="Highest learning rate.")] = 1e-4,
    track: Annotated[
        str | None, typer.Option("--track", metavar="NAME", help="Tell a tracker too: mlflow, wandb.")
    ] = None,
    data: DataOption = None,
    seed: SeedOption = 13,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teach a small model whether evidence carries a claim, and calibrate it beside the alignment of words.

    An interrupted run is taken up by the same command. Use the verifier with --set verifier=NAME.
    """
    from odqa.learn.verifier.course import Course, follow
    from odqa.models import new_folder
    from odqa.settings import resolve

    session = session_of(context)
    settings = resolve(overrides(assignments)).settings
    course = Course(
        datasets=tuple(datasets), data=data, base=base, alignment_only=alignment_only, pairs=pairs,
        documents=documents, epochs=epochs, layers=layers, rate=rate, seed=seed,
    )  # fmt: skip
    folder = new_folder(out)
    with resumable(), session.progress() as progress:
        outcome = follow(course, settings, folder, track=track, progress=progress, say=session.note)
    if as_json:
        session.json({"folder": str(folder), **outcome.card(course)})
        return
    _print(outcome.learned)
    session.note(f"Verifier written to {folder}; use it with --set verifier={out}")


def _print(learned: Learned) -> None:
    print(f"{'held-out claims':<16}{'n':>6}{'balanced':>10}{'ROC-AUC':>9}  corruptions caught")
    for name, row in learned.figures.items():
        caught = ", ".join(f"{k.removeprefix('caught_')} {v:.2f}" for k, v in row.items() if k.startswith("caught_"))
        print(f"{name:<16}{int(row['n']):>6}{row['balanced_accuracy']:>10.3f}{row['roc_auc']:>9.3f}  {caught}")
