"""FAISS over pooled entries, on the CPU or on CUDA.

Entries are coded in as few bits as the index's pooling calls for (`codes`). The rule (`choose`): up to 250,000 entries
a flat scan of the codes, beyond that inverted lists (IVF) of them (Douze et al. 2024, "The Faiss library"). On CUDA
entries are scanned in half precision, which fits there.
Rows are numbered as in the snapshot, deleted documents' entries included and left out at search by a bitmap, so that
adding documents appends rows and nothing that is trained has to be trained again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import IndexCorrupt, ModelError
from odqa.index.codes import Code

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLAT_LIMIT = 250_000
_TRAIN_PER_LIST = 40
_SEED = 20_130
_FAISS_PACKAGES = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cu13")
_ONE_THREAD = 200_000


@dataclass(frozen=True, slots=True)
class DenseChoice:
    """How entries are indexed, and why.

    Attributes:
        factory: FAISS index factory string.
        probes: inverted lists visited by a query; 0 for a flat index.
        reason: one phrase for `odqa index info`.
        stored: whether the index is worth a file of its own (a flat one is read from the segments).
    """

    factory: str
    probes: int
    reason: str
    stored: bool


def choose(entries: int, dimension: int, code: Code) -> DenseChoice:
    """Return the kind of FAISS index for a collection of that size, coded like that."""
    rotation = f"RR{dimension}," if code.rotated else ""
    if entries <= FLAT_LIMIT:
        reason = f"{entries:,} entries of {code.size} bytes: flat scan"
        return DenseChoice(rotation + code.factory, 0, reason, stored=code.factory != "SQfp16")
    lists = 1 << round(math.log2(4 * math.sqrt(entries)))
    reason = f"{entries:,} entries of {code.size} bytes: {lists:,} lists"
    return DenseChoice(f"{rotation}IVF{lists},{code.factory}", max(32, lists // 16), reason, stored=True)


def faiss_module() -> Any:
    """Import FAISS.

    Raises:
        ModelError: it is missing or broken.
    """
    try:
        import faiss
    except ImportError as error:
        check_faiss()
        raise ModelError(f"FAISS cannot be imported: {error}", "pip install faiss-cpu") from error
    return faiss


def check_faiss() -> None:
    """Notice an installation that cannot be right: two packages that overwrite each other's files.

    Raises:
        ModelError: faiss-cpu and a faiss-gpu are both installed.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    installed = []
    for name in _FAISS_PACKAGES:
        with suppress(PackageNotFoundError):
            installed.append(distribution(name).metadata["Name"])
    if len(installed) > 1:
        raise ModelError(
            f"{' and '.join(installed)} are both installed, and both own the module faiss",
            f"pip uninstall {' '.join(installed)}, then install the one you want",
        )


