"""Results on disk: `result.json`, which scripts read, and one line of JSON for each question beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from odqa import __version__, fs
from odqa.errors import LoadError
from odqa.evaluate.result import Result

RESULT_FILE = "result.json"
ROWS_FILE = "per_question.jsonl"

_DIGITS = 6
_REMEDY = "run `odqa eval` again"


def to_json(result: Result, per_question: str) -> dict[str, Any]:
    """Return a result as the JSON object that `odqa eval --json` prints; the questions are in a file of their own.

    Numbers are rounded to six decimals, and what is not a number is null.

    Args:
        result: what was found.
        per_question: where the file of the questions is, as the reader of the object will look for it.
    """
    return {
        "task": result.task,
        "dataset": result.dataset,
        "split": result.split,
        "n": result.n,
        "settings": plain(result.settings),
        "metrics": plain(result.metrics),
        "baselines": plain(result.baselines),
        "per_question": per_question,
        "seconds": plain(result.seconds),
        "groups": plain(result.groups),
        "curves": plain(result.curves),
        "corpus": plain(result.corpus),
        "notes": plain(result.notes),
        "version": __version__,
    }


def save(result: Result, folder: Path) -> Path:
    """Write a result into a folder, made if it is not there, and return the path of its `result.json`.

    The questions are written first: a `result.json` that is there is complete.

    Raises:
        LoadError: the folder cannot be made or written to.
    """
    lines = "".join(f"{_dump(plain(row))}\n" for row in result.rows)
    target = folder / RESULT_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fs.write_atomic(folder / ROWS_FILE, _encode(lines))
        fs.write_atomic(target, _encode(_dump(to_json(result, ROWS_FILE), indent=1) + "\n"))
    except OSError as error:
        raise LoadError(
            f"{folder}: cannot save the result: {error.strerror or error}", "name another folder"
        ) from error
    return target


def load(path: Path) -> Result:
    """Read a saved result.

    Args:
        path: a `result.json`, the saved output of `odqa eval --json`, or the folder of a result.

    Raises:
        LoadError: a file is missing or is not that of a result; names the file, and the line of the questions.
    """
    path = path / RESULT_FILE if path.is_dir() else path
    record = _parse(_read(path), str(path))
    place = _member(record, "per_question", str, str(path))
    rows = list(_read_rows(path.parent / place))  # An absolute place stays what it is.
    return Result(
        task=_member(record, "task", str, str(path)),
        dataset=_member(record, "dataset", str, str(path)),
        split=_member(record, "split", str, str(path)),
        n=_member(record, "n", int, str(path)),
        settings=_member(record, "settings", dict, str(path)),
        metrics=_figures(record.get("metrics"), f"{path}: metrics"),
        baselines=_figures_by_name(record.get("baselines"), f"{path}: baselines"),
        seconds=_figures(record.get("seconds"), f"{path}: seconds"),
        rows=rows,
        groups={
            name: _figures_by_name(kinds, f"{path}: groups: {name}")
            for name, kinds in _object(record.get("groups", {}), f"{path}: groups").items()
        },
        curves={
            name: [_figures(point, f"{path}: curves: {name}") for point in _array(points, f"{path}: curves: {name}")]
            for name, points in _object(record.get("curves", {}), f"{path}: curves").items()
        },
        corpus=_figures(record.get("corpus", {}), f"{path}: corpus"),
        notes=[str(note) for note in _array(record.get("notes", []), f"{path}: notes")],
    )


def _read_rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_read(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        row = _parse(line, where)
        name = _member(row, "id", str, where)
        if name in seen:
            raise LoadError(f"{where}: question {name!r} stands in line {seen[name]} already", _REMEDY)
        seen[name] = number
        if "metrics" in row:
            row["metrics"] = _figures(row["metrics"], f"{where}: metrics")
        if "baselines" in row:
            row["baselines"] = _figures_by_name(row["baselines"], f"{where}: baselines")
        rows.append(row)
    return rows


def plain(value: Any) -> Any:
    """Return a value as JSON knows values: text, numbers rounded to six decimals, lists and objects."""
    match value:
        case None | bool() | int() if not isinstance(value, Enum):
            return value
        case Enum():
            return plain(value.value)
        case str():
            return str(value)
        case float():
            return round(float(value), _DIGITS) if math.isfinite(value) else None
        case Mapping():
            return {str(plain(name)): plain(member) for name, member in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [plain(member) for member in value]
        case AbstractSet():
            return sorted((plain(member) for member in value), key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if hasattr(value, "tolist"):  # numbers and arrays of numpy
        return plain(value.tolist())
    return str(value)


def _dump(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def _encode(text: str) -> bytes:
    # Half of a surrogate pair has no UTF-8; the escape that Python puts in its place is the one of JSON.
    return text.encode("utf-8", "backslashreplace")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror or error}", _REMEDY) from error


def _parse(data: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"{where}: not JSON: {error}", _REMEDY) from error
    return _object(value, where)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LoadError(f"{where}: must be an object, not {_kind(value)}", _REMEDY)
    return value


def _array(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise LoadError(f"{where}: must be an array, not {_kind(value)}", _REMEDY)
    return value


def _member(record: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    if name not in record:
        raise LoadError(f"{where}: no field {name!r}", "is it the output of `odqa eval`?")
    value = record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise LoadError(f"{where}: {name!r} must be {_KINDS[kind]}, not {_kind(value)}", _REMEDY)
    return value


def _figures(value: Any, where: str) -> dict[str, float]:
    figures = _object(value, where)
    for name, figure in figures.items():
        if figure is None:
            figures[name] = math.nan
        elif not isinstance(figure, int | float) or isinstance(figure, bool):
            raise LoadError(f"{where}: {name!r} must be a number, not {_kind(figure)}", _REMEDY)
    return figures


def _figures_by_name(value: Any, where: str) -> dict[str, dict[str, float]]:
    return {name: _figures(figures, f"{where}: {name}") for name, figures in _object(value, where).items()}


_KINDS = {str: "text", int: "a whole number", dict: "an object"}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
