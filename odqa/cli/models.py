"""`odqa models`: the models on this machine, listed, described, verified, exported, removed."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from odqa.cli.session import JsonOption, session_of
from odqa.errors import ModelError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from odqa.models import About, LocalModel, Verification

app = typer.Typer(
    help="List, describe, verify, export and remove the models on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Its name in `odqa models list`, or the folder that it is in.")
]
_BUNDLED = "minilm"


class Format(StrEnum):
    """What a model is exported as."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"


@app.command("list")
def list_(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only these: reader, verifier …")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models in the store ($ODQA_MODELS, or your own data folder) and the encoder that comes with odqa."""
    from odqa.models import list_models, models_folder

    session = session_of(context)
    found = [*list_models(), *_bundled()]
    shown = [model for model in found if kind is None or model.kind == kind]
    if as_json:
        session.json({"folder": str(models_folder()), "models": [_summary(model) for model in shown]})
        return
    _print_list(session.out, shown)
    session.note(f"in {models_folder()}")


@app.command()
def describe(context: typer.Context, model: ModelArgument, as_json: JsonOption = False) -> None:
    """Say what a model is: what it started and learned from, how it was trained, what it measured, its limits."""
    session = session_of(context)
    found = _find(model)
    if as_json:
        session.json(_summary(found) | found.about.to_json() | {"name": found.name})
        return
    _print_description(session.out, found)


@app.command()
def verify(context: typer.Context, model: ModelArgument, as_json: JsonOption = False) -> None:
    """Compare every byte of a model with the checksums of its card; exit code 1 where they differ."""
    from odqa.models import verify_model

    session = session_of(context)
    found = _find(model)
    with session.patience("Reading …"):
        result = verify_model(found)
    if as_json:
        session.json({"model": found.name, "whole": _is_whole(result), **dataclasses.asdict(result)})
    else:
        _print_verification(session.out, found, result)
    if not _is_whole(result):
        raise typer.Exit(1)


@app.command()
def export(
    context: typer.Context,
    model: ModelArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to; not there yet.")],
    form: Annotated[Format, typer.Option("--format", help="Shards for transformers, or graphs for ONNX Runtime.")]
    = Format.SAFETENSORS,
    int8: Annotated[bool, typer.Option("--int8", help="With onnx: weights in 8 bits, a quarter of the size.")] = False,
    shard_size: Annotated[
        str, typer.Option("--shard-size", metavar="SIZE", help="With safetensors: largest file, e.g. 200MB.")
    ] = "200MB",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write a copy of a model for others, with its card: safetensors in shards, or ONNX."""
    session = session_of(context)
    if int8 and form is not Format.ONNX:
        raise UsageError("--int8 goes with --format onnx", "add --format onnx, or leave --int8 out")
    found = _find(model)
    with session.patience("Exporting …"):
        if form is Format.ONNX:
            written = _export_onnx(found, out, int8=int8)
        else:
            from odqa.models.shards import export_safetensors

            written = export_safetensors(found, out, shard_size=shard_size)
    sizes = {path.relative_to(out).as_posix(): path.stat().st_size for path in written}
    if as_json:
        session.json({"folder": str(out), "format": form.value, "files": sizes, "bytes": sum(sizes.values())})
        return
    _print_files(session.out, sizes)
    session.note(f"exported to {out}")


@app.command()
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a model in `odqa models list`.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a model from the store, with all its files."""
    from rich.filesize import decimal

    from odqa.models import list_models, models_folder
    from odqa.models import remove as remove_model

    session = session_of(context)
    known = {model.name: model for model in list_models()}
    if name not in known and any(model.name == name for model in _bundled()):
        raise ModelError(f"{name} comes with odqa and cannot be removed", "pip owns it")
    if name in known and not yes:
        size = decimal(known[name].size)
        if not sys.stdin.isatty():
            raise UsageError(f"{name} ({size}) would be removed, and nobody can be asked", "add --yes")
        typer.confirm(f"Remove {name} ({size}) from {models_folder()}?", abort=True, err=True)
    removed = remove_model(name)
    if as_json:
        session.json({"removed": removed.name, "folder": str(removed.folder)})
        return
    session.note(f"removed: {removed.name}")


def _find(name: str) -> LocalModel:
    from odqa.models import find

    try:
        return find(name)
    except ModelError:
        for model in _bundled():
            if model.name == name:
                return model
        raise


def _bundled() -> Iterator[LocalModel]:
    """Yield the encoder that a package brings along, where it is installed."""
    from odqa.index.minilm_graph import MINILM_SHA256, bundled_minilm
    from odqa.models import About, FileEntry, LocalModel

    try:
        folder = bundled_minilm()
    except ModelError:
        return
    weights = folder / "model.safetensors"
    about = About(
        kind="encoder",
        name=_BUNDLED,
        odqa="",
        description="all-MiniLM-L6-v2, the encoder that searches where no other is named.",
        licence="apache-2.0",
        languages=("en",),
        shape={"dimensions": 384, "layers": 6, "tokens": 256},
        limits=("Texts beyond 256 tokens are cut there.", "Made for English."),
        files={weights.name: FileEntry(weights.stat().st_size, MINILM_SHA256)},
    )
    yield LocalModel(_BUNDLED, about.kind, folder, about, bundled=True)


def _export_onnx(model: LocalModel, out: Path, *, int8: bool) -> list[Path]:
    if model.kind != "reader":
        raise ModelError(f"{model.name} is a {model.kind}; ONNX is written of readers", "--format safetensors")

    from odqa.models.onnx_reader import GRAPHS_FILE

    if (model.folder / GRAPHS_FILE).is_file():
        raise ModelError(f"{model.name} is graphs already", "copy its folder")

    from odqa.models.export import ONNX_USAGE, export_onnx
    from odqa.models.shards import write_export
    from odqa.reader.neural.folder import open_reader_model

    def write(folder: Path) -> About:
        export_onnx(model.folder, folder, int8=int8, open_model=open_reader_model)
        shape = {**model.about.shape, "weights": "int8" if int8 else "float32"}
        return dataclasses.replace(model.about, shape=shape)

    return write_export(model, out, write, usage=ONNX_USAGE)


def _is_whole(result: Verification) -> bool:
    return not result.problems and result.checked > 0


def _summary(model: LocalModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "folder": str(model.folder),
        "bytes": model.size,
        "made": model.about.made,
        "bundled": model.bundled,
        "description": model.about.description,
        **({"fault": model.fault} if model.fault else {}),
    }


def _print_list(console: Console, models: list[LocalModel]) -> None:
    from rich.filesize import decimal
    from rich.table import Table
    from rich.text import Text

    from odqa.terminal import printable

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("name", "kind", "size", "made", "what"):
        table.add_column(head, justify="right" if head == "size" else "left", overflow="fold")
    for model in models:
        what = Text(printable(model.fault), "bold red") if model.fault else Text(printable(model.about.description))
        made = "with odqa" if model.bundled else model.about.made[:10]
        table.add_row(model.name, model.kind or "damaged", decimal(model.size), printable(made), what)
    console.print(table)


def _print_description(console: Console, model: LocalModel) -> None:
    from rich.text import Text

    from odqa.terminal import printable, shown_path, write

    write(console, Text(f"{model.name}: {model.kind}", "bold"))
    if model.about.description:
        write(console, Text(printable(model.about.description)))
    for heading, rows in _parts(model):
        write(console, Text(f"\n{heading}" if heading else "", "bold"))
        width = max((len(name) for name, _ in rows), default=0)
        for name, value in rows:
            write(console, Text(printable(value)), lead=Text(f"  {printable(name):<{width}}  ", "dim"))
    write(console, Text(shown_path(str(model.folder)), "dim"))


def _parts(model: LocalModel) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield headings with names and values, those that there are."""
    from rich.filesize import decimal

    from odqa.models.about import flat

    about = model.about
    facts = {"made": about.made, "with": f"odqa {about.odqa}" if about.odqa else "", "size": decimal(model.size)}
    facts |= {"languages": ", ".join(about.languages), "licence": about.licence}
    facts |= {name.replace("_", " "): _value(value) for name, value in about.shape.items()}
    yield "", [(name, value) for name, value in facts.items() if value]
    bases = [(base.name, ", ".join(filter(None, [base.role, base.licence]))) for base in about.bases]
    learned = [
        (
            one.name,
            ", ".join(filter(None, [one.split, f"{one.examples:,} examples" if one.examples else "", one.licence])),
        )
        for one in about.learned_from
    ]
    figures = [
        (f"{dataset}, {name}", _value(value)) for dataset, row in about.figures.items() for name, value in row.items()
    ]
    training = [
        (name.replace("_", " "), _value(value)) for name, value in flat({**about.training, **about.settings}).items()
    ]
    limits = [(f"{number}.", limit) for number, limit in enumerate(about.limits, start=1)]
    for heading, rows in (
        ("Started from", bases),
        ("Learned from", learned),
        ("Figures on what was held out", figures),
        ("Training", training),
        ("Limits", limits),
    ):
        if rows:
            yield heading, rows


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_verification(console: Console, model: LocalModel, result: Verification) -> None:
    from rich.text import Text

    from odqa.terminal import printable, write

    for problem in result.problems:
        write(console, Text(printable(problem)), lead=Text("✗ ", "bold red"))
    if not result.problems and not result.checked:
        write(console, Text(f"{model.name}: its card holds no checksums"), lead=Text("! ", "bold"))
    elif not result.problems:
        of = f", {result.checked:,} file{'s' if result.checked > 1 else ''}"
        write(console, Text.assemble((model.name, "bold"), ": ", ("whole", "bold green"), f", byte for byte{of}"))
    for path in result.unknown if result.checked else ():
        write(console, Text(f"{printable(path)}: not in its card"), lead="! ")


def _print_files(console: Console, sizes: dict[str, int]) -> None:
    from rich.filesize import decimal
    from rich.text import Text

    from odqa.terminal import printable, write

    width = max(map(len, sizes))
    for path, size in sizes.items():
        write(console, Text(decimal(size)), lead=Text(f"  {printable(path):<{width}}  ", "dim"))
