"""2WikiMultihopQA (Ho et al., 2020): questions over two to four Wikipedia paragraphs, in the format of HotpotQA."""

from __future__ import annotations

from pathlib import Path

from odqa.data.datasets.files import find_file, find_splits, first_record
from odqa.data.datasets.hotpot import load_contexts
from odqa.data.datasets.types import Dataset

STEMS = {"train": ("train",), "dev": ("dev",), "test": ("test",)}


def matches(folder: Path) -> bool:
    """Tell whether a folder holds 2WikiMultihopQA: records with supporting facts and, as its own, evidence triples."""
    first = first_record(find_file(folder, "dev", "train", "test"))
    return {"context", "supporting_facts", "evidences"} <= first.keys()


def load(folder: Path, split: str | None, *, name: str = "wikimultihop") -> Dataset:
    """Open 2WikiMultihopQA in `folder`; the published test questions have neither answers nor gold.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    paths = find_splits(folder, name, STEMS)
    return load_contexts(name, paths, split, list(paths.values()), prefix="wikimultihop")
