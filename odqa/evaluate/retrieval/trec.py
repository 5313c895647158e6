"""TREC runs and judgements: the files by which retrieval systems are compared.

A run has one line for each document found, `question Q0 document rank score tag`, and judgements (qrels) one for each
document known to be relevant, `question 0 document relevance`. Columns end at white space, which titles and file
paths may hold, so in ids white space and `%` are percent-encoded (`A%20title`) when they are written, and decoded when
they are read. A file of another program is read rightly unless its ids hold a `%` before two hexadecimal digits.
"""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from odqa import fs
from odqa.errors import LoadError, UsageError
from odqa.evaluate.measures import Judgements

Run = dict[str, list[str]]
"""Ids found for each question, by its id, best first."""

Number = TypeVar("Number", int, float)

# Surrogates stand for the bytes of file names that are not UTF-8; a byte-order mark may be where a file begins.
_UNSAFE = re.compile(r"[\s%\ufeff\ud800-\udfff]")


def write_run(path: Path, run: Mapping[str, Sequence[str]], tag: str = "odqa") -> None:
    """Write a run; scores only count down, since those of a fused ranking mean nothing beyond their order.

    Args:
        path: the file to write; replaced if it is there.
        run: ids by question, best first.
        tag: name of the system.

    Raises:
        UsageError: an id is empty.
    """
    lines = (
        f"{_encoded(question)} Q0 {_encoded(found)} {rank} {len(ids) - rank + 1} {_encoded(tag)}\n"
        for question, ids in run.items()
        for rank, found in enumerate(ids, start=1)
    )
    fs.write_atomic(path, "".join(lines).encode())


def read_run(path: Path) -> Run:
    """Read a run, plain or gzip-compressed (`.gz`), best first by score.

    Equal scores keep the order of the ranks, as the file's author meant it; trec_eval orders them by id.

    Raises:
        LoadError: the file cannot be read, or a line of it is not one of a run; names file and line.
    """
    found: dict[str, list[tuple[float, int, str]]] = {}
    seen: set[tuple[str, str]] = set()
    for number, (question, _, document, rank, score, _) in _rows(path, 6, "question Q0 document rank score tag"):
        _once(path, number, question, document, seen)
        value = _number(path, number, "score", score, float)
        if math.isnan(value):
            raise _error(path, number, f"the score {score!r} is not a number")
        found.setdefault(question, []).append((-value, _number(path, number, "rank", rank, int), document))
    return {question: [row[2] for row in sorted(rows, key=lambda row: row[:2])] for question, rows in found.items()}


def write_qrels(path: Path, judgements: Judgements) -> None:
    """Write judgements: every id that shows some piece of a question's evidence has relevance 1.

    Args:
        path: the file to write; replaced if it is there.
        judgements: pieces of evidence by question; which id shows which piece is lost.

    Raises:
        UsageError: an id is empty.
    """
    lines = (
        f"{_encoded(question)} 0 {_encoded(found)} 1\n"
        for question, pieces in judgements.items()
        for found in sorted(frozenset().union(*pieces))
    )
    fs.write_atomic(path, "".join(lines).encode())


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read the relevance of documents by question, from a plain or gzip-compressed (`.gz`) file.

    Raises:
        LoadError: the file cannot be read, or a line of it is not a judgement; names file and line.
    """
    judged: dict[str, dict[str, int]] = {}
    seen: set[tuple[str, str]] = set()
    for number, (question, _, document, relevance) in _rows(path, 4, "question 0 document relevance"):
        _once(path, number, question, document, seen)
        judged.setdefault(question, {})[document] = _number(path, number, "relevance", relevance, int)
    return judged


def _encoded(text: str) -> str:
    if not text:
        raise UsageError("TREC files cannot hold an empty id", "give every question and document an id")
    return _UNSAFE.sub(lambda match: quote(match[0], safe="", errors="surrogatepass"), text)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="surrogatepass") if "%" in text else text
    except UnicodeDecodeError:  # Another program's `%`, which encodes nothing.
        return text


def _rows(path: Path, columns: int, layout: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in _lines(path):
        row = line.split()
        if not row:
            continue
        if len(row) != columns:
            raise _error(path, number, f"{len(row)} columns instead of {columns} ({layout})")
        yield number, [_decoded(cell) for cell in row]


def _lines(path: Path) -> Iterable[tuple[int, str]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise _error(path, number, f"not UTF-8: {error}") from error
    except (OSError, EOFError) as error:
        raise LoadError(f"{path}: {getattr(error, 'strerror', None) or error}", "name a TREC file") from error


def _once(path: Path, number: int, question: str, document: str, seen: set[tuple[str, str]]) -> None:
    if (question, document) in seen:
        raise _error(path, number, f"{document!r} appears a second time for the question {question!r}")
    seen.add((question, document))


def _number(path: Path, number: int, name: str, text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise _error(path, number, f"the {name} {text!r} is not a number") from None


def _error(path: Path, number: int, reason: str) -> LoadError:
    return LoadError(f"{path}, line {number}: {reason}", "mend the line")
