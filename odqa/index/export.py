"""Export an index as Parquet, one file a table, for other tools to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from odqa import fs
from odqa.errors import UsageError
from odqa.index.tables import SCHEMAS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.segment import Segment
    from odqa.index.snapshot import Snapshot

TABLES = ("documents", "sections", "passages", "summaries", "entries", "links")
_DOCUMENTS = ("id", "title", "source", "media_type", "metadata", "hash", "text")
_BATCH = 256
_KEY = pa.schema({"document_id": pa.string(), "index": pa.int32()})


def export_parquet(snapshot: Snapshot, folder: Path) -> dict[str, int]:
    """Write the live documents and what belongs to them as Parquet files, and return the rows of each.

    `documents.parquet` holds one row a document. In the others `document_id` and `index` say which document a row
    belongs to and which place it has there; `start` and `end`, and the flat lists `sentences` and `spans`, count
    characters (Unicode code points) of the document's `text`. Passages carry their text. A file appears only once
    it is whole, and memory is bounded by a few hundred documents.

    Args:
        snapshot: the generation to export.
        folder: made if absent; files of the same names are replaced.

    Raises:
        UsageError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {name: _write(snapshot, name, folder / f"{name}.parquet") for name in TABLES}
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}", "choose a folder you can write to") from error


def _write(snapshot: Snapshot, name: str, path: Path) -> int:
    rows = 0
    schema = _schema(name)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with fs.create(temporary) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for segment, documents in _batches(snapshot):
                table = _rows(segment, documents, name).cast(schema)
                writer.write_table(table)
                rows += table.num_rows
        fs.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return rows


def _schema(name: str) -> pa.Schema:
    if name == "documents":
        return pa.schema([SCHEMAS[name].field(column) for column in _DOCUMENTS])
    fields = [*_KEY, *SCHEMAS[name]]
    return pa.schema([*fields, pa.field("text", pa.string())] if name == "passages" else fields)


def _batches(snapshot: Snapshot) -> Iterator[tuple[Segment, NDArray[np.int64]]]:
    """Yield rows of live documents, a few hundred at a time, with their segment."""
    first = 0
    for segment in snapshot.segments:
        live = np.flatnonzero(snapshot.live[first : first + segment.ref.documents])
        first += segment.ref.documents
        for start in range(0, len(live), _BATCH):
            yield segment, live[start : start + _BATCH]


def _rows(segment: Segment, documents: NDArray[np.int64], name: str) -> pa.Table:
    chosen = segment.tables["documents"].take(pa.array(documents))
    if name == "documents":
        return chosen.select(_DOCUMENTS)
    starts = segment.offsets[name][documents]
    counts = segment.offsets[name][documents + 1] - starts
    owner = np.repeat(np.arange(len(documents)), counts)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = segment.tables[name].take(pa.array(starts[owner] + index))
    keys = [chosen["id"].take(pa.array(owner)), pa.array(index, pa.int32())]
    table = pa.table([*keys, *table.columns], names=[*_KEY.names, *table.column_names])
    if name == "passages":
        texts = chosen["text"].to_pylist()
        spans = zip(owner.tolist(), table["start"].to_pylist(), table["end"].to_pylist(), strict=True)
        table = table.append_column("text", pa.array([texts[n][a:b] for n, a, b in spans], pa.string()))
    return table
