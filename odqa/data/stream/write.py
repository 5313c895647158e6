"""Write a training set once: examples into shards, shard by shard, so that an interruption costs one shard at most."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.data.stream.fields import Example, Field, conform, fields_of
from odqa.data.stream.manifest import (
    LENGTHS,
    MANIFEST,
    StreamFile,
    StreamManifest,
    data_folder_name,
    is_data_folder,
    shard_name,
)
from odqa.data.stream.shard import Shard, write_shard
from odqa.data.stream.stream import Stream
from odqa.errors import LimitError, LoadError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARD_EXAMPLES = 4096
SHARD_BYTES = 32 << 20
"""A shard is closed at this size, before compression: a window of shards is in memory while it is being read."""
EXAMPLE_BYTES = 1 << 30
_STEP = 256
_MOST = np.iinfo(np.int32).max


def write_stream(
    folder: Path,
    examples: Iterable[Example] | Callable[[int], Iterable[Example]],
    *,
    key: str,
    length: Callable[[Example], int],
    shard_examples: int = SHARD_EXAMPLES,
    progress: Callable[[int], None] | None = None,
    wait: float = 0.0,
) -> Stream:
    """Write examples as a training set, unless it is there already, and open it.

    A writing that was interrupted is taken up after its last whole shard, and gives the same bytes as one that was not.
    A set of another key is replaced once the new one is whole, and can be read until then.

    Args:
        folder: of the training set; made if absent.
        examples: all of them in an order that is the same each time, or a function that gives those from a number on;
            not touched where the set is there.
        key: says what the examples are made of and how: files, settings, versions. Another key is another set.
        length: of an example, as a batch counts it: usually its tokens.
        shard_examples: of a shard, at most.
        progress: told the number of examples that are written, a few times a shard.
        wait: seconds to wait for another writer: processes that train together let one of them write.

    Raises:
        UsageError: there are no examples, or they are not alike.
        LimitError: an example is larger than a shard can hold.
        LoadError: another process is writing, or the folder cannot be written to.
    """
    if shard_examples < 1:
        raise UsageError("a shard needs at least one example", "give shard_examples above 0")
    if (found := _whole(folder, key)) is not None and not any(_others(folder, found.manifest)):
        return found
    with _writer_lock(folder, wait):
        if (found := _whole(folder, key)) is not None:
            _collect(folder, found.manifest)
            return found
        with _said(folder):
            data = folder / data_folder_name(key, shard_examples)
            data.mkdir(exist_ok=True)
            fs.sync_folder(folder)
        writer = _Writer(data, length, shard_examples)
        writer.take_up(_committed(folder, data))
        if progress is not None and writer.count:
            progress(writer.count)
        for example in _from(examples, writer.count):
            writer.add(example)
            if progress is not None and writer.count % _STEP == 0:
                progress(writer.count)
        with _said(folder):
            manifest = writer.finish(key)
            fs.write_atomic(folder / MANIFEST, manifest.to_bytes())
            _collect(folder, manifest)
        if progress is not None:
            progress(writer.count)
    return Stream.open(folder)


class _Writer:
    """Gathers examples, and writes a shard whenever enough of them have come together."""

    def __init__(self, data: Path, length: Callable[[Example], int], shard_examples: int) -> None:
        self.data, self.length, self.shard_examples = data, length, shard_examples
        self.fields: tuple[Field, ...] = ()
        self.shards: list[StreamFile] = []
        self.lengths = array("i")
        self.waiting: list[list[NDArray[Any]]] = []
        self.bytes = 0

    @property
    def count(self) -> int:
        """Number of examples so far."""
        return len(self.lengths)

    def take_up(self, committed: Sequence[StreamFile]) -> None:
        """Count the whole shards that an earlier writing has left, up to the first that is missing or damaged.

        Args:
            committed: what is known of them, where that writing came to its end.
        """
        while (path := self.data / shard_name(number := len(self.shards))).exists():
            try:
                shard = Shard.read(path, sha256=committed[number].sha256 if number < len(committed) else None)
            except LoadError:
                return
            if self.fields and shard.fields != self.fields:
                return
            self.fields = shard.fields
            self._note(path, shard.lengths)

    def add(self, example: Example) -> None:
        self.fields = self.fields or fields_of(example)
        arrays, length = conform(example, self.fields, self.count), self.length(example)
        size = sum(value.nbytes for value in arrays)
        if not 0 <= length <= _MOST:
            raise UsageError(f"example {self.count} has the length {length}", "give a length of 0 or more")
        if size > EXAMPLE_BYTES:
            raise LimitError(f"example {self.count} has {size:,} bytes", f"cut it to {EXAMPLE_BYTES:,} at most")
        self.waiting.append(arrays)
        self.lengths.append(length)
        self.bytes += size
        if len(self.waiting) == self.shard_examples or self.bytes >= SHARD_BYTES:
            with _said(self.data):
                self._flush()

    def finish(self, key: str) -> StreamManifest:
        """Write what is left, and the lengths; return what a manifest has to say."""
        if not self.lengths:
            raise UsageError("there are no examples to write", "check what they are made of")
        if self.waiting:
            self._flush()
        path = self.data / LENGTHS
        with fs.create(path) as file:
            np.save(file, np.frombuffer(self.lengths, np.int32), allow_pickle=False)
        fs.sync_folder(self.data)
        lengths = StreamFile.of(path, self.count)
        return StreamManifest(key, self.data.name, self.fields, tuple(self.shards), lengths)

    def _flush(self) -> None:
        path = self.data / shard_name(len(self.shards))
        write_shard(path, self.fields, self.waiting, self.lengths[-len(self.waiting) :])
        self.shards.append(StreamFile.of(path, len(self.waiting)))
        self.waiting, self.bytes = [], 0

    def _note(self, path: Path, lengths: NDArray[np.int32]) -> None:
        self.shards.append(StreamFile.of(path, len(lengths)))
        self.lengths.frombytes(lengths.tobytes())


def _from(examples: Iterable[Example] | Callable[[int], Iterable[Example]], start: int) -> Iterator[Example]:
    if callable(examples):
        return iter(examples(start))
    rest = iter(examples)
    skipped = sum(1 for _ in islice(rest, start))
    if skipped < start:
        raise UsageError(
            f"{start:,} examples are written under this key, and now there are only {skipped:,}",
            "give another key where the examples are others",
        )
    return rest


def _whole(folder: Path, key: str) -> Stream | None:
    try:
        stream = Stream.open(folder)
    except LoadError:
        return None
    return stream if stream.key == key else None


def _committed(folder: Path, data: Path) -> Sequence[StreamFile]:
    """Return what the manifest says of the shards in `data`; nothing if there is none or it names another folder."""
    try:
        manifest = StreamManifest.read(folder)
    except LoadError:
        return ()
    return manifest.shards if manifest.folder == data.name else ()


@contextlib.contextmanager
def _writer_lock(folder: Path, wait: float) -> Iterator[None]:
    """Hold the right to write; the system frees it if the process dies."""
    from filelock import FileLock, Timeout

    with _said(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise LoadError(
                f"{folder}: another process is writing this training set", "wait for it, or choose another folder"
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _said(folder: Path) -> Iterator[None]:
    """Say in one line what the system says about a folder that cannot be written to."""
    try:
        yield
    except OSError as error:
        raise LoadError(
            f"{folder}: cannot be written: {error.strerror or error}",
            "make room or choose another folder; what is written is kept, and the next run goes on from there",
        ) from error


def _others(folder: Path, manifest: StreamManifest) -> Iterator[Path]:
    """Yield the data folders of other sets."""
    return (path for path in folder.iterdir() if is_data_folder(path.name) and path.name != manifest.folder)


def _collect(folder: Path, manifest: StreamManifest) -> None:
    """Remove sets of other keys, and what an interruption has left in the folder of this one."""
    for path in list(_others(folder, manifest)):
        fs.remove_tree(path)
    for left in folder.glob(f".{MANIFEST}.*.tmp"):
        left.unlink(missing_ok=True)
    named = {LENGTHS, *(shard_name(number) for number in range(len(manifest.shards)))}
    for path in (folder / manifest.folder).iterdir():
        if path.name not in named:
            path.unlink(missing_ok=True)
