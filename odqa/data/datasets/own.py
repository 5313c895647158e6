"""The user's own questions: a JSON Lines or CSV file, or a folder of `questions.jsonl` or `.csv` and `documents/`.

Fields, of which only the first is required:

- `question`;
- `answer`, further ones as `answer_2`, `answer_3`, …, or in JSON as a list; `long_answer`, measured instead of them;
- `source`, the document that answers the question: its id, path, file name or title; `quote`, the words of it that do;
  further ones as `source_2`, `quote_2`, …, or in JSON as `evidence`, a list of objects of `document` and `quote`;
- `answerable`, true or false; a question of the type `unanswerable` is not, where nothing else is said;
- `type`, for figures by kind of question; `hops`, pieces of evidence to be combined; `id`, else the number of the line.
"""

from __future__ import annotations

import csv
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import regex

from odqa.data.builder import clean
from odqa.data.datasets.files import Record, choose_splits
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question, no_documents
from odqa.data.load import list_sources, load_documents
from odqa.errors import LoadError
from odqa.schema import Document

SUFFIXES = (".jsonl", ".csv", ".jsonl.xz", ".csv.xz")

_FIELDS = (
    "question", "answer", "long_answer", "source", "quote", "evidence", "answerable", "type", "hops", "id",
)  # fmt: skip
_NUMBERED = regex.compile(r"(answer|source|quote)_([2-9]|[1-9]\d+)")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_UNANSWERABLE = "unanswerable"
_SHORT = 5  # Words of a short answer: a name, a date, a figure.


def matches(folder: Path) -> bool:
    """Tell whether a folder holds a file of questions and a folder of documents."""
    return (folder / "documents").is_dir() and _file(folder) is not None


def load(folder: Path, split: str | None, *, name: str = "own") -> Dataset:
    """Open a file of questions, or a folder of questions and documents.

    Gold is given in the user's words, `report.pdf` and a quote; `odqa.evaluate.place` finds it in an index. How
    answers are measured follows from the file: as short ones where half of them have five words at most.

    Args:
        folder: the file, or the folder.
        split: must be None; there are no splits.
        name: what it is loaded as.

    Raises:
        UsageError: a split is named.
        LoadError: a line is malformed, or a column is unknown; names file and line.
    """
    choose_splits(name, (), split)
    path = (_file(folder) or folder / "questions.jsonl") if folder.is_dir() else folder
    place = folder / "documents"

    def documents() -> Iterator[Document]:
        return load_documents([place])

    def questions() -> Iterator[Question]:
        return _questions(path)

    has_documents = place.is_dir()
    return Dataset(
        name,
        documents if has_documents else no_documents,
        questions,
        answers=_answer_length(questions()),
        files=tuple(source.path for source in list_sources([place])) if has_documents else (),
    )


