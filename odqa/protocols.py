"""Every seam of odqa in one place: implement one of these, register it, and name it in the settings.

All are structural (`typing.Protocol`): a class that has the methods fits, no base class needed. `odqa.testing`
holds a check for each that tells a newcomer whether a part is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, runtime_checkable

from odqa.schema import (
    AnswerStyle,
    Document,
    Draft,
    DraftSentence,
    Evidence,
    ParsedDocument,
    Progress,
    Span,
    StructuredSummary,
    Support,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

T = TypeVar("T")
R = TypeVar("R")

ProgressCallback = Callable[[Progress], None]


@runtime_checkable
class Loader(Protocol):
    """Turns one file into documents."""

    suffixes: tuple[str, ...]
    """File name endings it reads, lower case, with the dot."""

    def load(self, path: Path) -> Iterator[Document]:
        """Yield the documents of the file at `path`; ids and sources are `str(path)`, or `path#key` for records.

        Raises:
            LoadError: the file is not what its name says, or cannot be decoded.
        """
        ...


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into unit vectors."""

    name: str
    dimension: int
    max_tokens: int
    fingerprint: str
    """Identifies weights, pooling and length limit: vectors of two encoders mix only if these are equal."""

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> Vectors:
        """Return unit vectors, shape (len(texts), dimension), float32, in the order of `texts`."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens left out, without truncation."""
        ...


@runtime_checkable
class SentenceEncoder(Encoder, Protocol):
    """An encoder that gives sentences vectors, too, which an index keeps for the answers to come."""

    def encode_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, list[Vectors]]:
        """Return what `encode` gives for passages, and unit vectors of their sentences.

        Args:
            texts: passages.
            spans: characters of each one's sentences.

        Returns:
            Shape (len(texts), dimension), and for each text an array of shape (its sentences, dimension), float32.
        """
        ...


@runtime_checkable
class Summarizer(Protocol):
    """Compresses a document and its sections into structured summaries."""

    name: str
    fingerprint: str

    def summarize(self, parsed: ParsedDocument, vectors: Vectors | None = None) -> list[StructuredSummary]:
        """Return the document's summary first, then one for each section worth one.

        Args:
            parsed: the document with sections and passages.
            vectors: unit vectors of the passages, shape (n_passages, dimension), where they exist already.
        """
        ...


@runtime_checkable
class Estimating(Protocol):
    """A summarizer that costs enough to say so before it starts."""

    def estimate(self, documents: Iterable[ParsedDocument]) -> object:
        """Return what summarizing these documents will cost; its `str` is one line to show before starting."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds evidence for a question."""

    def retrieve(self, question: str, k: int, *, exhaustive: bool = False) -> list[Evidence]:
        """Return up to `k` pieces of evidence, best first."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Puts evidence into a better order."""

    def rerank(self, question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Return the same evidence, best first, with its own score added to each `scores`."""
        ...


@runtime_checkable
class Reader(Protocol):
    """Writes an answer from evidence."""

    name: str

    def draft(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> Draft:
        """Propose an answer; every sentence is checked afterwards."""
        ...


@runtime_checkable
class StreamingReader(Reader, Protocol):
    """A reader that takes long enough for its sentences to be checked and shown as they are written."""

    def stream(
        self, question: str, evidence: Sequence[Evidence], style: AnswerStyle
    ) -> Iterator[DraftSentence | Draft]:
        """Yield each sentence once it is written, then the whole draft; closing the iterator stops the writing."""
        ...


@runtime_checkable
class WholeReader(Reader, Protocol):
    """A reader that may want to see more of a document than search found of it."""

    def whole(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> tuple[str, ...]:
        """Return the ids of the documents to add the whole of behind the evidence, most wanted first; often none."""
        ...


@runtime_checkable
class SummaryReader(Reader, Protocol):
    """A reader that can make use of what the documents of its evidence are about as a whole."""

    @property
    def reads_summaries(self) -> bool:
        """Whether it wants the gist of each document beside its passages, in `Evidence.summary`."""
        ...


@runtime_checkable
class Verifier(Protocol):
    """Tells whether evidence supports a claim."""

    name: str
    threshold: float
    """Score from which a claim counts as supported."""

    def support(self, claim: str, evidence: Sequence[Evidence]) -> Support:
        """Score how well the evidence supports the claim, and say where."""
        ...


@runtime_checkable
class Executor(Protocol):
    """Runs one function over many items, in order: in this process, in others, or on a cluster."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `function(item)` for each item, in order, reading ahead only as far as memory is bounded."""
        ...
