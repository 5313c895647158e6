"""One shard: some thousand examples in an Arrow IPC file, written once and mapped into memory to be read.

A field of numbers is a column; arrays are a column of lists, and those of two dimensions have their rows and columns
in two more. `.length` is what a batch counts an example as; it is kept so that an interrupted writing is taken up from
the shards alone. The file is one record batch, compressed with zstd: on examples of tokens (int32) 2.6 times smaller
than bare, and read at 5/6 of the speed, which is a hundred times what a training step takes in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.data.stream.fields import Arrays, Field
from odqa.errors import LoadError, OdqaError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

REMEDY = "delete this file; the next run writes it again and keeps the rest"
LENGTH = ".length"
_FIELDS = b"odqa.fields"


def schema_of(fields: Sequence[Field]) -> pa.Schema:
    """Return the columns of a shard, with the fields as metadata."""
    import pyarrow as pa

    columns = []
    for field in fields:
        value = pa.from_numpy_dtype(np.dtype(field.dtype))
        kind = pa.list_(pa.field("item", value, nullable=False)) if field.ndim else value
        columns.append(pa.field(field.name, kind, nullable=False))
        if field.ndim == 2:
            columns += [pa.field(f"{field.name}.{side}", pa.int32(), nullable=False) for side in ("rows", "columns")]
    columns.append(pa.field(LENGTH, pa.int32(), nullable=False))
    return pa.schema(columns, {_FIELDS: json.dumps([asdict(field) for field in fields]).encode()})


def write_shard(
    path: Path, fields: Sequence[Field], examples: Sequence[Sequence[NDArray[Any]]], lengths: Sequence[int]
) -> None:
    """Write examples as a shard; it stands under its name only once it is whole and durable.

    Args:
        path: of the shard.
        fields: what an example is made of.
        examples: arrays of each, as `conform` returns them.
        lengths: of each, as a batch counts them.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow as pa

    schema = schema_of(fields)
    columns: list[pa.Array] = []
    for n, field in enumerate(fields):
        values = [example[n] for example in examples]
        columns.append(_column(field, values, schema.field(field.name).type))
        if field.ndim == 2:
            columns += [pa.array(np.array([value.shape[side] for value in values], np.int32)) for side in (0, 1)]
    columns.append(pa.array(np.array(lengths, np.int32)))
    temporary = path.with_name(f".{path.name}.tmp")
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with fs.create(temporary) as file, pa.ipc.new_file(file, schema, options=options) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    fs.replace(temporary, path)


def _column(field: Field, values: Sequence[NDArray[Any]], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if not field.ndim:
        return pa.array(np.array(values, field.dtype))
    offsets = np.cumsum([0, *(value.size for value in values)], dtype=np.int32)
    flat = np.concatenate([value.reshape(-1) for value in values])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat), type=kind)


@dataclass(frozen=True, slots=True)
class _Column:
    """A field's values in a shard: flat, with where each example's begin and what shape they have."""

    values: NDArray[Any]
    offsets: list[int] | None = None
    shapes: list[tuple[int, int]] | None = None

    def at(self, row: int) -> NDArray[Any]:
        # Copies: a view would hold the shard in memory, and torch warns of arrays that cannot be written to.
        if self.offsets is None:
            return np.array(self.values[row])
        found = self.values[self.offsets[row] : self.offsets[row + 1]].copy()
        return found if self.shapes is None else found.reshape(self.shapes[row])


@dataclass(frozen=True, slots=True)
class Shard:
    """Examples of one file, ready to be read in any order.

    Attributes:
        fields: what an example is made of.
        columns: their values.
        lengths: of each example, as a batch counts them; int32 (examples,).
    """

    fields: tuple[Field, ...]
    columns: tuple[_Column, ...]
    lengths: NDArray[np.int32]

    @classmethod
    def read(cls, path: Path, *, sha256: str | None = None) -> Shard:
        """Map a file, hold its bytes to a checksum, and check everything in it that is used as a place or a size.

        The checksum costs one sequential pass over the file, which also has it in the page cache before the examples
        are read in random order: on a spinning disk or a network mount that is the faster way.

        Args:
            path: of the shard.
            sha256: expected hash; none while the stream is still being written.

        Raises:
            LoadError: it is not there, truncated, changed, or no shard.
        """
        import pyarrow as pa

        try:
            with pa.memory_map(str(path)) as mapped:
                buffer = mapped.read_buffer()
            if sha256 is not None and hashlib.sha256(buffer).hexdigest() != sha256:
                raise LoadError(f"{path}: its bytes are not those that were written", REMEDY)
            # Without threads of Arrow's own, workers of a loader can be forked from this process.
            options = pa.ipc.IpcReadOptions(use_threads=False)
            file = pa.ipc.open_file(pa.BufferReader(buffer), options=options)
            fields = tuple(Field(**each) for each in json.loads((file.schema.metadata or {})[_FIELDS]))
            if not file.schema.equals(schema_of(fields)) or file.num_record_batches != 1:
                raise ValueError("other columns than a training set has")
            batch = file.get_batch(0)
            batch.validate(full=True)
            return cls(fields, tuple(_read(batch, field) for field in fields), _numbers(batch.column(LENGTH)))
        except LoadError:
            raise
        except (OSError, ValueError, TypeError, KeyError, AttributeError, pa.ArrowException, OdqaError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise LoadError(f"{path}: cannot be read as a shard: {reason or error}", REMEDY) from error

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.lengths)

    def example(self, row: int) -> Arrays:
        """Return a copy of an example."""
        return {field.name: column.at(row) for field, column in zip(self.fields, self.columns, strict=True)}


def _read(batch: pa.RecordBatch, field: Field) -> _Column:
    column = batch.column(field.name)
    if not field.ndim:
        return _Column(_numbers(column))
    values, offsets = _numbers(column.values), column.offsets.to_numpy()
    if column.null_count or offsets[0] < 0 or (np.diff(offsets) < 0).any() or offsets[-1] > len(values):
        raise ValueError(f"{field.name} points outside its values")
    if field.ndim == 1:
        return _Column(values, offsets.tolist())
    rows, columns = (_numbers(batch.column(f"{field.name}.{side}")).astype(np.int64) for side in ("rows", "columns"))
    if (rows < 0).any() or (columns < 0).any() or (rows * columns != np.diff(offsets)).any():
        raise ValueError(f"{field.name} has shapes that its values do not fill")
    return _Column(values, offsets.tolist(), list(zip(rows.tolist(), columns.tolist(), strict=True)))


def _numbers(column: pa.Array) -> NDArray[Any]:
    if column.null_count:
        raise ValueError("values are missing")
    found: NDArray[Any] = column.to_numpy(zero_copy_only=True)
    return found
