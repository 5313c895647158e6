"""`odqa train reader`: teach an encoder–decoder to answer from sources, here."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.evaluate import DataOption, SeedOption
from odqa.cli.session import JsonOption, SetOption, overrides, resumable, session_of

if TYPE_CHECKING:
    from odqa.learn.reader.outcome import Outcome


def reader(
    context: typer.Context,
    datasets: Annotated[
        list[str],
        typer.Argument(
            metavar="DATASET...",
            help="Registered names, folders, or files of your own questions; NAME/SPLIT for a split.",
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="NAME|FOLDER", help="Where to write the reader.")],
    index: Annotated[
        Path | None,
        typer.Option("--index", "-i", metavar="PATH", help="Index whose documents a file of your questions is about."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="MODEL", help="BERT-like encoder; else the bundled MiniLM.")
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option("--decoder", metavar="MODEL", help="GPT-Neo or GPT-2; else a new GPT-Neo of the encoder's width."),
    ] = None,
    layers: Annotated[int, typer.Option("--layers", metavar="N", min=2, help="Layers of a new decoder.")] = 6,
    encoder_layers: Annotated[
        int,
        typer.Option("--encoder-layers", metavar="N", min=-1, help="Upper layers of the encoder that learn; -1: all."),
    ] = 0,
    pointer: Annotated[bool, typer.Option("--pointer/--no-pointer", help="A path that copies from sources.")] = True,
    lora: Annotated[
        int, typer.Option("--lora", metavar="RANK", min=0, help="Adapters of this rank instead of all weights (peft).")
    ] = 0,
    sentences: Annotated[
        int,
        typer.Option("--sentences", metavar="N", min=0, help="Examples made of the documents alone, learned first."),
    ] = 20_000,
    answers: Annotated[
        int, typer.Option("--answers", metavar="N", min=0, help="Answers and summaries learned from; 0: all.")
    ] = 0,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=0, help="Times that each answer is seen.")] = 3,
    sources: Annotated[int, typer.Option("--sources", metavar="N", min=2, help="Passages beside an answer.")] = 6,
    summaries: Annotated[
        bool, typer.Option("--summaries", help="Read what each document is about beside its passages.")
    ] = False,
    passage_tokens: Annotated[
        int, typer.Option("--passage-tokens", metavar="N", min=32, help="Longest passage with its question.")
    ] = 192,
    answer_tokens: Annotated[int, typer.Option("--answer-tokens", metavar="N", min=16, help="Longest answer.")] = 384,
    doubtful: Annotated[
        float,
        typer.Option(
            "--doubtful",
            metavar="X",
            min=0,
            max=1,
            help="What unsupported sentences of answers count; 0 leaves them out.",
        ),
    ] = 0.2,
    self_train: Annotated[
        int,
        typer.Option("--self-train", metavar="N", min=0, help="Rounds of learning from verified drafts of its own."),
    ] = 0,
    rate: Annotated[float, typer.Option("--rate", metavar="X", help="Highest learning rate.")] = 6e-4,
    batch_tokens: Annotated[
        int, typer.Option("--batch-tokens", metavar="N", min=64, help="Tokens of a batch, padding included.")
    ] = 6000,
    accumulate: Annotated[int, typer.Option("--accumulate", metavar="N", min=1, help="Batches of a step.")] = 1,
    precision: Annotated[str, typer.Option("--precision", metavar="fp32|bf16", help="Of the arithmetic.")] = "fp32",
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Compute twice what memory cannot hold.")
    ] = False,
    patience: Annotated[
        int, typer.Option("--patience", metavar="N", min=0, help="Judgements without a better one before a stage ends.")
    ] = 0,
    judgements: Annotated[
        int, typer.Option("--judgements", metavar="N", min=1, help="Times that a stage is judged.")
    ] = 8,
    every: Annotated[int, typer.Option("--every", metavar="N", min=1, help="Steps between checkpoints.")] = 100,
    shard_size: Annotated[
        str, typer.Option("--shard-size", metavar="SIZE", help="Of a file of weights, e.g. 200MB.")
    ] = "200MB",
    minutes: Annotated[
        float,
        typer.Option("--minutes", metavar="N", min=0, help="Leave off after so long; run again to go on. 0: never."),
    ] = 0.0,
    track: Annotated[
        str | None, typer.Option("--track", metavar="NAME", help="Tell a tracker too: mlflow, wandb.")
    ] = None,
    data: DataOption = None,
    seed: SeedOption = 13,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teach an encoder–decoder to write answers from numbered sources, and to cite them.

    It learns from sentences of the documents first, then from their summaries and the answers that people wrote, as far
    as the verifier finds them in the sources. An interrupted run is taken up by the same command. Use the reader with
    --set reader=NAME.
    """
    from odqa.engine import Engine
    from odqa.learn.allocator import keep_freed_memory
    from odqa.learn.reader.course import follow
    from odqa.learn.reader.plan import Course
    from odqa.learn.reader.start import Architecture
    from odqa.models import new_folder
    from odqa.reader.neural.inputs import Limits
    from odqa.settings import resolve

    session = session_of(context)
    keep_freed_memory()
    settings = resolve(overrides(assignments)).settings
    course = Course(
        datasets=tuple(datasets), data=data, sentences=sentences, answers=answers, epochs=epochs, sources=sources,
        summaries=summaries,
        doubtful=doubtful, self_train=self_train, rate=rate, batch_tokens=batch_tokens, accumulate=accumulate,
        precision=precision,
        lora=lora, gradient_checkpointing=gradient_checkpointing, patience=patience, judgements=judgements, every=every,
        shard_size=shard_size, minutes=minutes, seed=seed,
    )  # fmt: skip
    architecture = Architecture(
        encoder=encoder, decoder=decoder, layers=layers, pointer=pointer, summaries=summaries,
        encoder_layers=encoder_layers, limits=Limits(passage=passage_tokens, target=answer_tokens), seed=seed,
    )  # fmt: skip
    folder = new_folder(out)
    with (
        resumable(),
        session.progress() as progress,
        Engine.open(index) if index is not None else nullcontext() as engine,
    ):
        outcome = follow(
            course, architecture, settings, folder, engine=engine, track=track, progress=progress, say=session.note
        )
    if as_json:
        session.json(outcome.to_json())
        return
    _print(outcome)
    if outcome.finished:
        session.note(f"Reader written to {folder}; use it with --set reader={out}")
    else:
        session.note(f"Reader as far as it is written to {folder}; the same command goes on")


def _print(outcome: Outcome) -> None:
    names = ("loss", "loss_random", "rouge1", "rouge2", "rougeL", "cited")
    print(f"{'held out':<12}{'step':>8}" + "".join(f"{name:>13}" for name in names))
    for stage, learned in outcome.stages.items():
        for step, figures in learned.run.judgements:
            cells = "".join(f"{figures[name]:>13.3f}" if name in figures else f"{'':>13}" for name in names)
            print(f"{stage:<12}{step:>8}{cells}")
