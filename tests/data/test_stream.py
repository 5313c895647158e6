"""A training set is written once and read back as it was given."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from odqa.data.stream import Stream, write_stream
from odqa.data.stream import write as write_module
from odqa.data.stream.fields import DTYPES
from odqa.errors import LimitError, LoadError, UsageError
from tests.streams import numbers, token_examples, token_length, token_stream


@st.composite
def alike(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Examples of one make: each field has its type and dimensions, and any size."""
    kinds = draw(
        st.dictionaries(
            st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
            st.tuples(st.sampled_from(sorted(DTYPES)), st.integers(0, 2)),
            min_size=1,
            max_size=4,
        )
    )
    count = draw(st.integers(1, 7))
    fields = {
        name: [
            draw(arrays.arrays(dtype, arrays.array_shapes(min_dims=ndim, max_dims=ndim, min_side=0, max_side=4)))
            for _ in range(count)
        ]
        for name, (dtype, ndim) in kinds.items()
    }
    return [{name: values[n] for name, values in fields.items()} for n in range(count)]


@settings(max_examples=25, deadline=None)
@given(examples=alike(), shard=st.integers(1, 3))
def test_what_is_read_is_what_was_written(examples: list[dict[str, Any]], shard: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stream = write_stream(Path(folder), examples, key="k", length=lambda _: 1, shard_examples=shard)
        assert len(stream) == len(examples)
        for number, expected in enumerate(examples):
            found = stream.example(number)
            assert list(found) == list(expected)
            for name, value in expected.items():
                assert found[name].dtype == value.dtype
                assert found[name].shape == value.shape
                np.testing.assert_array_equal(found[name], value)
        stream.verify()


def test_what_is_read_can_be_changed_without_changing_the_set(tmp_path: Path) -> None:
    stream = token_stream(tmp_path, 3)
    stream.example(2)["tokens"][:] = 0
    assert stream.example(2)["tokens"][0] == 2


def test_numbers_come_back_as_arrays_of_no_dimensions(tmp_path: Path) -> None:
    examples = [{"n": 3, "w": 0.5}, {"n": np.int32(4), "w": 1}]
    stream = write_stream(tmp_path, examples, key="k", length=lambda _: 1)
    assert [(int(e["n"]), float(e["w"])) for e in map(stream.example, range(2))] == [(3, 0.5), (4, 1.0)]
    assert stream.example(1)["w"].shape == ()


def test_slices_and_foreign_byte_orders_are_kept_by_value(tmp_path: Path) -> None:
    grid = np.arange(12, dtype=np.int32).reshape(3, 4)
    stream = write_stream(tmp_path, [{"x": grid[:, ::2]}, {"x": grid.astype(">i4").T}], key="k", length=lambda _: 1)
    assert stream.example(0)["x"].tolist() == [[0, 2], [4, 6], [8, 10]]
    assert stream.example(1)["x"].tolist() == grid.T.tolist()


def test_lengths_are_those_that_were_told(tmp_path: Path) -> None:
    stream = token_stream(tmp_path, 40, shard_examples=7)
    assert stream.lengths.tolist() == [len(example["tokens"]) for example in token_examples(40)]
    assert stream.lengths.dtype == np.int32


def test_nothing_is_done_where_the_set_is_there(tmp_path: Path) -> None:
    first = token_stream(tmp_path)

    def forbidden(start: int) -> Any:
        raise AssertionError("the examples were asked for")

    again = write_stream(tmp_path, forbidden, key="k", length=token_length)
    assert again.fingerprint == first.fingerprint
    assert len(again) == 100


def test_another_key_replaces_the_set_and_leaves_nothing_behind(tmp_path: Path) -> None:
    first = token_stream(tmp_path, 50)
    other = token_stream(tmp_path, 30, key="other")
    assert (len(other), other.key) == (30, "other")
    assert other.fingerprint != first.fingerprint
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_the_old_set_is_read_until_the_new_one_is_whole(tmp_path: Path) -> None:
    token_stream(tmp_path, 50)

    def broken() -> Any:
        yield from token_examples(40)
        raise RuntimeError("the producer failed")

    with pytest.raises(RuntimeError, match="the producer failed"):
        write_stream(tmp_path, broken(), key="other", length=token_length, shard_examples=16)
    old = Stream.open(tmp_path)
    assert (old.key, numbers([old.example(49)])) == ("k", [49])
    old.verify()


def test_folders_that_are_not_its_own_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    token_stream(tmp_path)
    token_stream(tmp_path, key="other")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "kept"


def test_content_and_key_tell_sets_apart(tmp_path: Path) -> None:
    prints = [
        token_stream(tmp_path / "a").fingerprint,
        token_stream(tmp_path / "b").fingerprint,
        token_stream(tmp_path / "c", 99).fingerprint,
        token_stream(tmp_path / "d", key="other").fingerprint,
        token_stream(tmp_path / "e", shard_examples=17).fingerprint,
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


def test_large_examples_close_a_shard_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "SHARD_BYTES", 1000)
    examples = [{"x": np.full(60, n, np.int32)} for n in range(20)]
    stream = write_stream(tmp_path, examples, key="k", length=lambda _: 1)
    assert [shard.examples for shard in stream.manifest.shards] == [5, 5, 5, 5]
    assert [int(stream.example(n)["x"][0]) for n in range(20)] == list(range(20))


def test_an_example_larger_than_any_shard_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "EXAMPLE_BYTES", 100)
    with pytest.raises(LimitError, match="example 1 has 400 bytes"):
        write_stream(tmp_path, [{"x": np.zeros(n, np.int32)} for n in (1, 100)], key="k", length=lambda _: 1)


