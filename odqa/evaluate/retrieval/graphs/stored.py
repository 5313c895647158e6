"""Indexes of baselines, kept as arrays beside the indexes of the evaluation."""

from __future__ import annotations

import contextlib
import hashlib
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.errors import UsageError
from odqa.index.files import cache_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.engine import Engine

    Arrays = Mapping[str, NDArray[Any]]

MOST_PASSAGES = 50_000
"""Larger collections take hours to index in these ways."""

_SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Stored:
    """An index of arrays.

    Attributes:
        arrays: by name.
        seconds: it took to make, whenever that was.
    """

    arrays: Arrays
    seconds: float


def stored(engine: Engine, name: str, sources: Sequence[ModuleType], make: Callable[[], Arrays]) -> Stored:
    """Return the index of a baseline over an engine's documents, made if it is not kept yet.

    Args:
        engine: over whose documents.
        name: of the baseline.
        sources: the modules that make the index; it is made anew when their code changes.
        make: makes it.

    Raises:
        UsageError: the collection is too large for it.
    """
    passages = int(engine.snapshot.first_passage[-1])
    if passages > MOST_PASSAGES:
        raise UsageError(
            f"{name} would take hours to index {passages:,} passages; it is measured up to {MOST_PASSAGES:,}",
            "leave it out of --systems, or measure on a smaller collection",
        )
    code = hashlib.sha256()
    for module in sources:
        code.update(Path(str(module.__file__)).read_bytes())
    stamp = engine.snapshot.manifest.stamp
    path = cache_folder() / "evaluate" / "systems" / f"{name}-{stamp}-{code.hexdigest()[:12]}.npz"
    if (known := _read(path)) is not None:
        return known
    start = time.perf_counter()
    arrays = make()
    made = Stored(arrays, time.perf_counter() - start)
    _write(path, made)
    return made


def _read(path: Path) -> Stored | None:
    try:
        # NumPy leaves a file open that is none of its own.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        return Stored(arrays, float(arrays.pop(_SECONDS)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)  # Whatever is wrong with a cache, making it anew is the remedy.
        return None


def _write(path: Path, made: Stored) -> None:
    temporary = path.with_suffix(".tmp")
    arrays: dict[str, Any] = {**made.arrays, _SECONDS: np.float64(made.seconds)}
    # A cache that cannot be written is slower, not wrong.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with fs.create(temporary) as file:
            np.savez(file, **arrays)
        fs.replace(temporary, path)
