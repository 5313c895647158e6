"""Training sets in torch's own loaders: every example once with any number of workers, and resumed where it stopped."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from odqa.data.stream import Mixed, Share, Stream, as_dataset
from odqa.errors import LoadError, UsageError
from tests.streams import numbers, token_stream


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return token_stream(tmp_path_factory.mktemp("torch"), 100)


def only_numbers(batch: Any) -> list[int]:
    """Collate in the worker: what comes over is small."""
    return numbers(batch)


# Python 3.12 warns of any fork beside threads, such as those of torch; a loader that forks is what Linux has.
FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@FORKS
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_loader_gets_every_example_once(stream: Stream, workers: int) -> None:
    loader: Any = DataLoader(stream.as_dataset(seed=3), batch_size=7, num_workers=workers, collate_fn=only_numbers)
    found = [number for batch in loader for number in batch]
    assert sorted(found) == list(range(100))
    assert found != sorted(found)


@FORKS
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gets_the_batches_as_they_are(stream: Stream, workers: int) -> None:
    batches = stream.batches(tokens=60, seed=3)
    loader: Any = DataLoader(as_dataset(batches), batch_size=None, num_workers=workers, collate_fn=only_numbers)
    expected = [numbers(batches.batch(0, place)) for place in range(batches.count(0))]
    assert list(loader) == expected, "workers take turns, so that the order is that of the epoch"


def test_tensors_are_made_without_a_warning(stream: Stream) -> None:
    assert torch.from_numpy(stream.example(5)["tokens"]).tolist()[0] == 5


def test_epochs_are_chosen(stream: Stream) -> None:
    dataset = as_dataset(stream.batches(examples=8), each=True)
    assert isinstance(dataset, IterableDataset)
    first, again = numbers(dataset), numbers(dataset)
    dataset.set_epoch(1)
    second = numbers(dataset)
    assert first == again
    assert second != first
    assert sorted(second) == sorted(first)


@pytest.mark.parametrize("each", [False, True])
def test_iteration_goes_on_where_a_state_was_taken(stream: Stream, each: bool) -> None:
    def make() -> Any:
        return as_dataset(stream.batches(examples=8), epoch=2, each=each)

    def told(item: Any) -> list[int]:
        return numbers([item] if each else item)

    expected = [told(item) for item in make()]
    for taken in {*range(0, len(expected), 9), 1, len(expected)}:
        dataset = make()
        list(islice(dataset, taken))
        state = dataset.state_dict()
        resumed = make()
        resumed.set_epoch(0)
        resumed.load_state_dict(state)
        assert [told(item) for item in resumed] == expected[taken:]
        resumed.set_epoch(2)
        assert [told(item) for item in resumed] == expected, "a state is used once"


def as_worker(monkeypatch: pytest.MonkeyPatch, worker: int, workers: int) -> None:
    info = SimpleNamespace(id=worker, num_workers=workers)
    monkeypatch.setattr("torch.utils.data.get_worker_info", lambda: info)


def test_each_worker_resumes_its_own_part(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    for worker in (0, 1):
        as_worker(monkeypatch, worker, 2)
        dataset = as_dataset(stream.batches(examples=8), each=True)
        begun: Iterator[Any] = iter(dataset)
        seen += numbers(islice(begun, 11))
        resumed = as_dataset(stream.batches(examples=8), each=True)
        resumed.load_state_dict(dataset.state_dict())
        seen += numbers(resumed)
    assert sorted(seen) == list(range(100))


def test_a_state_of_other_batches_or_workers_is_refused(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    state = as_dataset(stream.batches(examples=8)).state_dict()
    with pytest.raises(LoadError, match="other data or batches"):
        as_dataset(stream.batches(examples=9)).load_state_dict(state)
    as_worker(monkeypatch, 0, 2)
    dataset = as_dataset(stream.batches(examples=8))
    dataset.load_state_dict(state)
    with pytest.raises(UsageError, match="of 1 workers, and these are 2"):
        next(iter(dataset))


def test_a_dataset_can_be_sent_to_another_process(stream: Stream) -> None:
    # As a loader does that starts its workers afresh instead of forking.
    batches = stream.batches(examples=8)
    mixed = Mixed([batches, stream.batches(examples=4, seed=9)], [1, 2], count=20)
    for whole in (batches, mixed, Share(mixed, 1, 2)):
        dataset = as_dataset(whole, each=True)
        list(islice(dataset, 5))
        sent = pickle.loads(pickle.dumps(dataset))
        assert sent.batches.fingerprint == whole.fingerprint
        assert numbers(sent) == numbers(dataset)
        dataset.load_state_dict(state := dataset.state_dict())
        sent = pickle.loads(pickle.dumps(dataset))
        assert sent.state_dict() == state
