"""Public data sets as documents, questions and gold evidence, for evaluation and training.

A new data set is one module with a `load(folder, split)` and one line in `_LOADERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from odqa.data.datasets import ottqa, qmsum, squality
from odqa.data.datasets.files import data_folder
from odqa.data.datasets.types import AnswerLength, ClaimLabel, Dataset, Gold, LabelledClaim, Question
from odqa.errors import UsageError

__all__ = [
    "AnswerLength",
    "ClaimLabel",
    "Dataset",
    "Gold",
    "LabelledClaim",
    "Question",
    "data_folder",
    "dataset_names",
    "load_dataset",
]

_LOADERS: dict[str, Callable[[Path, str | None], Dataset]] = {
    "ottqa": ottqa.load,
    "ottqa-tables": ottqa.load_tables,
    "qmsum": qmsum.load,
    "squality": squality.load,
}


def dataset_names() -> list[str]:
    """Return the names that `load_dataset` knows, sorted."""
    return sorted(_LOADERS)


def load_dataset(name: str, *, data: Path | None = None, split: str | None = None) -> Dataset:
    """Open a data set; its files are read when its documents or questions are iterated.

    Args:
        name: one of `dataset_names()`.
        data: folder that holds one folder for each data set; None takes `data_folder()`.
        split: one split, e.g. `dev`; None takes all there are.

    Raises:
        UsageError: there is no data set, or no split, of that name.
        LoadError: the folder is missing.
    """
    if name not in _LOADERS:
        raise UsageError(f"there is no data set {name!r}", f"choose one of: {', '.join(dataset_names())}")
    return _LOADERS[name](data_folder(data), split)