def test_progress_is_told_and_ends_with_the_whole(tmp_path: Path) -> None:
    told: list[int] = []
    token_stream(tmp_path, 600, shard_examples=100, progress=told.append)
    assert told == [256, 512, 600]


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([], "there are no examples"),
        ([{}], "no fields"),
        ([{"x": [1, 2]}], "'x' is a list"),
        ([{"x": "text"}], "'x' is a str"),
        ([{"not a name": 1}], "identifier"),
        ([{"x": np.zeros((1, 1, 1), np.int32)}], "3 dimensions"),
        ([{"x": np.array(["a"])}], "cannot be kept"),
        ([{"x": 1 << 80}], "64 bits"),
        ([{"x": 1}, {"y": 1}], "example 1 has fields y, not x"),
        ([{"x": 1}, {"x": 0.5}], "example 1: 'x' is float64"),
        ([{"x": np.zeros(2, np.int32)}, {"x": np.zeros(2, np.int64)}], "'x' is int64"),
        ([{"x": np.zeros(2, np.int32)}, {"x": np.zeros((2, 2), np.int32)}], "2 dimensions"),
    ],
)
def test_examples_that_cannot_be_kept_are_refused(tmp_path: Path, examples: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write_stream(tmp_path, examples, key="k", length=lambda _: 1)


@pytest.mark.parametrize("length", [-1, 1 << 31])
def test_lengths_that_mean_nothing_are_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(UsageError, match="length"):
        write_stream(tmp_path, token_examples(3), key="k", length=lambda _: length)


def test_a_shard_of_no_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        token_stream(tmp_path, shard_examples=0)


@pytest.mark.parametrize("number", [-1, 100])
def test_examples_are_counted_from_0(tmp_path: Path, number: int) -> None:
    with pytest.raises(UsageError, match=f"no example {number}"):
        token_stream(tmp_path).example(number)


def test_there_is_one_writer_at_a_time(tmp_path: Path) -> None:
    def second() -> Any:
        with pytest.raises(LoadError, match="another process is writing"):
            token_stream(tmp_path, key="other")
        yield from token_examples(20)

    assert len(write_stream(tmp_path, second(), key="k", length=token_length)) == 20
    assert len(token_stream(tmp_path, 30, key="other")) == 30


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadError, match="cannot be written"):
        token_stream(tmp_path / "file")
