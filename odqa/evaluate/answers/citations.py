"""Citation recall and precision as ALCE defines them (Gao et al., 2023, section 3), judged by a verifier.

A sentence is *recalled* if its citations, read together, support it. A citation is *precise* if its sentence is
recalled and it either supports the sentence alone or is needed: without it the others do not support the sentence.
Recall is the share of sentences recalled; precision is the share of citations that are precise, those of sentences
that are not recalled counting as imprecise. This is what `compute_autoais` of princeton-nlp/ALCE computes, down to
reading the first three citations of a sentence only. It differs in five ways:

* A verifier takes the place of the T5-11B NLI model. Where the same verifier has let the sentence pass into the
  answer, as it has unless another judge is named, the figures are circular: they then say that citations were narrowed
  without losing their support, and nothing about whether that support is real.
* The premise is the characters that are cited, with title, headings and table headers, not a passage of 100 words
  around them. Every other character of the document is blanked out before the judge sees it, so an index-level
  neighbour cannot lend support. This is stricter.
* Sentences are the engine's claims, not those that NLTK finds, and a citation is one place of a document.
* A sentence that states what a table operation gives is judged by doing the operation again on the cited cells, since
  no text holds its number.
* Citations of several documents are handed to the judge as several pieces of evidence, not as one joined text: whether
  they may support a sentence only jointly is the judge's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odqa.data.sentences import split_sentences
from odqa.reader.quote import GAP
from odqa.reader.words import squeeze
from odqa.retriever.tables import recompute
from odqa.schema import Block, BlockKind, Document, Evidence, Span

if TYPE_CHECKING:
    from odqa.protocols import Verifier
    from odqa.schema import Answer, Citation, Claim

MOST_CITATIONS = 3
"""Citations of one sentence that are judged, ALCE's `--at_most_citations`."""


@dataclass(frozen=True, slots=True)
class CitationFigures:
    """Counts over the citations of one answer.

    Attributes:
        supported: for each sentence, whether its citations support it.
        judged: citations judged: of each sentence the first `MOST_CITATIONS`.
        precise: how many of them are needed, or enough, to support a sentence that is supported.
        cited: all citations.
        exact: how many of those quote their document character by character.
    """

    supported: tuple[bool, ...]
    judged: int
    precise: int
    cited: int
    exact: int

    def values(self) -> dict[str, float]:
        """Return the figures by name; an answer without sentences has none, and ALCE leaves it out too."""
        if not self.supported:
            return {}
        sentences = len(self.supported)
        figures = {
            "citation_recall": sum(self.supported) / sentences,
            "citation_precision": self.precise / self.judged if self.judged else 0.0,
            "citations_per_sentence": self.cited / sentences,
        }
        return figures | ({"citation_exact": self.exact / self.cited} if self.cited else {})


def judge_citations(answer: Answer, judge: Verifier) -> CitationFigures:
    """Judge every citation of an answer.

    Args:
        answer: with the evidence it was written from, which the citations are resolved in.
        judge: tells whether cited characters support a sentence; one that had no part in writing the answer gives
            figures that are not circular.
    """
    documents = {item.document.id: item.document for item in answer.evidence}
    supported: list[bool] = []
    judged = precise = 0
    for claim in answer.claims:
        citations = claim.citations[:MOST_CITATIONS]
        judged += len(citations)
        recalled = _supports(judge, claim, citations, answer.evidence)
        supported.append(recalled)
        if recalled:
            precise += sum(
                _is_precise(judge, claim, citations, number, answer.evidence) for number in range(len(citations))
            )
    exact = sum(is_exact(citation, documents) for citation in answer.citations)
    return CitationFigures(tuple(supported), judged, precise, len(answer.citations), exact)


def is_exact(citation: Citation, documents: Mapping[str, Document]) -> bool:
    """Tell whether a citation quotes exactly the characters that it names; `documents` by id."""
    document = documents.get(citation.document_id)
    if document is None or not citation.spans:
        return False
    inside = all(0 <= span.start < span.end <= len(document.text) for span in citation.spans)
    return inside and citation.quote == GAP.join(span.of(document.text) for span in citation.spans)


