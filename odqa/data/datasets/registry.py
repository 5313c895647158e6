"""Which data sets there are: those known by name, and the published formats that a folder is recognised as.

A new format is one module with `matches(folder)` and `load(folder, split, *, name)`, and one line in `FORMATS`; a new
data set is one more line in `DATASETS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from odqa.data.datasets import (
    beir,
    eli5,
    expertqa,
    fetaqa,
    hotpot,
    hybridqa,
    musique,
    ottqa,
    own,
    qmsum,
    rageval,
    scisummnet,
    squality,
    tatqa,
    wice,
    wikimultihop,
)
from odqa.data.datasets.files import data_folder
from odqa.data.datasets.types import Dataset
from odqa.errors import LoadError, UsageError

ALL_SPLITS = "all"

_EVALUATED = ("dev", "val", "validation", "test")  # In the order of preference.


class Loader(Protocol):
    """Opens the data set in a folder."""

    def __call__(self, folder: Path, split: str | None, *, name: str = ...) -> Dataset:
        """Return the data set, called `name`, with the questions of one split, or of all for None."""


@dataclass(frozen=True, slots=True)
class Format:
    """A published format.

    Attributes:
        matches: tells, without reading more than the beginning of a file, whether a folder is in this format.
        load: opens the data set in a folder.
    """

    matches: Callable[[Path], bool]
    load: Loader


# In the order in which a folder is compared with them: those known by their files' names before those known by the
# fields of a file that may have any name.
FORMATS: Mapping[str, Format] = {
    "scisummnet": Format(scisummnet.matches, scisummnet.load),
    "beir": Format(beir.matches, beir.load),
    "rageval": Format(rageval.matches, rageval.load),
    "ottqa": Format(ottqa.matches, ottqa.load),
    "hybridqa": Format(hybridqa.matches, hybridqa.load),
    "2wikimultihop": Format(wikimultihop.matches, wikimultihop.load),
    "musique": Format(musique.matches, musique.load),
    "hotpotqa": Format(hotpot.matches, hotpot.load),
    "fetaqa": Format(fetaqa.matches, fetaqa.load),
    "tatqa": Format(tatqa.matches, tatqa.load),
    "qmsum": Format(qmsum.matches, qmsum.load),
    "squality": Format(squality.matches, squality.load),
    "wice": Format(wice.matches, wice.load),
    "expertqa": Format(expertqa.matches, expertqa.load),
    "own": Format(own.matches, own.load),
    "eli5": Format(eli5.matches, eli5.load),
}


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A data set that is known by its name.

    Attributes:
        name: what `load_dataset` takes.
        format: name of its format in `FORMATS`.
        folder: where it is, in the folder of the data sets.
        description: what it asks of what.
        licence: the publisher's terms.
        gold: what people marked as evidence.
        evaluation_split: what is measured if no split is named; "" for all there is.
        present: whether its folder is there.
    """

    name: str
    format: str
    folder: str
    description: str
    licence: str
    gold: str
    evaluation_split: str = ""
    present: bool = False


