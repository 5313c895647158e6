"""`odqa index`: build an index, change it, look at it, check it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from odqa.cli.describe import describe, list_documents, size_of
from odqa.cli.session import (
    Format,
    IndexArgument,
    IndexOption,
    JsonOption,
    Session,
    SetOption,
    find_index,
    overrides,
    resumable,
    session_of,
)
from odqa.cli.summarize import DepthOption, FormatOption, OutputOption, check_output, write_tree
from odqa.errors import IndexMissing, OdqaIndexError, UsageError
from odqa.schema import NodeKind

if TYPE_CHECKING:
    from odqa.index.report import BuildReport

app = typer.Typer(help="Build an index, change it, look at it, check it.", rich_markup_mode=None)

_OWN_FILES = ("manifest.json", "segments", "cache", "lock")
_CORRUPT = 4

DocumentsArgument = Annotated[
    list[str],
    typer.Argument(metavar="DOCS", help="Files, folders, patterns, or - for standard input."),
]
IndexPath = Annotated[Path, typer.Argument(metavar="INDEX", help="The index.")]
StrictOption = Annotated[
    bool | None,
    typer.Option("--strict", help="Exit with code 2 if a file cannot be read.", show_default=False),
]
DeviceOption = Annotated[str | None, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:<i> or all.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", metavar="N", help="Processor threads; 0 takes all.")]


@app.command("build")
def build(
    context: typer.Context,
    documents: DocumentsArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="The index; named after the first of DOCS if not given."),
    ] = None,
    sync: Annotated[bool, typer.Option("--sync", help="Also remove documents that have left DOCS.")] = False,
    strict: StrictOption = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", metavar="NAME", help="minilm, or any sentence-transformers model.")
    ] = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    passage_tokens: Annotated[
        int | None, typer.Option("--passage-tokens", metavar="N", help="Longest passage, in tokens of the encoder.")
    ] = None,
    pooling: Annotated[
        int | None, typer.Option("--pooling", metavar="N", help="Passages that one pooled vector stands for.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="NAME|FILE", help="Summary template: auto, a name, a TOML file."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="Language of the documents, such as en or de.")
    ] = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Index documents, or bring an index up to date.

    Run again, it takes up what is new or changed and finishes what was interrupted. A file that cannot be read is
    listed with the reason, and the others are indexed.
    """
    settings = overrides(
        assignments,
        encoder=encoder,
        device=device,
        threads=threads,
        passage_tokens=passage_tokens,
        pooling=pooling,
        template=template,
        language=language,
    )
    index = output or _named_after(documents[0])
    _check_output(index)
    _write(session_of(context), index, documents, settings, sync=sync, strict=strict, as_json=as_json)


