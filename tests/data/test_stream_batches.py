"""Every example once an epoch, in batches within their budget, and any batch without those before it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from odqa.data.stream import Stream, StreamBatches, write_stream
from odqa.data.stream.plan import Budget, Plan, make_plan
from odqa.errors import LoadError, UsageError
from tests.streams import numbers, token_examples, token_length, token_stream

LIMITS = st.one_of(
    st.tuples(st.integers(1, 300), st.none()),
    st.tuples(st.none(), st.integers(1, 9)),
    st.tuples(st.integers(1, 300), st.integers(1, 9)),
)


def plan(lengths: list[int], shard: int, limits: tuple[int | None, int | None], **draw: int) -> Plan:
    first = [*range(0, len(lengths), shard), len(lengths)]
    draw = {"window": 2, "seed": 1, "epoch": 0} | draw
    return make_plan(np.array(lengths, np.int32), np.array(first), Budget(*limits), **draw)


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 100), min_size=1, max_size=200),
    shard=st.integers(1, 50),
    limits=LIMITS,
    window=st.integers(1, 5),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 3),
)
@example(lengths=[2**31 - 1] * 5, shard=2, limits=(2**31, None), window=2, seed=0, epoch=0)
def test_every_example_once_and_within_the_budget(
    lengths: list[int], shard: int, limits: tuple[int | None, int | None], window: int, seed: int, epoch: int
) -> None:
    made = plan(lengths, shard, limits, window=window, seed=seed, epoch=epoch)
    batches = [made.batch(place).tolist() for place in range(len(made))]
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    tokens, examples = limits
    for batch in batches:
        assert batch
        assert examples is None or len(batch) <= examples
        assert tokens is None or len(batch) == 1 or len(batch) * max(lengths[number] for number in batch) <= tokens
    again = plan(lengths, shard, limits, window=window, seed=seed, epoch=epoch)
    assert [again.batch(place).tolist() for place in range(len(again))] == batches


def test_batches_are_as_full_as_they_may_be() -> None:
    assert list(Budget(12, None).cut(np.array([1, 1, 2, 3, 3, 4, 12, 13]))) == [4, 6, 7, 8]
    assert list(Budget(12, 3).cut(np.array([1, 1, 2, 3, 3, 4, 12, 13]))) == [3, 6, 7, 8]
    assert list(Budget(None, 3).cut(np.array([1, 1, 2, 3]))) == [3, 4]
    assert list(Budget(5, None).cut(np.array([0, 0, 0, 0, 0, 0]))) == [5, 6], "no batch without end"


def test_batches_hold_examples_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 20_000).tolist()
    made = plan(lengths, 1000, (None, 16), window=8)
    padded = sum(16 * max(lengths[n] for n in made.batch(place).tolist()) for place in range(len(made)))
    assert padded / sum(lengths) < 1.05, "16 examples taken at random would be padded to 1.87"
    first = [min(lengths[n] for n in made.batch(place).tolist()) for place in range(len(made))]
    rising = sum(a < b for a, b in pairwise(first))
    assert 0.4 < rising / len(first) < 0.6, "the batches are shuffled again"


def test_a_window_of_shards_is_finished_before_the_next_begins() -> None:
    made = plan([1] * 1000, 50, (None, 10), window=4)
    shards = [{int(number) // 50 for number in made.batch(place)} for place in range(len(made))]
    windows = [set().union(*shards[n : n + 20]) for n in range(0, 100, 20)]
    assert [len(window) for window in windows] == [4] * 5
    assert set().union(*windows) == set(range(20))


def test_examples_of_a_window_meet_by_chance() -> None:
    made = plan([1] * 4000, 500, (None, 8), window=4)
    apart = [np.ptp(np.unique(made.batch(place) // 500)) for place in range(len(made))]
    assert np.mean([gap > 0 for gap in apart]) > 0.95


def test_epochs_and_seeds_differ(tmp_path: Path) -> None:
    stream = token_stream(tmp_path)
    orders = {
        tuple(n for place in range(batches.count(epoch)) for n in numbers(batches.batch(epoch, place)))
        for batches in (stream.batches(examples=8, seed=1), stream.batches(examples=8, seed=2))
        for epoch in range(3)
    }
    assert len(orders) == 6


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_batch_can_be_the_next(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    stream = shared(tmp_path_factory)
    arguments: dict[str, Any] = {"tokens": 60, "seed": data.draw(st.integers(0, 5)), "window": 3}
    whole = stream.batches(**arguments)
    epoch = data.draw(st.integers(0, 4))
    place = data.draw(st.integers(0, whole.count(epoch) - 1))
    expected = [numbers(whole.batch(epoch, n)) for n in range(whole.count(epoch))]
    fresh = Stream.open(stream.folder).batches(**arguments)
    assert fresh.fingerprint == whole.fingerprint
    assert [numbers(fresh.batch(epoch, n)) for n in range(place, fresh.count(epoch))] == expected[place:]


def shared(factory: pytest.TempPathFactory) -> Stream:
    folder = factory.getbasetemp() / "shared-stream"
    return token_stream(folder, 200)


def test_batches_give_the_examples_themselves(tmp_path: Path) -> None:
    batches = token_stream(tmp_path, 40).batches(tokens=50, seed=3)
    expected = list(token_examples(40))
    seen = 0
    for place in range(batches.count(0)):
        for found in batches.batch(0, place):
            own = expected[int(found["number"])]
            assert found["tokens"].tolist() == own["tokens"].tolist()
            assert found["places"].shape == own["places"].shape
            assert float(found["weight"]) == own["weight"]
            seen += 1
    assert seen == 40


def test_the_fingerprint_covers_content_and_arguments(tmp_path: Path) -> None:
    stream, other = token_stream(tmp_path / "a"), token_stream(tmp_path / "b", 99)
    own = stream.batches(tokens=50, seed=1).fingerprint
    assert own == Stream.open(stream.folder).batches(tokens=50, seed=1).fingerprint
    others = [
        stream.batches(tokens=51, seed=1),
        stream.batches(tokens=50, seed=2),
        stream.batches(tokens=50, examples=50, seed=1),
        stream.batches(tokens=50, seed=1, window=9),
        other.batches(tokens=50, seed=1),
    ]
    assert len({own, *(batches.fingerprint for batches in others)}) == 6


def test_memory_is_that_of_the_shards_of_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    real = Stream.shard

    def counted(self: Stream, number: int) -> Any:
        opened.append(number)
        return real(self, number)

    monkeypatch.setattr(Stream, "shard", counted)
    batches = token_stream(tmp_path, 320, shard_examples=16).batches(examples=8, window=4)
    for place in range(batches.count(0)):
        batches.batch(0, place)
    assert sorted(opened) == list(range(20)), "each shard is opened once an epoch"
    assert batches._shard.cache_info().currsize == 4


def test_a_shard_that_changed_since_is_noticed(tmp_path: Path) -> None:
    stream = token_stream(tmp_path, 40)
    batches = stream.batches(examples=4)
    (path,) = tmp_path.rglob("shard-00001.arrow")
    content = bytearray(path.read_bytes())
    content[300] ^= 4
    path.write_bytes(content)
    with pytest.raises(LoadError, match=r"shard-00001\.arrow: its bytes are not those"):
        [batches.batch(0, place) for place in range(batches.count(0))]


@pytest.mark.parametrize(
    "arguments", [{}, {"tokens": 0}, {"examples": 0}, {"examples": 4, "window": 0}, {"examples": 4, "seed": -1}]
)
def test_batches_without_a_limit_are_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="tokens"):
        token_stream(tmp_path).batches(**arguments)


@pytest.mark.parametrize(("epoch", "place"), [(0, -1), (0, 13), (-1, 0)])
def test_places_beyond_an_epoch_are_refused(tmp_path: Path, epoch: int, place: int) -> None:
    batches: StreamBatches = token_stream(tmp_path).batches(examples=8)
    assert batches.count(0) == 13
    with pytest.raises(UsageError, match="counted from 0"):
        batches.batch(epoch, place)


def test_one_example_is_enough(tmp_path: Path) -> None:
    stream = write_stream(tmp_path, token_examples(1), key="k", length=token_length)
    batches = stream.batches(tokens=8)
    assert [batches.count(0), numbers(batches.batch(0, 0))] == [1, [0]]
