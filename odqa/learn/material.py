"""Data sets to learn from, with their documents, and with gold that says which characters it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.datasets.types import Gold
from odqa.errors import UsageError

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset, Question
    from odqa.engine import Engine
    from odqa.schema import Document

_LONGEST_QUERY = 1000
"""Characters of question and answer that a document is looked for by."""


def load(name: str, data: Path | None = None, engine: Engine | None = None) -> Dataset:
    """Return a data set to learn from.

    Args:
        name: registered name, `NAME/SPLIT`, folder, or file of questions.
        data: where registered data sets lie.
        engine: over an index whose documents the questions of a file are about; a question that names none of them
            gets the one that search finds for it and its answer.

    Raises:
        UsageError: there is no such data set or split, or a file of questions has no documents.
        LoadError: it cannot be read.
    """
    from odqa.data.datasets import load_dataset

    place, split = split_of(name)
    dataset = load_dataset(place, data=data, split=split)
    if not Path(place).exists():
        return dataset
    if dataset.files or engine is None:
        return _placed(dataset, None, name)
    return _placed(dataset, engine, name)


def split_of(name: str) -> tuple[str, str | None]:
    """Return the name of a data set and the split that is named behind a slash, if it is no path."""
    if "/" in name and not Path(name).exists() and not name.startswith((".", "/", "~")):
        dataset, _, split = name.rpartition("/")
        return dataset, split
    return name, None


def _placed(dataset: Dataset, engine: Engine | None, name: str) -> Dataset:
    """Return a person's own questions with documents, and with gold placed in these."""
    from odqa.evaluate.place import Shelf, place_gold

    if engine is not None:

        def documents() -> Iterator[Document]:
            return (engine.document(id_) for id_, _ in engine.documents())

        questions = [_with_document(question, engine) for question in place_gold(dataset.questions(), engine)]
        return replace(dataset, documents=documents, questions=lambda: iter(questions))
    shelf = Shelf(dataset.documents())
    if not any(True for _ in shelf.documents()):
        raise UsageError(
            f"{name} names no documents beside its questions", "give --index, or a folder with documents/ beside them"
        )
    placed = place_gold(dataset.questions(), shelf)
    return replace(dataset, questions=lambda: iter(placed))


def _with_document(question: Question, engine: Engine) -> Question:
    """Return a question whose answer names no document with the one that search finds for question and answer.

    It may be the wrong one: the verifier says afterwards what of the answer it bears out.
    """
    if question.gold or not question.answerable or not question.references:
        return question
    found = engine.find(f"{question.text} {question.references[0]}"[:_LONGEST_QUERY], 1).evidence
    return replace(question, gold=tuple(Gold(item.document.id) for item in found))