def premise(citations: Sequence[Citation], evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return what the citations say and nothing else: one piece of evidence for each document cited.

    Its document keeps title, blocks and offsets, so that a judge can tell speakers and columns, but every character
    that is not cited is blank, save the headers of tables that are.

    Args:
        citations: of one sentence.
        evidence: what the answer was written from.
    """
    spans: dict[str, list[Span]] = {}
    for citation in citations:
        spans.setdefault(citation.document_id, []).extend(citation.spans)
    narrowed = []
    for document_id, cited in spans.items():
        held = [item for item in evidence if item.document.id == document_id]
        if held and cited:
            narrowed.append(_narrowed(held, sorted(set(cited))))
    return narrowed


def _supports(judge: Verifier, claim: Claim, citations: Sequence[Citation], evidence: Sequence[Evidence]) -> bool:
    cited = premise(citations, evidence)
    if not cited:
        return False
    if _is_calculated(claim, cited, evidence):
        return True
    support = judge.support(claim.text, cited)
    return support.score >= judge.threshold and not support.contradiction


def _is_calculated(claim: Claim, cited: Sequence[Evidence], evidence: Sequence[Evidence]) -> bool:
    """Tell whether a sentence states a calculation that the cited cells, and nothing else, give."""
    stated = [
        (item.document.id, calculation)
        for item in evidence
        for calculation in item.calculations
        if squeeze(calculation.statement) == claim.text
    ]
    return any(
        item.document.id == id_ and recompute(calculation, item.document)
        for id_, calculation in stated
        for item in cited
    )


def _is_precise(
    judge: Verifier, claim: Claim, citations: Sequence[Citation], number: int, evidence: Sequence[Evidence]
) -> bool:
    """Judge one citation of a sentence that is recalled."""
    if len(citations) == 1 or _supports(judge, claim, [citations[number]], evidence):
        return True
    return not _supports(judge, claim, [*citations[:number], *citations[number + 1 :]], evidence)


def _narrowed(held: Sequence[Evidence], cited: Sequence[Span]) -> Evidence:
    document = held[0].document
    blocks = [block for block in document.blocks if any(block.span.overlaps(span) for span in cited)]
    headers = [header for block in blocks for header in _header(block)]
    sentences = tuple(_sentences(held, cited, blocks))
    nearest = next((item for item in held if item.passage.span.overlaps(cited[0])), held[0])
    whole = Span(min(s.start for s in sentences), max(s.end for s in sentences))
    passage = replace(nearest.passage, span=whole, sentences=sentences)
    return replace(
        nearest, document=replace(document, text=_blanked(document.text, [*headers, *cited]), links=()), passage=passage
    )


def _blanked(text: str, kept: Sequence[Span]) -> str:
    """Return the text with blanks in place of every character outside the spans; offsets stay."""
    parts: list[str] = []
    at = 0
    for span in sorted(kept):
        if span.end > at:
            start = max(span.start, at)
            parts += [" " * (start - at), text[start : span.end]]
            at = span.end
    return "".join([*parts, " " * (len(text) - at)])


def _header(block: Block) -> list[Span]:
    return [cell for row in block.rows[: block.header_rows] for cell in row]


def _sentences(held: Sequence[Evidence], cited: Sequence[Span], blocks: Sequence[Block]) -> list[Span]:
    """Return the sentences that are cited, each cut to its cited part; a table row stays one sentence."""
    text = held[0].document.text
    known = {sentence for item in held for sentence in item.passage.sentences}
    found: set[Span] = set()
    for span in cited:
        inside = [sentence for sentence in known if sentence.overlaps(span)]
        found.update(inside or split_sentences(text, span))
    rows = {
        Span(row[0].start, row[-1].end)
        for block in blocks
        if block.kind is BlockKind.TABLE
        for row in block.rows
        if row
    }
    cut: list[Span] = []
    for sentence in sorted(found):
        parts = [span for span in cited if span.overlaps(sentence)]
        if not any(row.overlaps(sentence) for row in rows):
            sentence = Span(max(sentence.start, parts[0].start), min(sentence.end, parts[-1].end))
        cut.append(sentence)
    return cut