DATASETS: Mapping[str, DatasetInfo] = {
    info.name: info
    for info in (
        DatasetInfo(
            "squality",
            "squality",
            "squality",
            "questions about long short stories",
            "CC BY 4.0; stories Project Gutenberg",
            "story, 4 long answers, 4 summaries",
            "dev",
        ),
        DatasetInfo(
            "qmsum",
            "qmsum",
            "qmsum",
            "questions about meetings",
            "MIT",
            "ranges of turns, a long answer, a summary",
            "val",
        ),
        DatasetInfo(
            "ottqa",
            "ottqa",
            "ottqa",
            "questions over Wikipedia tables and the passages they link to",
            "MIT; text CC BY-SA",
            "table cells, passages, a short answer",
            "dev",
        ),
        DatasetInfo(
            "ottqa-tables",
            "ottqa",
            "ottqa",
            "the same questions over the tables alone",
            "MIT; text CC BY-SA",
            "table cells, a short answer",
            "dev",
        ),
        DatasetInfo(
            "scisummnet",
            "scisummnet",
            "scisummnet",
            "sentences that cite a paper, over papers",
            "CC BY 4.0",
            "cited paper, a summary",
        ),
        DatasetInfo(
            "hotpot300",
            "hotpotqa",
            "hotpot300",
            "questions that need two Wikipedia paragraphs",
            "MIT; text CC BY-SA",
            "sentences, a short answer",
            "dev",
        ),
        DatasetInfo(
            "musique100",
            "musique",
            "musique100",
            "questions that need two to four Wikipedia paragraphs",
            "MIT; text CC BY-SA",
            "paragraphs, a short answer",
            "dev",
        ),
        DatasetInfo(
            "rageval_finance",
            "rageval",
            "rageval_finance",
            "questions about reports of invented companies, some unanswerable",
            "CC BY-NC-SA, evaluation only",
            "sentences, a long answer",
        ),
        DatasetInfo(
            "wice",
            "wice",
            "wice",
            "claims of Wikipedia and the pages they cite",
            "ODC-BY",
            "judgement, sentences",
            "dev",
        ),
        DatasetInfo(
            "expertqa",
            "expertqa",
            "expertqa",
            "experts' questions, and claims of systems with evidence; no documents",
            "MIT",
            "a long answer; judgement of claims",
            "val",
        ),
        DatasetInfo(
            "expertqa-pages",
            "expertqa",
            "expertqa",
            "experts' questions over what systems had quoted of web pages",
            "MIT; pages their publishers'",
            "excerpts, a long answer",
            "val",
        ),
        DatasetInfo(
            "fetaqa",
            "fetaqa",
            "fetaqa",
            "questions over Wikipedia tables, answered in a sentence",
            "CC BY-SA 4.0",
            "table cells, an answer",
            "dev",
        ),
        DatasetInfo(
            "tatqa",
            "tatqa",
            "tatqa",
            "questions over tables and paragraphs of financial reports",
            "CC BY 4.0",
            "cells, spans, a short answer",
            "dev",
        ),
    )
}


def dataset_names() -> list[str]:
    """Return the names that `load_dataset` knows, sorted."""
    return sorted(DATASETS)


def describe_datasets(data: Path | None = None) -> list[DatasetInfo]:
    """Return every data set that is known by name, and whether it is there.

    Args:
        data: folder of the data sets; None takes `data_folder()`. Where there is none, no data set is present.
    """
    try:
        root = data_folder(data)
    except LoadError:
        return list(DATASETS.values())
    return [replace(info, present=(root / info.folder).is_dir()) for info in DATASETS.values()]


def load_dataset(name_or_path: str | Path, *, data: Path | None = None, split: str | None = None) -> Dataset:
    """Open a data set; most of its files are read when its documents or questions are iterated.

    Args:
        name_or_path: one of `dataset_names()`; or a folder in one of `FORMATS`; or a file of the user's own questions,
            JSON Lines or CSV.
        data: folder that holds a folder for each registered data set; None takes `data_folder()`.
        split: one split, e.g. `dev`; None or "all" takes all there are.

    Raises:
        UsageError: there is no data set, or no split, of that name, or the folder is in no known format.
        LoadError: the folder of the data sets is missing, or files of the data set are missing or malformed.
    """
    chosen = None if split == ALL_SPLITS else split
    if info := DATASETS.get(str(name_or_path)):
        return FORMATS[info.format].load(data_folder(data) / info.folder, chosen, name=info.name)
    path = Path(name_or_path).expanduser()
    return _format_of(path, name_or_path).load(path, chosen, name=path.resolve().name)


def evaluation_split(name_or_path: str | Path, *, data: Path | None = None) -> str | None:
    """Return the split to measure if the user names none: dev, val or test, as far as it is there; None without splits.

    Raises:
        UsageError: there is no such data set.
        LoadError: files of the data set are missing or malformed.
    """
    if info := DATASETS.get(str(name_or_path)):
        return info.evaluation_split or None
    for split in _EVALUATED:
        try:
            load_dataset(name_or_path, data=data, split=split)
        except UsageError:
            continue
        return split
    # Not for want of a split, but of a data set: say so.
    load_dataset(name_or_path, data=data)
    return None


def _format_of(path: Path, given: str | Path) -> Format:
    """Return the format of a folder or file."""
    if path.is_file() and path.name.endswith(own.SUFFIXES):
        return FORMATS["eli5" if eli5.matches(path) else "own"]
    if path.is_dir():
        for known in FORMATS.values():
            if known.matches(path):
                return known
        problem = f"{given}: this folder is in no format that is known"
    elif path.exists():
        problem = f"{given}: a file of questions has to end in .jsonl or .csv"
    else:
        problem = f"there is no data set {str(given)!r}, and no such folder or file"
    raise UsageError(
        problem,
        f"choose one of: {', '.join(dataset_names())}; or a folder in the format of {', '.join(FORMATS)}; "
        "or your own questions as .jsonl or .csv",
    )
