"""Answers: drafts, what the verifier says of them, and what is left with its citations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from odqa.errors import UsageError
from odqa.schema.document import Span
from odqa.schema.evidence import Calculation, Conflict, Evidence
from odqa.schema.trace import Answerability, Trace


@dataclass(frozen=True, slots=True)
class TableRow:
    """A sentence shown as a row of a small table; sentences of one paragraph with the same columns make one table.

    Attributes:
        columns: header of each column.
        cells: what stands under them, one for each column.
    """

    columns: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence that a reader proposes, with where it says it comes from.

    Attributes:
        text: the sentence, without citation marks.
        evidence: indices into the evidence given to the reader.
        spans: characters of `evidence[0]`'s document it was taken from, where the reader knows.
        quoted: the sentence is verbatim source text.
        paragraph: index of the paragraph (or bullet) it belongs to.
        calculation: what the sentence states, where it states the result of a table operation.
        row: how it is shown in a table, where it is a row of one; `text` says the same as a sentence.
        doubted: the model that wrote it finds its wording unlikely; it stands only where a source has the same words.
    """

    text: str
    evidence: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()
    quoted: bool = False
    paragraph: int = 0
    calculation: Calculation | None = None
    row: TableRow | None = None
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reader proposes before it is checked.

    Attributes:
        sentences: in order; empty means the reader found nothing to say.
        refusal: why there is nothing to say, when there is not.
        confidence: the reader's own belief, 0–1, that the question is answered.
        headings: headings by the paragraph that they stand over; not claims, so in the documents' own words.
        note: what a person should know of how it was written, e.g. that it was cut at the most tokens allowed.
        tokens: tokens that a model read (`read`) and wrote (`written`) for it; empty where none did.
    """

    sentences: tuple[DraftSentence, ...]
    refusal: str = ""
    confidence: float = 0.0
    headings: Mapping[int, str] = field(default_factory=dict)
    note: str = ""
    tokens: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Support:
    """How well evidence supports a claim.

    Attributes:
        score: 0 (not at all) to 1 (entailed).
        evidence: index of the evidence that supports it best, or None.
        spans: characters of that evidence's document that carry the support.
        contradiction: something checkable disagrees (a number, a name, a negation).
        reason: one phrase, for people: `number 42 is not in the evidence`.
        also: further evidence without which the claim is not supported, each with characters of its document.
    """

    score: float
    evidence: int | None = None
    spans: tuple[Span, ...] = ()
    contradiction: bool = False
    reason: str = ""
    also: tuple[tuple[int, tuple[Span, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A claim's tie to the exact characters it rests on.

    Attributes:
        marker: the `[n]` printed in the text; one number for each cited place.
        document_id: the document cited.
        title: its title.
        source: path or URL.
        spans: characters of the document's canonical text.
        quote: those characters, verbatim, joined by " … " where there are several spans.
        section: heading path, outermost first.
        page: 1-based page, for paged sources.
        start_s: seconds into the recording, for transcripts.
        speaker: who said it, for transcripts.
        support: the verifier's score, 0–1.
    """

    marker: int
    document_id: str
    title: str
    source: str
    spans: tuple[Span, ...]
    quote: str
    section: tuple[str, ...] = ()
    page: int | None = None
    start_s: float | None = None
    speaker: str | None = None
    support: float = 0.0


class Verdict(StrEnum):
    """What the verifier made of a claim."""

    SUPPORTED = "supported"
    REPAIRED = "repaired"
    FLAGGED = "flagged"


