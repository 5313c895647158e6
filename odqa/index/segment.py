"""One segment: an immutable folder of Arrow tables and vectors, written once and memory-mapped ever after."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from odqa import fs
from odqa.errors import IndexCorrupt
from odqa.index import tables
from odqa.index.tables import CHILDREN, SCHEMAS, IndexedDocument
from odqa.schema import Document, Passage, PooledEntry, Section, StructuredSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.files import HashMemory

REMEDY = "run `odqa index verify`, then build the index again or restore the file"


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """What the manifest says of a segment.

    Attributes:
        id: its folder's name.
        documents: number of documents, deleted ones included.
        passages: number of passages.
        entries: number of pooled entries.
        text_bytes: bytes of canonical text in UTF-8.
        checksum: SHA-256 of its `segment.json`, which holds the checksums of all its files.
    """

    id: str
    documents: int
    passages: int
    entries: int
    text_bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Searchable:
    """The words by which a document is found.

    Attributes:
        title: its title.
        text: its canonical text.
        summary: the words of its structured summaries, each statement once.
        passages: context and text of each passage.
    """

    title: str
    text: str
    summary: str
    passages: tuple[tuple[str, str], ...]


def write_segment(folder: Path, documents: Sequence[IndexedDocument], dimension: int, memory: HashMemory) -> SegmentRef:
    """Write documents as a new segment under `folder`; it counts only once a manifest names it."""
    made = tables.to_tables(documents)
    vectors = {
        "passages": [item.passage_vectors for item in documents],
        "summaries": [item.summary_vector[None] for item in documents],
    }
    return _write(folder, made, vectors, dimension, memory)


def merge_segments(
    folder: Path, parts: Sequence[tuple[Segment, Sequence[int]]], dimension: int, memory: HashMemory
) -> SegmentRef:
    """Write one segment out of the given rows of documents of several, without touching a model.

    Args:
        folder: the `segments` folder.
        parts: segments, each with the rows of `documents` to keep, ascending.
        dimension: of the vectors.
        memory: where the new files' hashes are noted.
    """
    made: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
    vectors: dict[str, list[NDArray[np.float16]]] = {"passages": [], "summaries": []}
    for segment, rows in parts:
        for first, last in _runs(rows):
            made["documents"].append(segment.tables["documents"].slice(first, last - first))
            vectors["summaries"].append(segment.vectors("summaries")[first:last])
            for name in CHILDREN:
                start, end = segment.offsets[name][first], segment.offsets[name][last]
                made[name].append(segment.tables[name].slice(start, end - start))
                if name == "passages":
                    vectors[name].append(segment.vectors(name)[start:end])
    joined = {name: pa.concat_tables(some) if some else SCHEMAS[name].empty_table() for name, some in made.items()}
    return _write(folder, joined, vectors, dimension, memory)


def _runs(rows: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Cut ascending numbers into runs `[first, last)` of consecutive ones."""
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i] != rows[i - 1] + 1:
            yield rows[start], rows[i - 1] + 1
            start = i


def _write(
    folder: Path,
    made: dict[str, pa.Table],
    vectors: dict[str, Any],
    dimension: int,
    memory: HashMemory,
) -> SegmentRef:
    segment_id = secrets.token_hex(8)
    temporary = folder / f".tmp-{segment_id}"
    temporary.mkdir(parents=True)
    files: dict[str, dict[str, Any]] = {}

    def note(path: Path) -> None:
        files[path.name] = {"bytes": path.stat().st_size, "sha256": fs.sha256(path)}
        memory.remember(path, files[path.name]["sha256"])

    for name, table in made.items():
        path = temporary / f"{name}.arrow"
        with fs.create(path) as file, pa.ipc.new_file(file, table.schema) as writer:
            # One record batch, so that a row's position in the file is its row number.
            writer.write_table(table.combine_chunks(), max_chunksize=max(1, table.num_rows))
        note(path)
    for name, arrays in vectors.items():
        path = temporary / f"{name}.f16"
        with fs.create(path) as file:
            for array in arrays:
                file.write(np.ascontiguousarray(array, "<f2").tobytes())
        note(path)
    counts = {name: table.num_rows for name, table in made.items()}
    import pyarrow.compute as pc  # Slow to import, and needed only here, where an index is written.

    text_bytes = int(pc.sum(pc.binary_length(made["documents"]["text"])).as_py() or 0)
    body = {"counts": counts, "dimension": dimension, "text_bytes": text_bytes, "files": files}
    data = json.dumps(body, indent=1).encode()
    with fs.create(temporary / "segment.json") as file:
        file.write(data)
    fs.sync_folder(temporary)
    fs.replace(temporary, folder / segment_id)
    memory.save()
    return SegmentRef(
        segment_id,
        counts["documents"],
        counts["passages"],
        counts["entries"],
        text_bytes,
        hashlib.sha256(data).hexdigest(),
    )


