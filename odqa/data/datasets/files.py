"""Find and read the files of data sets: JSON Lines, plain or xz-compressed."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from odqa.data.datasets.types import AnswerLength, Dataset, Question
from odqa.errors import LoadError, UsageError
from odqa.schema import Document

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


ENDINGS = (".jsonl", ".json", ".jsonl.xz", ".json.xz")
_FOLLOWS = tuple(",:]} \t\r\n")
_CHUNK = 1 << 20  # Characters read at a time from a file that is one JSON value.


def find_file(folder: Path, *stems: str) -> Path | None:
    """Return the first file in `folder` of one of these names with one of `ENDINGS`; None where there is none."""
    paths = (folder / f"{stem}{ending}" for stem in stems for ending in ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def read_items(path: Path, convert: Callable[[Record], T]) -> Iterator[T]:
    """Yield `convert(record)` for each record of JSON Lines, of a JSON array, or of an object with a list `data`.

    Args:
        path: the file; what its name ends in, but for `.xz`, says which: `.jsonl` is JSON Lines. Where it is one
            JSON array, no more than a part of it is in memory.
        convert: makes what is wanted of one record.

    Raises:
        LoadError: the file is missing or cut short, or it holds something else; names the file, and the line or,
            in an array, the number of the record.
    """
    if path.name.removesuffix(".xz").endswith(".jsonl"):
        yield from read_records(path, convert)
        return
    records = (
        record
        for key, value in read_members(path)
        for record in (value if key == "data" and isinstance(value, list) else [value] if key is None else ())
    )
    for number, record in enumerate(records, start=1):
        yield converted(path, f"record {number}", convert, record)


def read_unique(
    path: Path, convert: Callable[[Record], T], *, key: Callable[[T], str], seen: set[str] | None = None
) -> Iterator[T]:
    """Yield `convert(record)` as `read_items` does, and refuse a second one of the same key.

    Args:
        path: the file.
        convert: makes what is wanted of one record.
        key: the id of what `convert` made.
        seen: ids that are taken already, e.g. by another file; extended by those of this file.

    Raises:
        LoadError: as for `read_items`, or an id occurs twice; names file and line.
    """
    known: set[str] = set() if seen is None else seen

    def checked(record: Record) -> T:
        made = convert(record)
        name = key(made)
        if name in known:
            raise ValueError(f"the id {name!r} is taken by an earlier record")
        known.add(name)
        return made

    yield from read_items(path, checked)


def read_json(path: Path) -> Any:
    """Return the one JSON value that a file holds, decompressed where the file's name ends in `.xz`.

    Raises:
        LoadError: the file is missing, cut short or not JSON; names file and line.
    """
    try:
        return json.loads(b"".join(_lines(path)))
    except json.JSONDecodeError as error:
        raise LoadError(f"{path}, line {error.lineno}: not JSON: {error.msg}", "fetch the file again") from error
    except ValueError as error:
        raise LoadError(f"{path}: not JSON: {error}", "fetch the file again") from error


def read_members(path: Path) -> Iterator[tuple[str | None, Any]]:
    """Yield each member of the JSON array or object in a file, with its key, which is None in an array.

    Published files hold hundreds of thousands of records in one array, too many to have in memory at once.

    Raises:
        LoadError: the file is missing, cut short or not such JSON; names the file and the number of the member.
    """
    number = 0
    try:
        with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
            for member in _members(_Stream(file)):
                number += 1
                yield member
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise LoadError(f"{path}: {error}", "fetch the file again") from error
    except ValueError as error:
        raise LoadError(f"{path}, after record {number}: not JSON: {error}", "fetch the file again") from error


def first_record(path: Path | None) -> Record:
    """Return the first record of a file; {} where there is none, so that its fields tell what the file is."""
    try:
        record = next(read_items(path, lambda record: record), None) if path else None
    except LoadError:
        return {}
    return record if isinstance(record, dict) else {}


def find_splits(folder: Path, name: str, stems: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Return the file of each split that is in `folder`.

    Args:
        folder: where to look.
        name: the data set's, for the message.
        stems: by split, the names without ending that its file may have, the preferred one first.

    Raises:
        LoadError: there is none.
    """
    found = {split: path for split, names in stems.items() if (path := find_file(folder, *names))}
    if not found:
        wanted = ", ".join(stem for names in stems.values() for stem in names)
        raise LoadError(f"{folder}: no questions of {name} here", f"one of {wanted} with .json or .jsonl is expected")
    return found


