"""Files of a training set that were cut, changed or made by others give an error that names them, and no more."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from odqa.data.stream import Field, Stream
from odqa.data.stream.manifest import MANIFEST, StreamManifest
from odqa.data.stream.shard import LENGTH, Shard, schema_of
from odqa.errors import LoadError
from tests.streams import token_stream


def read_all(folder: Path) -> None:
    stream = Stream.open(folder)
    for number in range(len(stream)):
        stream.example(number)
    assert stream.lengths.sum() > 0


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def test_any_change_to_any_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    token_stream(tmp_path, 40)
    chance = random.Random(7)
    for path in files(tmp_path):
        whole = path.read_bytes()
        for _ in range(40):
            at = chance.randrange(len(whole))
            damaged = chance.choice(
                [
                    whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
                    whole[:at],
                    whole[:at] + chance.randbytes(8) + whole[at + 8 :],
                    whole + b"\0",
                ]
            )
            if damaged == whole:
                continue
            path.write_bytes(damaged)
            with pytest.raises(LoadError) as caught:
                read_all(tmp_path)
            assert path.name in str(caught.value)
            assert caught.value.remedy
        path.write_bytes(whole)
    read_all(tmp_path)


def test_shards_are_safe_to_read_without_a_checksum(tmp_path: Path) -> None:
    # While a set is being written there is none yet: Arrow's own checks and ours must do.
    token_stream(tmp_path, 40, shard_examples=40)
    (path,) = tmp_path.rglob("shard-*.arrow")
    whole, chance = path.read_bytes(), random.Random(11)
    refused = 0
    for _ in range(200):
        at = chance.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([chance.randrange(256)]) + whole[at + 1 :])
        try:
            shard = Shard.read(path)
        except LoadError:
            refused += 1
            continue
        for row in range(len(shard)):
            shard.example(row)
    assert refused > 25


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000])
def test_a_manifest_that_is_none(tmp_path: Path, content: bytes) -> None:
    token_stream(tmp_path)
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(LoadError, match=f"{MANIFEST}: .*delete this file"):
        Stream.open(tmp_path)


def forge(where: Path, **changes: object) -> None:
    """Change a manifest as somebody would who knows how its checksum is made."""
    manifest = StreamManifest.read(where)
    values = {name: getattr(manifest, name) for name in ("key", "folder", "fields", "shards", "lengths")} | changes
    (where / MANIFEST).write_bytes(StreamManifest(**values).to_bytes())


def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    token_stream(tmp_path / "a")
    forge(tmp_path / "a", folder="../b/data-0000000000000000")
    with pytest.raises(LoadError, match=MANIFEST):
        Stream.open(tmp_path / "a")


def test_counts_that_do_not_add_up(tmp_path: Path) -> None:
    stream = token_stream(tmp_path)
    forge(tmp_path, shards=stream.manifest.shards[:-1])
    with pytest.raises(LoadError, match="do not add up"):
        Stream.open(tmp_path)


def test_a_shard_in_anothers_place(tmp_path: Path) -> None:
    stream = token_stream(tmp_path, 40)
    shards = stream.manifest.shards
    forge(tmp_path, shards=(shards[0], shards[0], shards[2]))
    (data,) = (path for path in tmp_path.iterdir() if path.is_dir())
    (data / "shard-00001.arrow").write_bytes((data / "shard-00000.arrow").read_bytes())
    with pytest.raises(LoadError, match=r"lengths\.npy: other lengths than in shard-00001"):
        Stream.open(tmp_path).verify()


def test_another_format_is_said(tmp_path: Path) -> None:
    token_stream(tmp_path)
    path = tmp_path / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 9}))
    with pytest.raises(LoadError, match="format 9, and this version of odqa reads 1"):
        Stream.open(tmp_path)


def test_no_set_at_all(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(LoadError, match="holds no training set"):
            Stream.open(folder)


def write_by_hand(path: Path, offsets: list[int], rows: list[int], columns: list[int]) -> None:
    """Write a shard of two arrays, with any offsets in the end: Arrow makes none that are wrong."""
    schema = schema_of([Field("x", "int32", 2)])
    assert schema.names == ["x", "x.rows", "x.columns", LENGTH]
    right = np.array([0, 4, 8], np.int32)
    values = pa.array(np.arange(100, 108, dtype=np.int32))
    lists = pa.ListArray.from_arrays(pa.array(right), values, type=schema.field("x").type)
    others = [pa.array(np.array(numbers, np.int32)) for numbers in (rows, columns, [1, 1])]
    with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([lists, *others], schema=schema))
    content = path.read_bytes()
    assert content.count(right.tobytes()) == 1
    path.write_bytes(content.replace(right.tobytes(), np.array(offsets, np.int32).tobytes()))


def test_a_shard_by_hand_is_read(tmp_path: Path) -> None:
    write_by_hand(tmp_path / "shard.arrow", [0, 2, 8], [1, 2], [2, 3])
    shard = Shard.read(tmp_path / "shard.arrow")
    assert [shard.example(row)["x"].tolist() for row in (0, 1)] == [[[100, 101]], [[102, 103, 104], [105, 106, 107]]]


@pytest.mark.parametrize(
    ("offsets", "rows", "columns"),
    [
        ([0, 4, 8], [2, 2], [2, 3]),
        ([0, 4, 8], [-2, 2], [-2, 2]),
        ([0, 4, 8], [65536, 2], [65537, 2]),
        ([0, 4, 99], [2, 2], [2, 2]),
        ([0, 8, 4], [2, 2], [4, -2]),
        ([-4, 0, 4], [2, 2], [2, 2]),
    ],
)
def test_forged_offsets_and_shapes_are_refused(
    tmp_path: Path, offsets: list[int], rows: list[int], columns: list[int]
) -> None:
    path = tmp_path / "shard.arrow"
    write_by_hand(path, offsets, rows, columns)
    with pytest.raises(LoadError, match=r"shard\.arrow"):
        Shard.read(path)


def test_foreign_arrow_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.arrow"
    table = pa.table({"text": ["a", "b"]})
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(LoadError, match=r"foreign\.arrow"):
        Shard.read(path)
