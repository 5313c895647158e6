"""Long-form questions as JSON Lines, in the layouts that ELI5 (Fan et al., 2019) came to be handed around in.

`question` (or `input`, or `title` with `selftext`) with `answers` (strings, objects with `text`, or one object with a
list `text`), `answer`, or KILT's `output`. Optional are `documents`, `ctxs` or `docs` (strings, or objects with `title`
and `text`), and which of them are evidence: `gold`, their positions, or `positive_ctxs`, further documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import regex

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import ENDINGS, Record, choose_splits, first_record, read_items, read_unique
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.errors import LoadError
from odqa.schema import Document

SPLITS = ("train", "dev", "val", "validation", "test")

_QUESTION = ("question", "input", "title")
_ANSWERS = ("answers", "output")
_POOLED = ("documents", "ctxs", "docs", "hard_negative_ctxs", "negative_ctxs")
_SPLIT = regex.compile(rf"(?:^|[^a-z])({'|'.join(SPLITS)})(?:[^a-z]|$)")
_BEGINNING = 60  # Characters of a document without a title that stand for one.


def matches(folder: Path) -> bool:
    """Tell whether a folder holds long-form questions, or a file is one of them."""
    return bool(_files(folder))


def load(folder: Path, split: str | None, *, name: str = "eli5") -> Dataset:
    """Open long-form questions in `folder`, or in one file.

    The documents of all questions are one corpus, each text in it once. A question's documents are no gold by being
    listed with it: they were retrieved, and nobody said that they answer it.

    Args:
        folder: a folder whose files name their splits (`dev.jsonl`, `eli5-dev-kilt.jsonl`), or one file.
        split: the split to ask; None asks all.
        name: what it is loaded as.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    paths = _files(folder)
    if not paths:
        raise LoadError(f"{folder}: no long-form questions here", "a file of question and answers is expected")
    splits = [known for known in SPLITS if known in paths]
    chosen = choose_splits(name, splits, split) if split else list(paths)
    files = tuple(path for path in paths.values() if _has_documents(path))

    def documents() -> Iterator[Document]:
        seen: set[str] = set()
        for path in files:
            for found in read_items(path, _documents):
                for document in found:
                    if document.text and document.id not in seen:
                        seen.add(document.id)
                        yield document

    def questions(splits: Sequence[str] = chosen) -> Iterator[Question]:
        seen: set[str] = set()
        for each in splits:
            yield from read_unique(paths[each], _question, key=lambda question: question.id, seen=seen)

    training = partial(questions, ["train"]) if "train" in paths and "train" not in chosen else None
    return Dataset(
        name, documents, questions, split=split or "", answers=AnswerLength.LONG, training=training, files=files
    )


def _files(place: Path) -> dict[str, Path]:
    """Return the files of questions by split, or by name where the name says no split."""
    found: dict[str, Path] = {}
    listed = sorted(place.iterdir()) if place.is_dir() else [place]
    for path in listed:
        if path.is_file() and path.name.endswith(ENDINGS) and _is_asked(first_record(path)):
            stem = path.name.partition(".")[0]
            named = _SPLIT.search(stem.lower())
            split = named[1] if named else stem
            found[stem if split in found else split] = path
    return found


def _is_asked(record: Record) -> bool:
    """Tell whether a record has a question and what answers it at length, or the documents retrieved for it."""
    given = [record[field] for field in _ANSWERS if field in record]
    answered = any(isinstance(each, list) or (isinstance(each, dict) and "text" in each) for each in given)
    retrieved = "answer" in record and any(field in record for field in _POOLED)
    return any(isinstance(record.get(field), str) for field in _QUESTION) and (answered or retrieved)


def _has_documents(path: Path) -> bool:
    record = first_record(path)
    return any(field in record for field in (*_POOLED, "positive_ctxs"))


def _question(record: Record) -> Question:
    text = clean(next(record[field] for field in _QUESTION if field in record))
    if not text:
        raise ValueError("the question is empty")
    pooled = [_document(each) for each in record.get("documents") or record.get("ctxs") or record.get("docs") or ()]
    given = record.get("gold") or ()
    if wrong := [place for place in given if not isinstance(place, int) or not 0 <= place < len(pooled)]:
        raise ValueError(f"gold {wrong[0]!r} is no position among the {len(pooled)} documents, counted from 0")
    gold = [pooled[place] for place in given] + [_document(each) for each in record.get("positive_ctxs") or ()]
    ids = dict.fromkeys(document.id for document in gold)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return Question(
        id=str(next((record[field] for field in ("id", "q_id", "question_id") if field in record), digest)),
        text=text,
        type="long-form",
        hops=max(len(ids), 1),
        gold=tuple(map(Gold, ids)),
        references=tuple(dict.fromkeys(filter(None, map(clean, _answers(record))))),
        marked=len(ids),
        mapped=len(ids),
    )


def _answers(record: Record) -> Iterator[str]:
    given = next((record[field] for field in (*_ANSWERS, "answer") if record.get(field)), ())
    if isinstance(given, dict):
        given = given["text"]
    for answer in [given] if isinstance(given, str) else given:
        # KILT lists where an answer comes from beside the answers.
        yield answer if isinstance(answer, str) else answer.get("text") or answer.get("answer") or ""


def _documents(record: Record) -> list[Document]:
    return [_document(each) for field in (*_POOLED, "positive_ctxs") for each in record.get(field) or ()]


def _document(given: str | Record) -> Document:
    """Return a document of the corpus; its id is made of its text, so that it is the same for every question."""
    title, text = ("", given) if isinstance(given, str) else (given.get("title") or "", given["text"])
    content = f"{title}\0{text}".encode("utf-8", "surrogatepass")
    id_ = f"eli5/{hashlib.blake2b(content, digest_size=8).hexdigest()}"
    builder = DocumentBuilder(id_, title=title or clean(text)[:_BEGINNING])
    for paragraph in text.split("\n\n"):
        builder.paragraph(paragraph)
    return builder.build()
