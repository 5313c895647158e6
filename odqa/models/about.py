"""What there is to know about a trained model: `odqa.json` in its folder, read with care.

A folder may come from anywhere. What its card says is checked field by field, names of files may not lead out of the
folder, and numbers that are none are refused.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Self

from odqa import __version__
from odqa.errors import ModelError, UsageError

FILE = "odqa.json"
FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LARGEST = 16 << 20  # bytes of an odqa.json; larger is no card

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a model: its size in bytes, and the SHA-256 of these bytes (hex)."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Base:
    """A model that a model started from.

    Attributes:
        name: as people know it, on the hub `owner/name`.
        licence: its SPDX identifier in lower case; "" where it is not known.
        role: what it became, such as `encoder`.
    """

    name: str
    licence: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """A data set that a model learned from.

    Attributes:
        name: as `odqa eval datasets` lists it, or the file of somebody's own questions.
        split: which part of it; "" for all.
        examples: how many examples were made of it; 0 where nobody counted.
        licence: the publisher's terms, as far as they are known.
    """

    name: str
    split: str = ""
    examples: int = 0
    licence: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What the card of a model says.

    Attributes:
        kind: what it is to odqa: `reader`, `verifier`, `encoder` …
        name: letters, digits, `.`, `_` and `-`; "" takes the folder's.
        made: when, ISO 8601 in UTC; "" takes the present.
        odqa: the version that made it.
        description: what it is, in a sentence or two.
        licence: of the weights, an SPDX identifier in lower case; "" where nobody has said.
        languages: ISO 639-1 codes of what it was taught.
        bases: models that it started from.
        learned_from: data sets.
        settings: of the training.
        figures: on what was held out, by data set (and split, after a blank).
        limits: what it cannot do, a sentence each.
        shape: sizes that people ask for, such as `parameters`.
        training: how it went: steps, seconds, machine.
        files: every file but `odqa.json` and `README.md`, by its path with `/`.
    """

    kind: str
    name: str = ""
    made: str = ""
    odqa: str = __version__
    description: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()
    bases: tuple[Base, ...] = ()
    learned_from: tuple[LearnedFrom, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Figures] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    shape: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FileEntry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise UsageError(f"{self.kind!r} is no kind of model", "lower-case letters, digits and hyphens")
        if self.name:
            check_name(self.name)
        for path in self.files:
            _check_file(path)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return a card from its fields, as JSON has them.

        Args:
            record: names and values; `learned_from` and `bases` may be plain names.

        Raises:
            UsageError: a field that does not exist, or a value that it cannot hold.
        """
        known = {spec.name for spec in dataclasses.fields(cls)}
        values = {name: value for name, value in record.items() if name != "format"}
        if unknown := sorted(values.keys() - known):
            raise UsageError(f"a model's card has no field {unknown[0]!r}", f"it has {', '.join(sorted(known))}")
        if "kind" not in values:
            raise UsageError("a model's card must say what kind of model it is", "kind: reader, verifier, encoder")
        return cls(**{name: _FIELDS[name](name, value) for name, value in values.items()})

    def to_json(self) -> dict[str, Any]:
        """Return the card as an object for JSON; settings that JSON does not know become text."""
        record: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), default=str), parse_constant=str)
        return {"format": FORMAT, **record}

    def complete(self, name: str, files: Mapping[str, FileEntry]) -> Self:
        """Return the card with name, date and files filled in; a name and a date that are there stay."""
        made = self.made or datetime.now(UTC).isoformat(timespec="seconds")
        return dataclasses.replace(self, name=self.name or name, made=made, files=files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())


def read_about(folder: Path) -> About:
    """Read the card of a model.

    Raises:
        ModelError: there is none, or it is damaged or of a later version.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path}: too large to be the card of a model", "this is no folder that odqa wrote")
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}", "give a folder that odqa trained") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON: {error}", "make the model again, or take it from its backup") from error
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise ModelError(f"{path}: not the card of a model of odqa", "give a folder that odqa trained")
    if record["format"] > FORMAT:
        raise ModelError(f"{path}: format {record['format']}; this odqa reads up to {FORMAT}", "update odqa")
    try:
        return About.of(record)
    except UsageError as error:
        raise ModelError(f"{path}: {error.message}", "make the model again, or take it from its backup") from error


def check_name(name: str) -> str:
    """Return a name that is one of a model.

    Raises:
        UsageError: it holds other characters, or leads somewhere.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a model", "letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return name


def flat(values: Mapping[str, Any], lead: str = "") -> dict[str, Any]:
    """Return nested values by dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{lead}{name}.")
        else:
            found[f"{lead}{name}"] = value
    return found


def _check_file(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path != "/".join(parts) or parts[0] == "/" or ".." in parts or "\\" in path or ":" in path:
        raise UsageError(f"{path!r} is no file of a model")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, not {value!r}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    return tuple(_text(name, item) for item in _items(name, items))


def _items(name: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{name} must be a list")
    return value


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} must be an object of names and values")
    return {str(key): item for key, item in value.items()}


def _bases(name: str, value: Any) -> tuple[Base, ...]:
    return tuple(_part(Base, name, item) for item in _items(name, value))


def _sources(name: str, value: Any) -> tuple[LearnedFrom, ...]:
    return tuple(_part(LearnedFrom, name, item) for item in _items(name, value))


def _part(kind: type[Any], name: str, item: Any) -> Any:
    if isinstance(item, kind):
        return item
    record = {"name": item} if isinstance(item, str) else _object(name, item)
    specs = {spec.name: spec for spec in dataclasses.fields(kind)}
    if "name" not in record or record.keys() - specs.keys():
        raise UsageError(f"{name} must have name and may have {', '.join(list(specs)[1:])}")
    for key, member in record.items():
        is_count = isinstance(specs[key].default, int)
        if not (type(member) is int and member >= 0 if is_count else isinstance(member, str)):
            raise UsageError(f"{name}: {key} must be {'a count' if is_count else 'text'}, not {member!r}")
    return kind(**record)


def _figures(name: str, value: Any) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for key, members in _object(name, value).items():
        for metric, figure in _object(f"{name}: {key}", members).items():
            if isinstance(figure, bool) or not isinstance(figure, int | float):
                raise UsageError(f"{name}: {key}: {metric} must be a number, not {figure!r}")
            if math.isfinite(figure):  # What could not be measured is left out.
                found.setdefault(key, {})[metric] = figure
    return found


def _files(name: str, value: Any) -> dict[str, FileEntry]:
    found: dict[str, FileEntry] = {}
    for path, item in _object(name, value).items():
        entry = dataclasses.asdict(item) if isinstance(item, FileEntry) else _object(f"{name}: {path}", item)
        size, digest = entry.get("size"), entry.get("sha256")
        if type(size) is not int or size < 0 or not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise UsageError(f"{name}: {path} must have size and sha256")
        found[path] = FileEntry(size, digest)
    return found


_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(("kind", "name", "made", "odqa", "description", "licence"), _text),
    **dict.fromkeys(("languages", "limits"), _texts),
    **dict.fromkeys(("settings", "shape", "training"), _object),
    "bases": _bases,
    "learned_from": _sources,
    "figures": _figures,
    "files": _files,
}