@dataclass(frozen=True, slots=True)
class Claim:
    """One checkable sentence of an answer.

    Attributes:
        text: the sentence, without marks.
        citations: the places it rests on; empty only when flagged.
        support: the verifier's score, 0–1.
        verdict: supported, repaired or flagged.
        paragraph: index of the paragraph (or bullet) it belongs to.
        row: how it is shown in a table, where it is a row of one.
    """

    text: str
    citations: tuple[Citation, ...]
    support: float
    verdict: Verdict = Verdict.SUPPORTED
    paragraph: int = 0
    row: TableRow | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A drafted sentence that did not pass.

    Attributes:
        text: as drafted.
        reason: what the verifier said against it.
        support: the verifier's score, 0–1.
        replaced: a sentence of the source stands in its place.
        kept: it stays in the answer, marked as unsupported; where neither is so, it was dropped.
    """

    text: str
    reason: str
    support: float = 0.0
    replaced: bool = False
    kept: bool = False


class Style(StrEnum):
    """How an answer is laid out."""

    LONG = "long"
    SHORT = "short"
    BULLETS = "bullets"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class AnswerStyle:
    """Layout and length of an answer.

    Attributes:
        style: the layout; None lets the reader choose by the question (a factoid is answered shortly).
        words: length to aim at; None takes the style's own.
    """

    style: Style | None = None
    words: int | None = None

    @classmethod
    def of(cls, style: Style | str | None, words: int | None) -> Self:
        """Return what a caller asks for.

        Raises:
            UsageError: there is no such style, or `words` is below one.
        """
        if words is not None and words < 1:
            raise UsageError(f"words must be at least 1, not {words}")
        try:
            return cls(None if style is None else Style(style), words)
        except ValueError:
            raise UsageError(f"there is no style {style!r}", f"choose {', '.join(Style)}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer, or a refusal with the nearest evidence.

    Attributes:
        question: as asked.
        claims: the answer's sentences in order, each with its citations.
        evidence: what was read, best first.
        refused: the documents do not say.
        reason: why it was refused, or a note such as "2 unsupported sentences were dropped"; else "".
        confidence: 0–1.
        style: the layout used.
        dropped: number of sentences that the verifier removed.
        rejected: the drafted sentences that did not pass, and why, in order.
        headings: headings by the paragraph that they stand over.
        rewritten: the question as it was searched for, where a conversation made another of it; else "".
        tokens: tokens that a model read (`read`) and wrote (`written`); empty where none did.
        timings: seconds by stage: those of search (encode, pooled, passages, hops, read, rerank, tables, judge, where
            `read` is reading the passages found), then guard (orders in documents are taken out), draft, verify, and
            total, from the question to the answer.
        trace: how the evidence was found.
        answerability: whether the evidence answers the question, as search sees it.
    """

    question: str
    claims: tuple[Claim, ...]
    evidence: tuple[Evidence, ...]
    refused: bool = False
    reason: str = ""
    confidence: float = 0.0
    style: Style = Style.LONG
    dropped: int = 0
    rejected: tuple[Rejection, ...] = ()
    headings: Mapping[int, str] = field(default_factory=dict)
    rewritten: str = ""
    tokens: Mapping[str, int] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    trace: Trace | None = None
    answerability: Answerability | None = None

    @property
    def text(self) -> str:
        """The answer's sentences with `[n]` marks; for a refusal, the sentence that says so."""
        if self.refused:
            return f"The documents do not say. {self.reason}".strip()
        return self.joined(marks=True)

    def joined(self, *, marks: bool) -> str:
        """Join the claims into paragraphs, or bullets, with or without `[n]` marks."""
        paragraphs: dict[int, list[str]] = {}
        for claim in self.claims:
            cited = "".join(f" [{n}]" for n in sorted({c.marker for c in claim.citations})) if marks else ""
            paragraphs.setdefault(claim.paragraph, []).append(claim.text + cited)
        lines = [" ".join(sentences) for sentences in paragraphs.values()]
        if self.style is Style.BULLETS:
            return "\n".join(f"- {line}" for line in lines)
        return "\n\n".join(lines)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Every citation of every claim, in the order of the text."""
        return tuple(citation for claim in self.claims for citation in claim.citations)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Every disagreement among the evidence, once."""
        return tuple(dict.fromkeys(conflict for item in self.evidence for conflict in item.conflicts))

    @property
    def sources(self) -> tuple[Citation, ...]:
        """One citation for each marker, in the order of the markers."""
        first: dict[int, Citation] = {}
        for citation in self.citations:
            first.setdefault(citation.marker, citation)
        return tuple(first[marker] for marker in sorted(first))

    def __str__(self) -> str:
        return self.text


class EventKind(StrEnum):
    """What a streamed event carries."""

    EVIDENCE = "evidence"
    SENTENCE = "sentence"
    VERDICT = "verdict"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a streamed answer: the evidence; each sentence as drafted, and what became of it; the whole answer.

    Attributes:
        kind: what it carries.
        evidence: what was found.
        sentence: a sentence as drafted, which nothing has checked yet.
        claim: the sentence that passed, or the one of the source that replaces it; None if it was dropped.
        rejection: why the sentence as drafted did not pass; None if it did.
        answer: the whole answer.
    """

    kind: EventKind
    evidence: tuple[Evidence, ...] = ()
    sentence: DraftSentence | None = None
    claim: Claim | None = None
    rejection: Rejection | None = None
    answer: Answer | None = None
