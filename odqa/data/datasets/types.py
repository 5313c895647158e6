"""What a data set is made of: documents, questions with gold evidence and answers, human summaries, labelled claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from odqa.schema import Document, Span


@dataclass(frozen=True, slots=True)
class Gold:
    """Evidence that people marked as answering a question.

    Attributes:
        document_id: the document that answers it.
        spans: characters of that document's text, any of which shows it; empty where only the document is known.
        piece: golds of one question that share a number are alternatives: whoever finds one of them has found that
            piece. With None, the gold is a piece of its own, and a question is fully evidenced only with it.
        quote: words of the document, where its text is not at hand to say which characters they are;
            `odqa.evaluate.place` finds them in an index.
    """

    document_id: str
    spans: tuple[Span, ...] = ()
    piece: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is known about its answer.

    Attributes:
        id: unique in its data set.
        text: the question as asked.
        type: the data set's kind of question, e.g. `plot`, `bridge`.
        hops: pieces of evidence that have to be combined.
        gold: where the answer is; empty where the data set does not say.
        references: answers written by people; several say the same thing in their own ways.
        answerable: False where the data set marks that its documents do not answer the question.
        marked: pieces of gold evidence as the data set states them, e.g. sentences, cells, ranges of turns.
        mapped: how many of them were found in the documents' text; what was not found is kept as a gold document
            without spans, or, where even the document is missing, counts as marked and not as mapped.
    """

    id: str
    text: str
    type: str
    hops: int
    gold: tuple[Gold, ...]
    references: tuple[str, ...]
    answerable: bool = True
    marked: int = 0
    mapped: int = 0


@dataclass(frozen=True, slots=True)
class GoldSummary:
    """What people wrote of a whole document.

    Attributes:
        document_id: the document.
        texts: the summaries, each by another person and about the whole; never empty.
        title: the title that stands above the summary, where the data set has one; not part of `texts`.
    """

    document_id: str
    texts: tuple[str, ...]
    title: str = ""


class ClaimLabel(StrEnum):
    """What people said of a claim and its evidence."""

    SUPPORTED = "supported"
    PARTIALLY_SUPPORTED = "partially_supported"
    NOT_SUPPORTED = "not_supported"


@dataclass(frozen=True, slots=True)
class LabelledClaim:
    """A sentence, the evidence it is to be judged by, and the judgement of people.

    Attributes:
        id: unique in its data set.
        text: the claim.
        document: the evidence.
        label: the judgement.
        spans: the sentences of the document that support it, as far as people marked them.
        group: what claims share that are not independent of each other, e.g. an answer or an article; resampling
            and the division into a tuning and a test half go by group.
    """

    id: str
    text: str
    document: Document
    label: ClaimLabel
    spans: tuple[Span, ...] = ()
    group: str = ""


class AnswerLength(StrEnum):
    """What the references of a data set look like, which decides how answers are measured."""

    LONG = "long"
    SHORT = "short"
    NONE = "none"


def no_documents() -> Iterator[Document]:
    """Yield nothing: for data sets that bring no documents."""
    return iter(())


def no_questions() -> Iterator[Question]:
    """Yield nothing: for data sets that only label claims."""
    return iter(())


def no_claims() -> Iterator[LabelledClaim]:
    """Yield nothing: for data sets that only ask questions."""
    return iter(())


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents, questions and labelled claims, read anew from disk on every call, so that none has to fit into memory.

    Attributes:
        name: what it was loaded as.
        documents: iterates over the documents.
        questions: iterates over the questions.
        claims: iterates over the labelled claims.
        split: the split that was chosen; "" for all there are.
        answers: what the references look like.
        training: the questions that a model may learn from; None where this is the only split. Never among
            `questions` unless the data set repeats itself, which `odqa eval diagnose` is there to find.
        files: every file that the documents are read from; their bytes identify the corpus.
        summaries: iterates over the human summaries of whole documents; None where the data set has none.
    """

    name: str
    documents: Callable[[], Iterator[Document]] = no_documents
    questions: Callable[[], Iterator[Question]] = no_questions
    claims: Callable[[], Iterator[LabelledClaim]] = no_claims
    split: str = ""
    answers: AnswerLength = AnswerLength.LONG
    training: Callable[[], Iterator[Question]] | None = None
    files: tuple[Path, ...] = ()
    summaries: Callable[[], Iterator[GoldSummary]] | None = None