class Segment:
    """A segment, memory-mapped: opening costs a few system calls whatever its size.

    Everything is mapped at once when it is opened, so that a writer may unlink the folder while it is being read.
    """

    def __init__(self, folder: Path, ref: SegmentRef, memory: HashMemory) -> None:
        """Open and check.

        Raises:
            IndexCorrupt: a file is missing, has another size or hash, or its counts disagree.
        """
        self.folder, self.ref = folder, ref
        description = self._describe()
        self.dimension: int = description["dimension"]
        files = description["files"]
        for name in [f"{name}.arrow" for name in SCHEMAS] + ["passages.f16", "summaries.f16"]:
            if name not in files:
                raise IndexCorrupt(f"{folder / 'segment.json'}: {name} is not listed", REMEDY)
            memory.check(folder / name, files[name]["sha256"], remedy=REMEDY)
        self.tables: dict[str, pa.Table] = {}
        for name, schema in SCHEMAS.items():
            self.tables[name] = self._map_table(folder / f"{name}.arrow", schema)
        self._vectors = {
            name: self._map_vectors(folder / f"{name}.f16", self.tables[rows].num_rows)
            for name, rows in (("passages", "passages"), ("summaries", "documents"))
        }
        self._check_counts()

    def vectors(self, name: str) -> NDArray[np.float16]:
        """Return the memory-mapped vectors of `passages`, or of `summaries`, one a document; (rows, dimension)."""
        return self._vectors[name]

    @cached_property
    def offsets(self) -> dict[str, NDArray[np.int64]]:
        """For each child table, where each document's rows begin; shape (documents + 1,)."""
        documents = self.tables["documents"]
        return {
            name: np.concatenate([[0], np.cumsum(documents[f"n_{name}"].to_numpy(), dtype=np.int64)])
            for name in CHILDREN
        }

    @cached_property
    def ids(self) -> list[str]:
        """Document ids by row."""
        return self.column("id")

    def column(self, name: str) -> list[Any]:
        """Return one column of `documents` as Python values."""
        values: list[Any] = self.tables["documents"][name].to_pylist()
        return values

    def searchable(self, row: int) -> Searchable:
        """Return the words of the document in row `row`."""
        documents, passages = self.tables["documents"], self._child("passages", row)
        text = documents["text"][row].as_py()
        columns = (passages[name].to_pylist() for name in ("context", "start", "end"))
        return Searchable(
            title=documents["title"][row].as_py(),
            text=text,
            summary="\n".join(dict.fromkeys(self._child("summaries", row)["text"].to_pylist())),
            passages=tuple((context, text[start:end]) for context, start, end in zip(*columns, strict=True)),
        )

    def passage_inputs(self, row: int, places: NDArray[np.int64]) -> list[str]:
        """Return context and text of some passages of the document in row `row`, by their places in it."""
        text = self.tables["documents"]["text"][row].as_py()
        context, start, end = (self.tables["passages"][name] for name in ("context", "start", "end"))
        inputs = []
        # Value by value: taking rows of a table costs more than reading a few of its cells.
        for place in (int(self.offsets["passages"][row]) + places).tolist():
            said = text[start[place].as_py() : end[place].as_py()]
            inputs.append(f"{context[place].as_py()}\n{said}".lstrip("\n"))
        return inputs

    def document(self, row: int) -> Document:
        """Return the document in row `row`."""
        documents = self.tables["documents"].slice(row, 1)
        return tables.document_from(documents.to_pylist()[0], self._child("blocks", row), self._child("links", row))

    def sections(self, row: int) -> tuple[Section, ...]:
        """Return the sections of the document in row `row`."""
        return tables.sections_from(self._child("sections", row))

    def passages(self, row: int) -> tuple[Passage, ...]:
        """Return the passages of the document in row `row`."""
        return tables.passages_from(self.ids[row], self._child("passages", row))

    def summaries(self, row: int) -> tuple[StructuredSummary, ...]:
        """Return the structured summaries of the document in row `row`."""
        return tables.summaries_from(self.ids[row], self._child("summaries", row))

    def entries(self, row: int) -> tuple[PooledEntry, ...]:
        """Return the pooled entries of the document in row `row`."""
        return tables.entries_from(self.ids[row], self._child("entries", row))

    def _child(self, name: str, row: int) -> pa.Table:
        start, end = self.offsets[name][row], self.offsets[name][row + 1]
        return self.tables[name].slice(start, end - start)

    def _describe(self) -> dict[str, Any]:
        path = self.folder / "segment.json"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise IndexCorrupt(f"{path}: {error.strerror or error}", REMEDY) from error
        if hashlib.sha256(data).hexdigest() != self.ref.checksum:
            raise IndexCorrupt(f"{path}: its bytes are not those that were committed", REMEDY)
        description: dict[str, Any] = json.loads(data)
        return description

    def _map_table(self, path: Path, schema: pa.Schema) -> pa.Table:
        try:
            with pa.memory_map(str(path)) as source:
                table = pa.ipc.open_file(source).read_all()
        except (OSError, pa.ArrowException) as error:
            raise IndexCorrupt(f"{path}: {error}", REMEDY) from error
        if table.schema != schema:
            raise IndexCorrupt(f"{path}: it has other columns than this version writes", REMEDY)
        return table

    def _map_vectors(self, path: Path, rows: int) -> NDArray[np.float16]:
        if os.path.getsize(path) != rows * self.dimension * 2:
            raise IndexCorrupt(f"{path}: its size is not that of {rows} vectors", REMEDY)
        if not rows:
            return np.zeros((0, self.dimension), np.float16)
        return np.memmap(path, "<f2", "r", shape=(rows, self.dimension))

    def _check_counts(self) -> None:
        expected = (self.ref.documents, self.ref.passages, self.ref.entries)
        if tuple(self.tables[name].num_rows for name in ("documents", "passages", "entries")) != expected:
            raise IndexCorrupt(f"{self.folder}: it holds other counts than the manifest says", REMEDY)
        for name in CHILDREN:
            if self.offsets[name][-1] != self.tables[name].num_rows:
                raise IndexCorrupt(f"{self.folder / name}.arrow: its rows do not add up", REMEDY)


def ref_to_dict(ref: SegmentRef) -> dict[str, Any]:
    """Return the manifest's JSON form of a segment reference."""
    return asdict(ref)
