"""A training set on disk, read back: any example, or batches of all of them in an order drawn anew each epoch."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.data.stream.batches import StreamBatches
from odqa.data.stream.fields import Arrays, Field
from odqa.data.stream.manifest import LENGTHS, StreamManifest, shard_name
from odqa.data.stream.shard import REMEDY, Shard
from odqa.errors import LoadError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.data.stream.dataset import BatchDataset

WINDOW = 8
"""Shards that are shuffled together: with shards of 4,096 examples, 32,768 of them."""
_OPEN = 4


class Stream:
    """A whole training set, whose files are read when they are needed and not before.

    Its memory is that of the shards in use. It can be handed to other processes: they open it again by its folder.

    Args:
        folder: of the training set.
        manifest: what it consists of.
    """

    def __init__(self, folder: Path, manifest: StreamManifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.first: list[int] = [0, *accumulate(shard.examples for shard in manifest.shards)]
        """Number of the first example of each shard, and of all."""
        self._recent = lru_cache(_OPEN)(self.shard)

    @classmethod
    def open(cls, folder: Path) -> Stream:
        """Open a training set; the files are looked at for their size only.

        Raises:
            LoadError: there is none, or files of it are missing or cut short.
        """
        folder = Path(folder)
        stream = cls(folder, StreamManifest.read(folder))
        files = [(stream._path(n), shard) for n, shard in enumerate(stream.manifest.shards)]
        for path, file in [*files, (stream._data / LENGTHS, stream.manifest.lengths)]:
            try:
                size = path.stat().st_size
            except OSError as error:
                raise LoadError(f"{path}: {error.strerror or error}", "run again; it is written again") from error
            if size != file.bytes:
                raise LoadError(f"{path}: {size:,} bytes where {file.bytes:,} were written", REMEDY)
        return stream

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell how another process gets it: what is mapped into memory stays here."""
        return Stream, (self.folder, self.manifest)

    def __len__(self) -> int:
        """Count the examples."""
        return self.first[-1]

    @property
    def key(self) -> str:
        """What it was made of and how, as `write_stream` was told."""
        return self.manifest.key

    @property
    def fields(self) -> tuple[Field, ...]:
        """What an example is made of."""
        return self.manifest.fields

    @property
    def fingerprint(self) -> str:
        """SHA-256 that stands for every byte of it."""
        return self.manifest.checksum

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Length of each example, as a batch counts it; int32 (examples,), memory-mapped.

        Raises:
            LoadError: the file is not the one that was written.
        """
        path = self._data / LENGTHS
        try:
            if fs.sha256(path) != self.manifest.lengths.sha256:
                raise LoadError(f"{path}: its bytes are not those that were written", REMEDY)
            found: NDArray[np.int32] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        except (OSError, ValueError) as error:
            raise LoadError(f"{path}: cannot be read: {error}", REMEDY) from error
        if found.dtype != np.int32 or found.shape != (len(self),) or found.min() < 0:
            raise LoadError(f"{path}: does not hold the lengths of {len(self):,} examples", REMEDY)
        return found

    def example(self, number: int) -> Arrays:
        """Return a copy of an example; neighbours come from a shard that is open already.

        Raises:
            UsageError: there is none of that number.
            LoadError: its shard is not the one that was written.
        """
        if not 0 <= number < len(self):
            raise UsageError(f"there is no example {number}", f"there are {len(self):,}, counted from 0")
        shard = bisect_right(self.first, number) - 1
        return self._recent(shard).example(number - self.first[shard])

    def shard(self, number: int) -> Shard:
        """Open a shard.

        Raises:
            LoadError: it is not the one that was written.
        """
        path, expected = self._path(number), self.manifest.shards[number]
        found = Shard.read(path, sha256=expected.sha256)
        if len(found) != expected.examples or found.fields != self.fields:
            raise LoadError(f"{path}: holds other examples than were written", REMEDY)
        return found

    def verify(self) -> None:
        """Read every byte and hold it to its checksum.

        Raises:
            LoadError: a file is not the one that was written; the error names it.
        """
        fresh = Stream.open(self.folder)
        for number, (start, end) in enumerate(zip(fresh.first, fresh.first[1:], strict=False)):
            if not np.array_equal(fresh.shard(number).lengths, fresh.lengths[start:end]):
                raise LoadError(f"{fresh._data / LENGTHS}: other lengths than in {shard_name(number)}", REMEDY)

    def batches(
        self, *, tokens: int | None = None, examples: int | None = None, seed: int = 0, window: int = WINDOW
    ) -> StreamBatches:
        """Return batches of examples of like length; every example once an epoch.

        Args:
            tokens: a batch may hold, counted as its examples times the longest of them; a longer example goes alone.
            examples: a batch may hold. At least one of the two limits is needed.
            seed: of the order.
            window: shards that are shuffled together, and that may be in memory at once.

        Raises:
            UsageError: no limit, or one below 1.
        """
        return StreamBatches(self, tokens=tokens, examples=examples, seed=seed, window=window)

    def as_dataset(self, *, seed: int = 0, window: int = WINDOW) -> BatchDataset:
        """Return the examples one by one in shuffled order, for those who use torch's `DataLoader` with a collator.

        Batches are given by `odqa.data.stream.as_dataset(stream.batches(…))`; both are shared out among workers and
        resumed as said there.
        """
        from odqa.data.stream.dataset import as_dataset

        # Larger batches would be cheaper to plan, but are what workers take turns with.
        return as_dataset(self.batches(examples=16, seed=seed, window=window), each=True)

    @property
    def _data(self) -> Path:
        return self.folder / self.manifest.folder

    def _path(self, number: int) -> Path:
        return self._data / shard_name(number)
