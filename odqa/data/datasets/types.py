"""What a data set is made of: documents, and questions with gold evidence and reference answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from odqa.schema import Document, Span


@dataclass(frozen=True, slots=True)
class Gold:
    """Evidence that people marked as answering a question.

    Attributes:
        document_id: the document that answers it.
        spans: characters of that document's text; empty where only the document is known.
    """

    document_id: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is known about its answer.

    Attributes:
        id: unique in its data set.
        text: the question as asked.
        type: the data set's kind of question, e.g. `plot`, `specific`.
        hops: pieces of evidence that have to be combined.
        gold: where the answer is; empty where the documents do not answer it.
        references: answers written by people.
    """

    id: str
    text: str
    type: str
    hops: int
    gold: tuple[Gold, ...]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents and questions, read anew from disk on every call, so that none has to fit into memory.

    Attributes:
        name: what it was loaded as.
        documents: iterates over the documents.
        questions: iterates over the questions.
    """

    name: str
    documents: Callable[[], Iterator[Document]]
    questions: Callable[[], Iterator[Question]]