@app.command("add")
def add(
    context: typer.Context,
    index: IndexPath,
    documents: DocumentsArgument,
    strict: StrictOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add documents to an index; changed ones are replaced."""
    _check_present(index)
    settings = overrides(assignments, device=device, threads=threads)
    _write(session_of(context), index, documents, settings, sync=False, strict=strict, as_json=as_json)


@app.command("sync")
def sync(
    context: typer.Context,
    index: IndexPath,
    documents: DocumentsArgument,
    strict: StrictOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add and replace documents, and remove those that have left DOCS."""
    _check_present(index)
    settings = overrides(assignments, device=device, threads=threads)
    _write(session_of(context), index, documents, settings, sync=True, strict=strict, as_json=as_json)


@app.command("remove")
def remove(
    context: typer.Context,
    index: IndexPath,
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="Documents by id, path, folder or pattern."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Remove documents from an index."""
    from odqa.index import update
    from odqa.settings import resolve

    session = session_of(context)
    _check_present(index)
    with resumable(), session.patience("Removing …"):
        report = update.remove(index, resolve(), ids)
    _print_report(session, index, report, as_json=as_json)


@app.command("compact")
def compact(
    context: typer.Context,
    index: IndexArgument = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Merge segments, and drop deleted documents for good."""
    from odqa.index import update
    from odqa.index.manifest import read_manifest
    from odqa.settings import resolve

    session, index = session_of(context), find_index(index)
    before, bytes_before = read_manifest(index), size_of(index)
    with resumable(), session.patience("Merging …"):
        update.compact(index, resolve(overrides(assignments)))
    result = {
        "index": str(index),
        "segments": {"before": len(before.segments), "after": len(read_manifest(index).segments)},
        "bytes": {"before": bytes_before, "after": size_of(index)},
    }
    if as_json:
        session.json(result)
        return
    from odqa.cli.reports import print_compaction

    print_compaction(session.out, result)


@app.command("info")
def info(
    context: typer.Context,
    index: IndexArgument = None,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what an index holds and what it was made with."""
    from odqa.index.snapshot import Snapshot

    session, index = session_of(context), find_index(index)
    snapshot = Snapshot.open(index)
    described = describe(snapshot)
    listed = list_documents(snapshot) if documents else []
    if as_json:
        session.json({**described, **({"document_list": listed} if documents else {})})
        return
    from odqa.cli.reports import print_documents, print_info

    print_info(session.out, described)
    if documents:
        print_documents(session.out, listed)


@app.command("tree")
def tree(
    context: typer.Context,
    index: IndexArgument = None,
    named: IndexOption = None,
    depth: DepthOption = NodeKind.SECTION,
    form: FormatOption = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: OutputOption = None,
) -> None:
    """Show what an index holds as a tree: clusters, documents, sections, each with what it says.

    The summaries are those of the index. Every statement leads to the characters it rests on: in HTML by a link into
    the text, in Markdown by a link to the source, in JSON by its spans.
    """
    from odqa.cli.ask import open_engine

    if index is not None and named is not None:
        raise UsageError(f"two indexes are given: {index} and {named}", "name one")
    session = session_of(context)
    check_output(output)
    with open_engine(session, index or named, {}) as engine:
        with session.patience("Clustering …"):
            shown = engine.tree(deepest=depth)
        write_tree(session, shown, Format.JSON if as_json else form, output)


@app.command("verify")
def verify(context: typer.Context, index: IndexArgument = None, as_json: JsonOption = False) -> None:
    """Check every byte and every reference of an index.

    Each problem is printed on a line, and the exit code is then 4.
    """
    from odqa.index.verify import orphans, verify_index

    session, index = session_of(context), find_index(index)
    try:
        with session.patience("Checking every byte …"):
            problems, left = verify_index(index), orphans(index)
    except IndexMissing:
        raise
    except OdqaIndexError as error:
        problems, left = [str(error)], []
    if as_json:
        session.json({"index": str(index), "whole": not problems, "problems": problems, "orphans": left})
    else:
        from odqa.cli.reports import print_verification

        print_verification(session.out, str(index), problems)
        if left:
            session.note(f"{len(left)} unfinished segments of interrupted writes are left; the next write removes them")
    raise typer.Exit(_CORRUPT if problems else 0)


@app.command("export")
def export(
    context: typer.Context,
    places: Annotated[list[Path], typer.Argument(metavar="[INDEX] FOLDER", help="The index, and where the files go.")],
    as_json: JsonOption = False,
) -> None:
    """Write the contents of an index as Parquet files.

    FOLDER receives documents, sections, passages, summaries, entries and links, for other tools to read.
    """
    from odqa.index.export import export_parquet
    from odqa.index.snapshot import Snapshot

    if len(places) > 2:
        raise UsageError(f"{len(places)} paths are given", "write: odqa index export [INDEX] FOLDER")
    session, folder = session_of(context), places[-1]
    index = find_index(places[0] if len(places) == 2 else None)
    with session.patience("Writing …"):
        rows = export_parquet(Snapshot.open(index), folder)
    if as_json:
        session.json({"index": str(index), "folder": str(folder), "rows": rows})
        return
    from odqa.cli.reports import print_export

    print_export(session.out, str(folder), rows)


def _write(
    session: Session,
    index: Path,
    documents: list[str],
    settings: dict[str, Any],
    *,
    sync: bool,
    strict: bool | None,
    as_json: bool,
) -> None:
    """Add documents to the index and print what was done."""
    from odqa.index import update
    from odqa.settings import resolve

    resolved = resolve({**settings, "strict": strict or settings.get("strict")})
    # What was done is printed in any case, so strictness is left to the exit code.
    lenient = replace(resolved, settings=resolved.settings.replace(strict=False))
    with resumable(), session.progress() as progress:
        report = update.write(index, lenient, documents, progress=progress, sync=sync, announce=session.note)
    _print_report(session, index, report, as_json=as_json)
    raise typer.Exit(2 if report.failures and resolved.settings.strict else 0)


def _print_report(session: Session, index: Path, report: BuildReport, *, as_json: bool) -> None:
    size = size_of(index)
    if as_json:
        session.json(
            {
                "index": str(index),
                "added": report.added,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "removed": report.removed,
                "passages": report.passages,
                "entries": report.entries,
                "bytes": size,
                "seconds": {stage: round(seconds, 3) for stage, seconds in report.seconds.items()},
                "failures": [{"source": failure.source, "reason": failure.reason} for failure in report.failures],
            }
        )
    elif not session.quiet:
        from odqa.cli.reports import print_report

        print_report(session.out, str(index), report, size)
    for failure in report.failures:
        session.warn(f"{failure.source}: {failure.reason}")


def _named_after(source: str) -> Path:
    """Return where an index goes by default: `<name of the source>.odqa` in the current folder."""
    if source == "-":
        return Path("documents.odqa")
    path = Path(source)
    while any(set(part) & set("*?[") for part in path.parts) and not path.exists():
        path = path.parent
    path = path.resolve()
    return Path(f"{(path.stem if path.is_file() else path.name) or 'documents'}.odqa")


def _check_output(index: Path) -> None:
    """Refuse to write an index among files that belong to something else.

    Raises:
        UsageError: the path is a file, or a folder that holds other things than an index.
    """
    if index.exists() and not index.is_dir():
        raise UsageError(f"{index}: this is a file", "an index is a folder: choose another path with -o")
    if index.is_dir() and (names := {path.name for path in index.iterdir()}) and not names & set(_OWN_FILES):
        raise UsageError(f"{index}: this folder holds other files", "choose another path with -o")


def _check_present(index: Path) -> None:
    """Make sure that there is an index to change, instead of making one by mistake.

    Raises:
        OdqaIndexError: there is none, or it cannot be used.
    """
    from odqa.index.manifest import read_manifest

    read_manifest(index)
