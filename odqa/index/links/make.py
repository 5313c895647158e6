"""Make the files of a link graph, and keep them with the other derived files of a generation."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.index.files import HashMemory
from odqa.index.links.merge import LINK_KINDS, merge
from odqa.index.links.storage import VERSION, RowFiles
from odqa.schema import LinkKind, Progress

ARRAYS, STAMP = "arrays.bin", "stamp.json"

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.links.extractors import Extractor
    from odqa.index.snapshot import Snapshot
    from odqa.protocols import ProgressCallback


def make_links(
    snapshot: Snapshot,
    target: Path,
    rows: Path,
    extractor: tuple[str, Extractor | None],
    progress: ProgressCallback | None,
    *,
    reuse: Path | None = None,
) -> None:
    """Write the link graph of a snapshot to the folder `target`.

    Args:
        snapshot: the collection.
        target: folder of the graph; replaced if it is there.
        rows: folder of the segments' link rows; those that are missing are added.
        extractor: name and finder of names.
        progress: called as text is read and links are joined.
        reuse: another folder to take rows from.

    Raises:
        OSError: a folder cannot be written.
    """
    documents, passages = len(snapshot.live), int(snapshot.first_passage[-1])
    read = _telling(progress, "links: text", documents, "documents")
    joined = _telling(progress, "links: join", passages, "passages")
    files = RowFiles(rows, snapshot, extractor, read, reuse=reuse)
    arrays = merge(snapshot, files.rows, joined)
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(temporary, arrays)
        shutil.rmtree(target, ignore_errors=True)
        fs.replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    files.collect()


def _telling(progress: ProgressCallback | None, stage: str, total: int, unit: str) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if progress is not None:
            progress(Progress(stage, done, total, unit))

    return tell


def _write(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    folder.mkdir()
    places: dict[str, tuple[str, int, int]] = {}
    with fs.create(folder / ARRAYS) as file:
        for name, array in arrays.items():
            file.write(bytes(-file.tell() % 8))
            places[name] = array.dtype.newbyteorder("<").str, file.tell(), len(array)
            file.write(np.ascontiguousarray(array, places[name][0]).data)
    digest = fs.sha256(folder / ARRAYS)
    stamp = {"version": VERSION, "counts": _counts(arrays), "sha256": digest, "arrays": places}
    fs.write_atomic(folder / STAMP, json.dumps(stamp).encode())


def read_links(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    """Return the memory-mapped arrays of a link graph by name, and its counts.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is not there, or damaged.
        IndexCorrupt: its bytes are not those that were written.
    """
    stamp = json.loads((folder / STAMP).read_text("utf-8"))
    if stamp["version"] != VERSION:
        raise ValueError("made by another version")
    memory = HashMemory()
    memory.check(folder / ARRAYS, stamp["sha256"], remedy="delete the cache folder; it is made anew")
    memory.save()
    whole = np.memmap(folder / ARRAYS, np.uint8, "r")
    arrays = {name: np.frombuffer(whole, kind, count, place) for name, (kind, place, count) in stamp["arrays"].items()}
    return arrays, stamp["counts"]


def _counts(arrays: dict[str, NDArray[Any]]) -> dict[str, int]:
    edges = np.bincount(arrays["edge_kind"], minlength=len(LINK_KINDS)).tolist()
    counts = {kind.value: count for kind, count in zip(LINK_KINDS, edges, strict=True)}
    shared = arrays["name_documents"] > 1
    counts[LinkKind.NAME.value] = int(np.diff(arrays["name_first"])[shared].sum())
    return {**counts, "names": int(shared.sum()), "titles": len(arrays["title_key"])}
