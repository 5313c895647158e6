"""Batches as a torch dataset, for those who bring their own loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from odqa.data.stream.batches import Batches
from odqa.errors import LoadError, UsageError

if TYPE_CHECKING:
    from torch.utils.data import IterableDataset

    _Base = IterableDataset[Any]
else:  # torch takes seconds to import; `_torch_class` adds its class where a dataset is made.
    _Base = object


def as_dataset(batches: Batches[Any], *, epoch: int = 0, each: bool = False) -> BatchDataset:
    """Return the batches of an epoch as a torch `IterableDataset`.

    Worker processes of a `DataLoader` take turns: with W of them, worker w reads the batches w, w + W, … So each comes
    once, whatever their number. Give the loader `batch_size=None`, or, with `each`, a batch size and a collator.
    Processes that train together get a dataset of their `Share` each.

    Args:
        batches: where they come from.
        epoch: which one, from 0.
        each: yield examples instead of batches.
    """
    dataset: BatchDataset = _torch_class()(batches, epoch, each)
    return dataset


class BatchDataset(_Base):
    """The batches of an epoch, or the examples in them. `as_dataset` makes it.

    `state_dict` and `load_state_dict` are what torchdata's `StatefulDataLoader` asks for in each worker: after loading
    a state, what came next when it was taken comes first. A state fits the number of workers it was taken with.

    Args:
        batches: where they come from.
        epoch: which one, from 0.
        each: yield examples instead of batches.
    """

    def __init__(self, batches: Batches[Any], epoch: int, each: bool) -> None:
        self.batches, self.epoch, self.each = batches, epoch, each
        self._batch = self._row = 0
        self._loaded: Mapping[str, Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell how another process gets it: a class made on the spot has no name there."""
        return _restore, (self.batches, self.epoch, self.each, self._loaded)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, as with a `DistributedSampler`.

        Workers that persist over epochs do not hear of it: give the loader `persistent_workers=False`.
        """
        self.epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Say what has been yielded: whole batches of this worker, and examples of the one begun."""
        place = {"epoch": self.epoch, "batch": self._batch, "row": self._row}
        return {"fingerprint": self.batches.fingerprint, "workers": _worker()[1], **place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the next iteration go on where `state` was taken.

        Raises:
            LoadError: it is of other batches.
        """
        if state.get("fingerprint") != self.batches.fingerprint:
            raise LoadError("the state is of other data or batches", "resume with what it was taken from")
        self._loaded = dict(state)
        self.epoch, self._batch, self._row = (int(state[name]) for name in ("epoch", "batch", "row"))

    def __iter__(self) -> Iterator[Any]:
        """Yield this worker's batches or examples, from the loaded state on if there is one.

        Raises:
            UsageError: the state is of another number of workers.
        """
        worker, workers = _worker()
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            self._batch = self._row = 0
        elif loaded["workers"] != workers:
            raise UsageError(
                f"the state is of {loaded['workers']} workers, and these are {workers}", "resume with as many workers"
            )
        count = self.batches.count(self.epoch)
        while (place := self._batch * workers + worker) < count:
            batch = self.batches.batch(self.epoch, place)
            yield from self._rows(batch) if self.each else self._whole(batch)

    # Counted before it is yielded: a state that is taken while the caller has it counts it as seen.

    def _whole(self, batch: Sequence[Any]) -> Iterator[Any]:
        self._batch += 1
        yield batch

    def _rows(self, batch: Sequence[Any]) -> Iterator[Any]:
        for row in range(self._row, len(batch)):
            self._batch, self._row = (self._batch, row + 1) if row + 1 < len(batch) else (self._batch + 1, 0)
            yield batch[row]


@cache
def _torch_class() -> type[BatchDataset]:
    from torch.utils.data import IterableDataset

    class TorchBatchDataset(BatchDataset, IterableDataset):  # type: ignore[type-arg]
        """What `DataLoader` takes for a dataset without a length."""

    return TorchBatchDataset


def _worker() -> tuple[int, int]:
    """Return the number of this worker process and how many there are."""
    from torch.utils.data import get_worker_info

    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)


def _restore(batches: Batches[Any], epoch: int, each: bool, loaded: Mapping[str, Any] | None) -> BatchDataset:
    dataset = as_dataset(batches, epoch=epoch, each=each)
    if loaded is not None:
        dataset.load_state_dict(loaded)
    return dataset