def _file(folder: Path) -> Path | None:
    paths = (folder / f"questions{suffix}" for suffix in SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _answer_length(questions: Iterator[Question]) -> AnswerLength:
    lengths = [len(answer.split()) for question in questions for answer in question.references]
    if not lengths:
        return AnswerLength.NONE
    return AnswerLength.SHORT if median(lengths) <= _SHORT else AnswerLength.LONG


def _questions(path: Path) -> Iterator[Question]:
    rows = _csv_rows(path) if ".csv" in path.suffixes else _json_rows(path)
    lines: dict[str, int] = {}
    for line, record in rows:
        try:
            question = _question(record, line)
        except (TypeError, ValueError, AttributeError) as error:
            raise LoadError(f"{path}, line {line}: {error}") from error
        if question.id in lines:
            raise LoadError(f"{path}, line {line}: the id {question.id!r} is taken by line {lines[question.id]}")
        lines[question.id] = line
        yield question


def _json_rows(path: Path) -> Iterator[tuple[int, Record]]:
    """Yield each object of a JSON Lines file and the number of its line."""
    try:
        with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise LoadError(f"{path}, line {number}: not JSON: {error}") from error
                if not isinstance(record, dict):
                    raise LoadError(f"{path}, line {number}: not an object", 'write {"question": "…"}')
                yield number, record
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise LoadError(f"{path}: {error}") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, Record]]:
    """Yield each row of a CSV file by the names in its header, without empty cells, and the number of its last line."""
    line = 0
    try:
        with (
            lzma.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix == ".xz"
            else path.open(encoding="utf-8-sig", newline="") as file
        ):
            header = file.readline()
            file.seek(0)
            # Spreadsheets of countries that write a decimal comma divide columns by semicolons.
            rows = csv.reader(file, delimiter=";" if ";" in header and "," not in header else ",", strict=True)
            names = [name.strip() for name in next(rows, [])]
            line = 1
            _check_fields(names)
            for row in rows:
                line = rows.line_num
                if len(row) > len(names):
                    raise ValueError(f"{len(row)} cells for {len(names)} columns: put quotation marks around commas")
                if record := {name: cell for name, cell in zip(names, row, strict=False) if cell.strip()}:
                    yield line, record
    except UnicodeDecodeError as error:
        raise LoadError(f"{path}: not UTF-8: {error}", "save it as UTF-8") from error
    except csv.Error as error:
        raise LoadError(f"{path}, line {line + 1}: {error}", "close every quotation mark") from error
    except ValueError as error:
        raise LoadError(f"{path}, line {line}: {error}") from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise LoadError(f"{path}: {error}") from error


def _check_fields(names: list[str]) -> None:
    unknown = [name for name in names if name not in _FIELDS and not _NUMBERED.fullmatch(name)]
    if unknown:
        known = ", ".join(_FIELDS)
        raise ValueError(f"unknown: {', '.join(map(repr, unknown))}; known are {known}, answer_2, source_2, quote_2 …")
    if "question" not in names:
        raise ValueError("the field 'question' is missing")


def _question(record: Record, line: int) -> Question:
    _check_fields(list(record))
    text = clean(record["question"])
    if not text:
        raise ValueError("the question is empty")
    kind = clean(record.get("type") or "") or "unlabelled"
    gold = _gold(record)
    return Question(
        id=str(record.get("id") or line),
        text=text,
        type=kind,
        hops=int(record.get("hops") or len({each.document_id for each in gold}) or 1),
        gold=gold,
        references=_answers(record),
        answerable=_answerable(record.get("answerable"), kind),
        marked=len(gold),
    )


def _answers(record: Record) -> tuple[str, ...]:
    given = record.get("long_answer") or record.get("answer") or ()
    answers = [given] if isinstance(given, str) else [*given]
    if not record.get("long_answer"):
        answers += [value for name, value in record.items() if name.startswith("answer_") and value]
    return tuple(dict.fromkeys(filter(None, map(clean, answers))))


def _answerable(given: Any, kind: str) -> bool:
    if given is None:
        return kind != _UNANSWERABLE
    said = _TRUTH.get(str(given).strip().lower())
    if said is None:
        raise ValueError(f"answerable is {given!r}, and has to be true or false")
    return said


def _gold(record: Record) -> tuple[Gold, ...]:
    """Return the documents that the user names, each with its quote; a quote without a source is of the first."""
    pairs = [(each.get("document") or each.get("source"), each.get("quote")) for each in record.get("evidence") or ()]
    numbers = ["", *sorted({f"_{match[2]}" for name in record if (match := _NUMBERED.fullmatch(name))})]
    for number in numbers:
        source, quote = record.get(f"source{number}"), record.get(f"quote{number}")
        if source or quote:
            pairs.append((source or record.get("source"), quote))
    if any(not source for source, _ in pairs):
        raise ValueError("a quote needs a source: the document it is in")
    return tuple(Gold(str(source).strip(), quote=(quote or "").strip()) for source, quote in dict.fromkeys(pairs))
