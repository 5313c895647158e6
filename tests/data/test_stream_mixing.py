"""Training sets drawn together, shared out among processes, and read ahead of their use."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.stream import Batches, Mixed, Share, ahead
from odqa.errors import UsageError
from tests.streams import numbers, token_stream


class Counted:
    """Batches of one number each, 10 · epoch + place, in epochs of the sizes given."""

    def __init__(self, name: str, *counts: int) -> None:
        self.name, self.counts = name, counts
        self.read: list[int] = []

    @property
    def fingerprint(self) -> str:
        return f"{self.name}{self.counts}"

    def count(self, epoch: int) -> int:
        return self.counts[epoch % len(self.counts)]

    def batch(self, epoch: int, place: int) -> Sequence[str]:
        if not 0 <= place < self.count(epoch):
            raise IndexError(place)
        self.read.append(place)
        return [f"{self.name}.{epoch}.{place}"]


def taken(batches: Batches[str], epochs: int) -> list[str]:
    return [batches.batch(epoch, place)[0] for epoch in range(epochs) for place in range(batches.count(epoch))]


def test_a_mixture_has_the_weights_it_was_given() -> None:
    mixed = Mixed([Counted("a", 1000), Counted("b", 1000)], [0.7, 0.3], count=100)
    for epoch in range(3):
        drawn = Counter(mixed.batch(epoch, place)[0][0] for place in range(mixed.count(epoch)))
        assert drawn == {"a": 70, "b": 30}
    order = [mixed.batch(0, place)[0][0] for place in range(100)]
    assert "b" in order[:20]
    assert "a" in order[-20:]


@settings(max_examples=50, deadline=None)
@given(
    counts=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=3),
    weights=st.lists(st.floats(0.01, 5), min_size=3, max_size=3),
    count=st.none() | st.integers(1, 40),
    seed=st.integers(0, 3),
)
def test_each_part_goes_through_all_its_batches_before_any_comes_again(
    counts: list[list[int]], weights: list[float], count: int | None, seed: int
) -> None:
    parts = [Counted(str(n), *each) for n, each in enumerate(counts)]
    mixed = Mixed(parts, weights[: len(parts)], seed=seed, count=count)
    seen = taken(mixed, 4)
    for n, part in enumerate(parts):
        own = [batch for batch in seen if batch.startswith(f"{n}.")]
        assert own == taken(part, len(own))[: len(own)]
        assert own


def test_a_mixture_is_the_same_again_and_from_any_place() -> None:
    def make(seed: int = 4) -> Mixed[str]:
        return Mixed([Counted("a", 7, 8), Counted("b", 3)], [2, 1], seed=seed, count=12)

    expected = [[make().batch(epoch, place)[0] for place in range(12)] for epoch in range(3)]
    assert taken(make(), 3) == [batch for epoch in expected for batch in epoch]
    assert make().batch(2, 5)[0] == expected[2][5], "the last one first"
    assert make().fingerprint == make().fingerprint
    assert make(5).fingerprint != make().fingerprint
    assert taken(make(5), 1) != expected[0]


def test_a_mixture_of_training_sets(tmp_path: Path) -> None:
    small = token_stream(tmp_path / "small", 20).batches(examples=4)
    large = token_stream(tmp_path / "large", 100).batches(examples=4)
    mixed = Mixed([small, large], [1, 1])
    assert mixed.count(0) == 30
    seen = Counter(
        (mixed.source(0, place)[0], number) for place in range(30) for number in numbers(mixed.batch(0, place))
    )
    assert {count for (part, _), count in seen.items() if part == 0} == {3}
    assert {count for (part, _), count in seen.items() if part == 1} == {1}


@pytest.mark.parametrize(
    ("parts", "weights"), [(0, []), (2, [1.0]), (2, [1.0, 0.0]), (1, [float("nan")]), (2, [-1.0, 2.0])]
)
def test_mixtures_that_mean_nothing_are_refused(parts: int, weights: list[float]) -> None:
    with pytest.raises(UsageError, match="weight above 0"):
        Mixed([Counted("a", 3)] * parts, weights)


def test_a_mixture_with_an_empty_part_is_refused() -> None:
    with pytest.raises(UsageError, match="part 1 of the mixture has no batches"):
        taken(Mixed([Counted("a", 3), Counted("b", 0)], [1, 1]), 1)


def test_places_beyond_a_mixture_are_refused() -> None:
    mixed = Mixed([Counted("a", 3)], [1])
    for epoch, place in ((0, 3), (0, -1), (-1, 0)):
        with pytest.raises(UsageError, match="counted from 0"):
            mixed.batch(epoch, place)


@given(count=st.integers(1, 30), world=st.integers(1, 8))
def test_processes_share_an_epoch_and_have_equally_many(count: int, world: int) -> None:
    shares = [Share(Counted("a", count), rank, world) for rank in range(world)]
    assert len({share.fingerprint for share in shares}) == 1
    assert len({share.count(0) for share in shares}) == 1
    seen = [batch for share in shares for batch in taken(share, 1)]
    assert set(seen) == set(taken(Counted("a", count), 1))
    assert len(seen) - count < world
    together = [share.batch(0, place)[0] for place in range(shares[0].count(0)) for share in shares]
    assert together[:count] == taken(Counted("a", count), 1), "step by step, they do what one process would"


def test_a_process_by_itself_shares_nothing() -> None:
    whole = Counted("a", 5)
    assert Share(whole, 0, 1).fingerprint == whole.fingerprint
    assert Share(whole, 0, 2).fingerprint != whole.fingerprint


@pytest.mark.parametrize(("rank", "world"), [(-1, 2), (2, 2), (0, 0)])
def test_ranks_that_do_not_exist_are_refused(rank: int, world: int) -> None:
    with pytest.raises(UsageError, match="no process"):
        Share(Counted("a", 3), rank, world)


def test_a_place_beyond_a_share_is_refused() -> None:
    with pytest.raises(UsageError, match="no batch 2"):
        Share(Counted("a", 3), 0, 2).batch(0, 2)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("odqa-ahead")]


@pytest.mark.parametrize("n", [0, 1, 3, 99])
@pytest.mark.parametrize("start", [0, 4, 10])
def test_what_is_read_ahead_comes_in_order(n: int, start: int) -> None:
    found = [batch[0] for batch in ahead(Counted("a", 10), 2, start, n)]
    assert found == [f"a.2.{place}" for place in range(start, 10)]
    assert not threads()


def test_no_more_is_read_ahead_than_asked_for() -> None:
    batches = Counted("a", 50)
    with closing(ahead(batches, 0, 0, 3)) as read:
        next(read)
        next(read)
        assert len(batches.read) <= 5
    assert not threads(), "closing ends the thread"
    assert len(batches.read) <= 5


def test_a_reader_that_is_never_asked_starts_no_thread() -> None:
    read = ahead(Counted("a", 5), 0)
    assert not threads()
    read.close()


def test_an_error_comes_with_the_batch_it_happened_at() -> None:
    class Failing(Counted):
        def batch(self, epoch: int, place: int) -> Sequence[str]:
            if place == 3:
                raise UsageError("the disk is gone")
            return super().batch(epoch, place)

    read = ahead(Failing("a", 10), 0, 0, 5)
    assert [next(read)[0] for _ in range(3)] == ["a.0.0", "a.0.1", "a.0.2"]
    with pytest.raises(UsageError, match="the disk is gone"):
        next(read)
    assert not threads()


def test_a_training_set_is_read_ahead(tmp_path: Path) -> None:
    batches = token_stream(tmp_path).batches(tokens=40)
    expected = [numbers(batches.batch(1, place)) for place in range(batches.count(1))]
    assert [numbers(batch) for batch in ahead(batches, 1, 2)] == expected[2:]