class DenseIndex:
    """Nearest pooled entries by inner product."""

    def __init__(self, index: Any, choice: DenseChoice, live: NDArray[np.bool_], device: str = "cpu") -> None:
        """Wrap a FAISS index.

        Args:
            index: a FAISS index over all entries, in global order.
            choice: how it was made.
            live: which entries count; shape (entries,).
            device: `cpu` or a CUDA device.

        Raises:
            IndexCorrupt: the index holds another number of entries.
            ModelError: the device cannot search.
        """
        if index.ntotal != len(live):
            raise IndexCorrupt(f"the FAISS index holds {index.ntotal} entries, not {len(live)}", "delete the cache")
        self.choice, self.device = choice, device
        self._live = live
        self._faiss = faiss_module()
        # Kept alive as long as the index: FAISS holds a bare pointer to the bitmap.
        self._bitmap = np.packbits(live, bitorder="little")
        self._all_live = bool(live.all())
        self._search = self._on_cpu(index) if device == "cpu" else self._on_cuda(index)

    def __len__(self) -> int:
        return len(self._live)

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the numbers and inner products of the `k` nearest live entries of each query.

        Args:
            queries: unit vectors, shape (n, dimension), float32.
            k: how many; fewer come back as -1 where the index holds fewer.

        Returns:
            Numbers and scores, each of shape (n, min(k, entries)), best first.
        """
        k = min(k, len(self._live))
        if not k:
            return np.full((len(queries), 0), -1, np.int64), np.zeros((len(queries), 0), np.float32)
        found: tuple[NDArray[np.int64], NDArray[np.float32]]
        found = self._search(np.ascontiguousarray(queries, np.float32), k)
        return found

    def _on_cpu(self, index: Any) -> Any:
        faiss = self._faiss

        def search(queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            # FAISS searches its raw scores backwards: distances are inner products, -inf where none is left.
            selector = None if self._all_live else faiss.IDSelectorBitmap(self._bitmap)
            parameters = _parameters(faiss, index, self.choice.probes, selector)
            with few_threads(faiss, len(queries) * len(self._live)):
                scores, found = index.search(queries, k, params=parameters)
            return found, scores

        return search

    def _on_cuda(self, index: Any) -> Any:
        faiss = self._faiss
        number = int(self.device.partition(":")[2] or 0)
        if getattr(faiss, "get_num_gpus", int)() > number:
            resources = faiss.StandardGpuResources()
            moved = faiss.index_cpu_to_gpu(resources, number, index)

            def on_gpu(queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
                # GPU indexes take no selector: ask for more, and leave the deleted ones out afterwards.
                wanted = min(len(self._live), k + int((~self._live).sum()), 2048)
                scores, found = moved.search(queries, wanted)
                return _without_deleted(found, scores, self._live, k)

            # The index uses the resources without owning them.
            on_gpu.resources = resources  # type: ignore[attr-defined]
            return on_gpu
        return self._by_torch(index)

    def _by_torch(self, index: Any) -> Any:
        import torch

        if not torch.cuda.is_available():
            raise ModelError(f"device {self.device!r}: there is no CUDA device here", "use --device cpu or auto")
        if self.choice.probes:
            raise ModelError("this index is too large for exact search on the GPU", "install faiss-gpu, or use cpu")
        vectors = torch.from_numpy(index.reconstruct_n(0, index.ntotal)).to(self.device, torch.float16)
        hidden = torch.from_numpy(~self._live).to(self.device)

        def search(queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            products = torch.from_numpy(queries).to(self.device, torch.float16) @ vectors.T
            scores, found = products.masked_fill(hidden, -torch.inf).topk(k, dim=1)
            numbers = found.masked_fill(torch.isinf(scores), -1)
            return numbers.cpu().numpy(), scores.float().cpu().numpy()

        return search


@contextmanager
def few_threads(faiss: Any, work: int) -> Iterator[None]:
    """Let one thread do a small search: waking the others costs a hundred times the scan of a few thousand entries.

    OpenMP keeps the number for each calling thread, so threads that search at once do not disturb each other.
    """
    before = faiss.omp_get_max_threads()
    if work < _ONE_THREAD:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _parameters(faiss: Any, index: Any, probes: int, selector: Any) -> Any:
    if not probes and selector is None:
        return None
    if probes:
        # FAISS keeps the address of a selector, so none may be given where there is none.
        chosen = {} if selector is None else {"sel": selector}
        inner = faiss.SearchParametersIVF(nprobe=probes, **chosen)
    else:
        inner = faiss.SearchParameters(sel=selector)
    if isinstance(index, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=inner)
    return inner


def _without_deleted(
    found: NDArray[np.int64], scores: NDArray[np.float32], live: NDArray[np.bool_], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    gone = (found < 0) | ~live[np.maximum(found, 0)]
    order = np.argsort(gone, axis=1, kind="stable")[:, :k]
    numbers = np.where(gone, -1, found)
    return np.take_along_axis(numbers, order, 1), np.take_along_axis(scores, order, 1)


def build_index(
    vectors: Callable[[], Iterable[NDArray[np.float32]]],
    entries: int,
    dimension: int,
    choice: DenseChoice,
    trained: Any = None,
) -> Any:
    """Make a FAISS index over all entries; memory is bounded by the codes and one array of vectors.

    Args:
        vectors: called for arrays of shape (rows, dimension) that together hold the entries in global order; twice
            where the index must be trained.
        entries: rows in all.
        dimension: length of the vectors.
        choice: the kind of index.
        trained: an index of the same kind that already holds the first `trained.ntotal` entries.
    """
    faiss = faiss_module()
    index = trained
    if index is None:
        index = faiss.index_factory(dimension, choice.factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained and entries:
        index.train(_sample(vectors(), entries, choice))
    skip = index.ntotal
    for array in vectors() if entries else ():
        if skip < len(array):
            index.add(np.ascontiguousarray(array[skip:], np.float32))
        skip = max(0, skip - len(array))
    return index


def _sample(arrays: Iterable[NDArray[np.float32]], entries: int, choice: DenseChoice) -> NDArray[np.float32]:
    lists = int(choice.factory.partition("IVF")[2].partition(",")[0] or 64)
    wanted = min(entries, max(lists * _TRAIN_PER_LIST, 16_384))
    rows = np.sort(np.random.default_rng(_SEED).choice(entries, wanted, replace=False))
    parts, first = [], 0
    for array in arrays:
        inside = rows[(rows >= first) & (rows < first + len(array))] - first
        parts.append(array[inside])
        first += len(array)
    return np.concatenate(parts)


def save(index: Any, path: Path) -> None:
    """Write a FAISS index to a file."""
    faiss_module().write_index(index, str(path))


def load(path: Path) -> Any:
    """Read a FAISS index whose hash has been checked, with limits on what it may ask for.

    Raises:
        IndexCorrupt: FAISS refuses the file.
    """
    faiss = faiss_module()
    # No vector in the file can be longer than the file, and no list of parts as long as a billion.
    faiss.set_deserialization_vector_byte_limit(path.stat().st_size)
    faiss.set_deserialization_loop_limit(1 << 24)
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise IndexCorrupt(f"{path}: {error}", "delete the cache folder; it is made anew") from error
