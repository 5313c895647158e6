"""Find and read the files of data sets: JSON Lines, plain or xz-compressed."""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from odqa.errors import LoadError, UsageError

T = TypeVar("T")
Record = dict[str, Any]

VARIABLE = "ODQA_DATA"
_DEFAULT = Path("..", "shared", "data")


def data_folder(folder: Path | None = None) -> Path:
    """Return the folder that holds the data sets.

    Args:
        folder: the folder to use; None takes the one named by `ODQA_DATA`, or else `../shared/data`, seen from
            the repository.

    Raises:
        LoadError: there is no such folder.
    """
    named = os.environ.get(VARIABLE)
    repository = Path(__file__).resolve().parents[3]
    found = folder or (Path(named) if named else repository / _DEFAULT)
    if not found.is_dir():
        raise LoadError(f"there is no folder of data sets at {found}", f"name it in {VARIABLE}")
    return found


def choose_splits(name: str, splits: Sequence[str], chosen: str | None) -> Sequence[str]:
    """Return the splits to read: the chosen one, or all.

    Raises:
        UsageError: the data set has no such split.
    """
    if chosen is None:
        return splits
    if chosen not in splits:
        raise UsageError(f"{name} has no split {chosen!r}", f"choose one of: {', '.join(splits)}")
    return [chosen]


def read_records(path: Path, convert: Callable[[Record], T]) -> Iterator[T]:
    """Yield `convert(record)` for each line of a JSON Lines file.

    Args:
        path: the file; decompressed where its name ends in `.xz`.
        convert: makes what is wanted of one record.

    Raises:
        LoadError: the file is missing or cut short, or a line of it is not such a record; names file and line.
    """
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            record = convert(json.loads(line))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise LoadError(f"{path}, line {number}: not a record of this data set: {reason}") from error
        yield record


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as file:
            yield from file
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise LoadError(f"{path}: {error}", "fetch the file again") from error