def open_splits(
    name: str,
    paths: Mapping[str, Path],
    split: str | None,
    *,
    documents: Callable[[], Iterator[Document]],
    questions: Callable[[Path], Iterator[Question]],
    answers: AnswerLength,
    files: Sequence[Path] | None = None,
) -> Dataset:
    """Return a data set that has a file of questions for each split.

    Args:
        name: what it is loaded as.
        paths: the file of each split.
        split: the one to ask; None asks all.
        documents: iterates over the documents of all splits.
        questions: iterates over the questions of a file.
        answers: what the references look like.
        files: what the documents are read from; None says the files of questions.

    Raises:
        UsageError: there is no such split.
    """
    chosen = choose_splits(name, list(paths), split)

    def asked(splits: Sequence[str]) -> Iterator[Question]:
        seen: dict[str, str] = {}
        for each in splits:
            for question in questions(paths[each]):
                if question.id in seen:
                    raise LoadError(f"{paths[each]}: the question {question.id!r} is in {seen[question.id]} already")
                seen[question.id] = paths[each].name
                yield question

    training = None if "train" in chosen or "train" not in paths else partial(asked, ["train"])
    return Dataset(
        name,
        documents,
        partial(asked, chosen),
        split=split or "",
        answers=answers,
        training=training,
        files=tuple(paths.values()) if files is None else tuple(files),
    )


class DistinctNames:
    """Ids for texts of which several may share a name: the second one of a name is `name#2`."""

    def __init__(self) -> None:
        self._known: dict[str, list[bytes]] = {}

    def add(self, name: str, content: str) -> str | None:
        """Return the id of a content that is new under its name, or None where it is known already."""
        contents = self._known.setdefault(name, [])
        digest = _digest(content)
        if digest in contents:
            return None
        contents.append(digest)
        return _numbered(name, len(contents))

    def get(self, name: str, content: str) -> str | None:
        """Return the id that was given to a content; None where it is unknown."""
        contents = self._known.get(name, [])
        digest = _digest(content)
        return _numbered(name, contents.index(digest) + 1) if digest in contents else None


def _digest(content: str) -> bytes:
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}#{number}"


def converted(path: Path, place: str, convert: Callable[[Record], T], record: Record) -> T:
    """Return `convert(record)`.

    Raises:
        LoadError: it is not such a record; names the file and the place in it, e.g. `record 7`.
    """
    try:
        return convert(record)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise LoadError(f"{path}, {place}: not a record of this data set: {reason}") from error


def _members(stream: _Stream) -> Iterator[tuple[str | None, Any]]:
    opened = stream.take("[{")
    closing = "]" if opened == "[" else "}"
    while stream.mark() != closing:
        key = None
        if closing == "}":
            key = stream.value()
            stream.take(":")
        yield key, stream.value()
        if stream.mark() != closing:
            stream.take(",")


class _Stream:
    """JSON values of a text file, of which no more is held than the value being decoded needs."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._place = 0
        self._decode = json.JSONDecoder().raw_decode

    def mark(self) -> str:
        """Return the next character that is not white space, and stay before it; "" at the end."""
        while True:
            while self._text[self._place : self._place + 1].isspace():
                self._place += 1
            if self._place < len(self._text) or not self._more():
                return self._text[self._place : self._place + 1]

    def take(self, marks: str) -> str:
        """Return the next character, which has to be one of `marks`, and go past it."""
        mark = self.mark()
        if not mark or mark not in marks:
            raise ValueError(f"{mark!r} where one of {marks!r} belongs" if mark else "it is cut short")
        self._place += 1
        return mark

    def value(self) -> Any:
        """Return the next JSON value, and go past it."""
        self.mark()
        while True:
            try:
                value, end = self._decode(self._text, self._place)
            except json.JSONDecodeError:
                if self._more():
                    continue
                raise
            # `12` may be the beginning of `12.5`: only what follows a value tells that it is whole.
            if self._text[end : end + 1] in _FOLLOWS or not self._more():
                self._place = end
                return value

    def _more(self) -> bool:
        """Read on, twice as far as is held, so that long values are not decoded often; False at the end."""
        held = self._text[self._place :]
        read = self._file.read(max(_CHUNK, len(held)))
        if read:
            self._text, self._place = held + read, 0
        return bool(read)
