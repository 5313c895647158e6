"""Whatever moment the writing of a training set is stopped at, running it again gives the same set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from odqa import fs
from odqa.data.stream import Stream, write_stream
from odqa.errors import LoadError, UsageError
from tests.streams import numbers, token_examples, token_length, token_stream


class PowerCut(BaseException):
    """No code may catch this and go on, as none can when the power fails."""


@pytest.fixture(autouse=True)
def _no_fault_outlives_its_test() -> Iterator[None]:
    yield
    fs.fault = None


def cut_at(step: int) -> None:
    calls = 0

    def fault(operation: str, path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls >= step:
            raise PowerCut(operation)

    fs.fault = fault


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize("past", [False, True], ids=["new", "replacing"])
def test_a_power_cut_at_every_single_write(tmp_path: Path, past: bool) -> None:
    def write(folder: Path) -> None:
        token_stream(folder, 60, key="new", shard_examples=20)

    def prepare(folder: Path) -> None:
        if past:
            token_stream(folder, 10, key="old")

    prepare(tmp_path / "whole")
    write(tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    step, done = 0, False
    while not done:
        step += 1
        folder = tmp_path / str(step)
        prepare(folder)
        cut_at(step)
        try:
            write(folder)
            done = True
        except PowerCut:
            pass
        fs.fault = None
        if past:
            found = Stream.open(folder)
            found.verify()
            assert found.key in ("old", "new")
        elif not done:
            _whole_or_absent(folder)
        write(folder)
        assert contents(folder) == expected
    assert step > 20, "the writing has fewer operations than this test is about"


def _whole_or_absent(folder: Path) -> None:
    try:
        stream = Stream.open(folder)
    except LoadError as error:
        assert "holds no training set" in str(error)  # noqa: PT017
    else:
        stream.verify()


def test_finished_shards_are_not_made_again(tmp_path: Path) -> None:
    asked: list[int] = []
    measured: list[int] = []

    def examples(start: int) -> Iterator[dict[str, Any]]:
        asked.append(start)
        return token_examples(100, start)

    def length(example: Any) -> int:
        measured.append(int(example["number"]))
        return token_length(example)

    def stop(operation: str, path: Path) -> None:
        if operation == "replace" and path.name == "shard-00003.arrow":
            raise PowerCut

    fs.fault = stop
    with pytest.raises(PowerCut):
        write_stream(tmp_path, examples, key="k", length=length, shard_examples=16)
    fs.fault = None
    measured.clear()
    stream = write_stream(tmp_path, examples, key="k", length=length, shard_examples=16)
    assert asked == [0, 48]
    assert measured == list(range(48, 100))
    assert numbers(map(stream.example, range(100))) == list(range(100))
    assert stream.fingerprint == token_stream(tmp_path / "other").fingerprint


def test_a_full_disk_is_said_in_one_line_and_what_is_written_is_kept(tmp_path: Path) -> None:
    synced = 0

    def full(operation: str, path: Path) -> None:
        nonlocal synced
        synced += operation == "sync_file"
        if synced > 2:
            raise OSError(28, "No space left on device", str(path))

    fs.fault = full
    with pytest.raises(LoadError, match=r"No space left on device \(make room"):
        token_stream(tmp_path)
    fs.fault = None
    started: list[int] = []

    def examples(start: int) -> Iterator[dict[str, Any]]:
        started.append(start)
        return token_examples(100, start)

    stream = write_stream(tmp_path, examples, key="k", length=token_length, shard_examples=16)
    assert started == [32]
    stream.verify()


def test_errors_of_the_producer_are_not_taken_for_errors_of_the_disk(tmp_path: Path) -> None:
    def examples() -> Iterator[dict[str, Any]]:
        yield from token_examples(20)
        raise FileNotFoundError("a document is gone")

    with pytest.raises(FileNotFoundError, match="a document is gone"):
        write_stream(tmp_path, examples(), key="k", length=token_length)


def test_fewer_examples_under_the_same_key_are_noticed(tmp_path: Path) -> None:
    cut_at(20)
    with pytest.raises(PowerCut):
        token_stream(tmp_path)
    fs.fault = None
    with pytest.raises(UsageError, match="are written under this key, and now there are only 5"):
        token_stream(tmp_path, 5)


@pytest.mark.parametrize("victim", ["shard-00000.arrow", "shard-00002.arrow", "shard-00006.arrow", "lengths.npy"])
@pytest.mark.parametrize("harm", ["missing", "short", "changed"])
def test_a_damaged_set_is_made_whole_again(tmp_path: Path, victim: str, harm: str) -> None:
    expected = token_stream(tmp_path).fingerprint
    (path,) = tmp_path.rglob(victim)
    whole = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-9] if harm == "short" else whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
        with pytest.raises(LoadError, match=victim):
            Stream.open(tmp_path).verify()
        if harm == "changed":
            path.unlink()  # As the error says to do.
    stream = token_stream(tmp_path)
    assert stream.fingerprint == expected
    stream.verify()
