"""An index as it would be with other pooled entries, without building it.

Pooling is the last step of a build and needs nothing but the vectors of passages. So one pass over an index gives the
entries of any number of poolings, cut by the functions that the build uses, and a view of the index with these entries
searches as an index built with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from odqa.index import dense, pool
from odqa.index.codes import Code, choose_code, half_precision, rows_for
from odqa.index.snapshot import Snapshot
from odqa.schema import PooledEntry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.dense import DenseIndex

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Entries:
    """The pooled entries of every document of an index, in the order of its documents.

    Attributes:
        counts: entries of each document, deleted ones included (they have none); shape (documents,).
        firsts: first passage of each entry, counted within its document; shape (entries,).
        code: how their vectors are kept in memory.
    """

    counts: NDArray[np.int64]
    firsts: NDArray[np.int64]
    code: Code

    def __len__(self) -> int:
        return len(self.firsts)

    @property
    def bytes(self) -> int:
        """Bytes of the vectors in memory."""
        return len(self) * self.code.size


class PooledView(Snapshot):
    """A snapshot with other entries: everything else, numbers of documents and passages included, is as it was."""

    def __init__(self, snapshot: Snapshot, entries: Entries) -> None:
        """Show `snapshot` with `entries`."""
        super().__init__(snapshot.index, snapshot.manifest, snapshot.segments)
        self.pooled = entries

    @cached_property
    def first_entry(self) -> NDArray[np.int64]:
        """Number of each document's first entry; shape (documents + 1,)."""
        return np.concatenate([[0], np.cumsum(self.pooled.counts)]).astype(np.int64)

    @cached_property
    def entry_passage(self) -> NDArray[np.int64]:
        """Number of the first passage of every entry, and one more; shape (entries + 1,)."""
        firsts = self.pooled.firsts + self.first_passage[self.entry_document]
        return np.append(firsts, self.first_passage[-1])

    def entries(self, number: int) -> tuple[PooledEntry, ...]:
        """Return the entries of one document."""
        rows = slice(*self.first_entry[number : number + 2].tolist())
        firsts = self.pooled.firsts[rows].tolist()
        count = int(np.diff(self.first_passage[number : number + 2])[0])
        spans = zip(firsts, [*firsts[1:], count], strict=True) if firsts else ()
        return tuple(PooledEntry(self.ids[number], index, *span) for index, span in enumerate(spans))

    def dense_index(self) -> DenseIndex:
        """Return a FAISS index over the entries, of the kind that an index with as many would have."""
        choice = dense.choose(len(self.pooled), self.dimension, self.pooled.code)
        index = dense.build_index(self.entry_vectors, len(self.pooled), self.dimension, choice)
        return dense.DenseIndex(index, choice, np.ones(len(self.pooled), np.bool_))


def pool_snapshot(
    snapshot: Snapshot, poolings: Sequence[int], tell: Tell | None = None
) -> tuple[dict[int, Entries], dict[int, Entries]]:
    """Cut every live document into entries for several poolings, in one pass.

    Args:
        snapshot: an index with its passage vectors.
        poolings: how many times less memory the entries are to take than the passages.
        tell: called with the documents done and their number.

    Returns:
        By pooling the engine's entries, and those of plain mean-pooling in the same memory: means of as many
        neighbours in half precision (see `mean_spans`).
    """
    count, dimension = len(snapshot.live), snapshot.dimension
    cut: dict[int, list[NDArray[np.int64]]] = {pooling: [] for pooling in poolings}
    plain: dict[int, list[NDArray[np.int64]]] = {pooling: [] for pooling in poolings}
    for number in range(count):
        vectors = np.asarray(snapshot.passage_vectors(number), np.float32)
        passages = len(vectors) if snapshot.live[number] else 0
        known: dict[int, NDArray[np.int64]] = {}  # Several poolings may make as many entries of a short document.
        for pooling in poolings:
            rows = rows_for(passages, pooling, dimension)
            if rows not in known:
                known[rows] = np.array([first for first, _ in pool.runs(vectors, rows)[:rows]], np.int64)
            cut[pooling].append(known[rows])
            plain[pooling].append(np.array([first for first, _ in mean_spans(passages, pooling)], np.int64))
        if tell is not None:
            tell(number + 1, count)
    return (
        {pooling: _entries(parts, choose_code(pooling, dimension)) for pooling, parts in cut.items()},
        {pooling: _entries(parts, half_precision(dimension)) for pooling, parts in plain.items()},
    )


def _entries(parts: Sequence[NDArray[np.int64]], code: Code) -> Entries:
    counts = np.array([len(part) for part in parts], np.int64)
    return Entries(counts, np.concatenate([np.zeros(0, np.int64), *parts]), code)


def mean_spans(count: int, size: int) -> list[tuple[int, int]]:
    """Cut `count` passages into runs of exactly `size`, wherever sections begin.

    What is left over at the end goes to the last run, as an entry of its own would be memory that was not granted.
    """
    starts = range(0, max(1, count // size) * size, size) if count else ()
    return [(start, min(start + size, count)) for start in starts[:-1]] + [(start, count) for start in starts[-1:]]
